//! Starts the standalone server.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use anyhost_core::adapter::is_development;
use anyhost_core::{Error, IntoHandler};
use anyhost_hyper::{Inherited, Server, ShutdownSignals};
use tokio::runtime::Builder;

use super::{block_on, build_handler};
use crate::args::Args;
use crate::detect::Detected;
use crate::development::serve_logged;
use crate::log;

/// The time between the drain timeout and the end of the process, if the main thread is blocked. It is longer than two
/// seconds, because the normal shutdown of the server can take two seconds more than the drain timeout.
const EXIT_GRACE: Duration = Duration::from_secs(4);

pub(crate) fn run<K, H, E>(
    build: impl AsyncFnOnce() -> Result<H, E>,
    detected: &Detected,
) -> Result<ExitCode, Error>
where
    H: IntoHandler<K>,
    E: Into<Error>,
{
    let mut args = match Args::parse_from_args(std::env::args_os())? {
        Ok(args) => args,
        Err(code) => return Ok(code),
    };
    if let Some(command) = args.take_command() {
        return command.run(build);
    }
    #[cfg(all(feature = "front-door", feature = "lambda"))]
    match args.take_front_door().front_door() {
        Ok(None) => {}
        Ok(Some(front_door)) => {
            front_door.log();
            let build = async move || {
                let handler = build_handler(build).await?;
                front_door.client(handler).map_err(Error::from)
            };
            return listen_and_serve(args, build, detected);
        }
        // An invalid variable is reported in the log, as on every host.
        Err(error) if error.name().starts_with("ANYHOST_") => return Err(error.into()),
        Err(error) => return Ok(crate::commands::invalid_input(error)),
    }
    listen_and_serve(args, build, detected)
}

fn listen_and_serve<K, H, E>(
    args: Args,
    build: impl AsyncFnOnce() -> Result<H, E>,
    detected: &Detected,
) -> Result<ExitCode, Error>
where
    H: IntoHandler<K>,
    E: Into<Error>,
{
    detected.log();
    let inherited = args.take_inherited()?;
    // Install the signal handlers before the request handler is built, which can take long. If this is process 1, the
    // kernel discards each signal that has no signal handler.
    let mut signals = ShutdownSignals::install()?;
    let _exit = signals.exit_after(args.shutdown_time().saturating_add(EXIT_GRACE));
    block_on(Builder::new_multi_thread(), async {
        let handler = tokio::select! {
            handler = build_handler(build) => handler?,
            reason = signals.received() => {
                tracing::info!(reason, "stopped during the start");
                return Ok(ExitCode::SUCCESS);
            }
        };
        let server = log::with_access_log(args.bind(inherited).await?);
        serve_handler(server, handler).await?;
        Ok(ExitCode::SUCCESS)
    })
}

pub(crate) async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    let server = Args::from_env()?.bind(Inherited::take()?).await?;
    serve_handler(server, handler).await
}

/// In development mode, requests and responses are logged with their headers and bodies.
async fn serve_handler<K>(server: Server, handler: impl IntoHandler<K>) -> io::Result<()> {
    match is_development() {
        true => serve_logged(server, Box::new(handler.into_handler())).await,
        false => server.serve(handler).await,
    }
}
