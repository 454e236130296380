//! Sends the same requests to npm's `micro` and to anyhost, and compares the responses.
//!
//! `./tests/run micro` installs micro and runs this program. `requests.json` has the requests, and `differences.json` the
//! differences that are expected, each with its reason. A difference that is not declared fails, and so does a declared
//! difference that no request shows. The guide "Coming from micro" lists the same differences.

mod compare;
mod differences;
mod exchange;
#[cfg(test)]
mod guide;
mod micro;
mod requests;
mod response;
mod routes;
mod services;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhost::Router;
use anyhost::server::Server;
use futures_util::{StreamExt, stream};

use compare::Compared;
use micro::Micro;
use requests::{Request, Target};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CONCURRENT: usize = 16;

#[tokio::main]
async fn main() -> Outcome<ExitCode> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: micro FOLDER, where FOLDER has server.js and node_modules");
        return Ok(ExitCode::from(2));
    };
    // Some services panic.
    std::panic::set_hook(Box::new(|_| {}));
    let micro = Micro::start(&folder).await?;
    let anyhost = Anyhost::start().await?;
    let requests = requests::load()?;
    let compared: Vec<_> = stream::iter(&requests)
        .map(|request| compare(request, &folder, &micro, &anyhost))
        .buffered(CONCURRENT)
        .collect()
        .await;
    let compared = compared.into_iter().collect::<Outcome<Vec<_>>>()?;
    let report = differences::check(&differences::load()?, &compared);
    print!("{report}");
    Ok(match report.is_success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Sends a request to both servers. A request that ends the process of micro gets its own process.
async fn compare<'a>(
    request: &'a Request,
    folder: &std::path::Path,
    micro: &Micro,
    anyhost: &Anyhost,
) -> Outcome<Compared<'a>> {
    let theirs = match request.alone {
        false => exchange::exchange(micro.address(request.target), request).await?,
        true => {
            let micro = Micro::start(folder).await?;
            let mut theirs = exchange::exchange(micro.address(request.target), request).await?;
            if theirs.is_closed() && micro.has_exited().await {
                theirs.set_connection("process ended");
            }
            theirs
        }
    };
    let ours = exchange::exchange(anyhost.address(request.target), request).await?;
    Ok(Compared::new(request, &theirs, &ours))
}

/// The servers with the services and routes in Rust.
struct Anyhost {
    addresses: Vec<(Target, SocketAddr)>,
}

impl Anyhost {
    async fn start() -> Outcome<Self> {
        let mut addresses = Vec::new();
        for (target, router) in [
            (Target::Services, services::services as fn() -> Router),
            (Target::Routes, routes::routes),
            (Target::Site, routes::site),
        ] {
            let server = Server::bind("127.0.0.1:0").await?;
            let address = server.url().trim_start_matches("http://").parse()?;
            addresses.push((target, address));
            tokio::spawn(server.serve(router()));
        }
        Ok(Self { addresses })
    }

    fn address(&self, target: Target) -> SocketAddr {
        let mut addresses = self.addresses.iter();
        let found = addresses.find(|(known, _)| *known == target);
        found.map_or_else(
            || unreachable!("every target has a server"),
            |(_, address)| *address,
        )
    }
}
