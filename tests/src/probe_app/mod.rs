//! The probe: an application whose routes exercise everything that an adapter can get wrong.
//!
//! The suite sends its requests to this application, in the same process or deployed as the program
//! `probe` (`cargo build --release --example probe`). Every route is documented at its definition.
//!
//! The program reads these variables:
//!
//! - `PROBE_LINT`: if set, `anyhost::testing::lint` checks the contract between the handlers and the host for
//!   each request and response.
//! - `PROBE_START`: `fail` and `panic` make the start fail; `wait` and `block` make the start never finish; `print`
//!   writes to standard output before the first request. Under CGI, this output must not become a part of the response.
//! - `PROBE_DONE`: a file that `POST /after/{ms}` creates when its `wait_until` work is done.

mod counted;
mod described;
mod echo;
mod failures;
mod request_bodies;
mod responses;
mod streams;
mod work_after_response;

pub use echo::echo;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use anyhost::http::StatusCode;
use anyhost::testing::lint;
use anyhost::{Error, Limit, Request, RequestExt, Result, Router};

/// The limit for request bodies, larger than every body that the suite sends.
const TEN_MIB: Limit = Limit::mib(10);

/// Runs the probe on the host that started this process.
pub fn main() -> ExitCode {
    anyhost::run_with(async || match std::env::var("PROBE_START").as_deref() {
        Ok("fail") => Err(Error::from(io::Error::other("PROBE_START=fail"))),
        Ok("panic") => panic!("PROBE_START=panic"),
        Ok("wait") => std::future::pending().await,
        Ok("block") => loop {
            std::thread::park();
        },
        Ok("print") => {
            println!("printed by the program");
            println!("HTTP_PROXY={:?}", std::env::var_os("HTTP_PROXY"));
            Ok(app_without_lint())
        }
        _ if std::env::var_os("PROBE_LINT").is_some() => Ok(app()),
        _ => Ok(app_without_lint()),
    })
}

/// The application with `lint` around every route that keeps the contract.
pub fn app() -> Router {
    contract_breaking_routes().fallback(lint(contract_keeping_routes()))
}

/// The application without `lint`.
pub fn app_without_lint() -> Router {
    contract_keeping_routes().merge(contract_breaking_routes())
}

fn contract_keeping_routes() -> Router {
    Router::new()
        .merge(echo::routes())
        .merge(request_bodies::routes())
        .merge(responses::routes())
        .merge(streams::routes())
        .merge(failures::routes())
        .merge(work_after_response::routes())
        .merge(counted::routes())
}

/// Routes whose responses `lint` would reject, for example because a 204 has a body. They show how the host
/// handles such a response.
fn contract_breaking_routes() -> Router {
    Router::new()
        .merge(responses::contract_breaking_routes())
        .merge(counted::contract_breaking_routes())
        .merge(described::contract_breaking_routes())
}

/// The status in the path parameter `code`.
fn status_parameter(request: &Request) -> Result<StatusCode> {
    let code: u16 = request.param("code")?;
    StatusCode::from_u16(code).map_err(|_| Error::new(StatusCode::BAD_REQUEST, "No such status"))
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    use super::{app, app_without_lint};

    /// This test checks only `lint`. The cases of the suite, which also run in-process, check everything else about
    /// the routes.
    #[tokio::test]
    async fn lint_does_not_change_the_responses_of_the_probe() {
        let (plain, linted) = (Client::new(app_without_lint()), Client::new(app()));
        for target in [
            "/hello",
            "/null",
            "/hop",
            "/headers",
            "/large/9",
            "/stream",
            "/status/304",
            "/status/100",
            "/location/302",
            "/gzip",
            "/error/429",
            "/fail",
            "/panic",
            "/nowhere",
            "/bytes",
            "/empty",
        ] {
            let (plain, linted) = (plain.get(target).await, linted.get(target).await);
            assert_eq!(linted.status(), plain.status(), "{target}");
            assert_eq!(linted.headers(), plain.headers(), "{target}");
            let (plain, linted) = (plain.bytes().await, linted.bytes().await);
            assert_eq!(linted.unwrap(), plain.unwrap(), "{target}");
        }
        for target in ["/panic-late", "/stream-error"] {
            let mut aborted = linted.get(target).await;
            assert_eq!(aborted.chunk().await.unwrap().unwrap(), "first");
            assert!(aborted.chunk().await.is_err());
        }
    }
}
