//! Starts a CGI program.

use std::io;
use std::process::ExitCode;

use anyhost_cgi::Outcome;
use anyhost_core::{Error, IntoHandler};
use tokio::runtime::Builder;

use super::{block_on, build_handler};
use crate::detect::Detected;

/// 128 + 15 (SIGTERM): the exit code that shells report for a process that SIGTERM ended.
const TERMINATED: u8 = 143;

pub(crate) fn run<K, H, E>(
    build: impl AsyncFnOnce() -> Result<H, E>,
    detected: &Detected,
) -> Result<ExitCode, Error>
where
    H: IntoHandler<K>,
    E: Into<Error>,
{
    // `isolate` must run before the first thread starts, and before the handler can print to stdout or read HTTP_PROXY.
    anyhost_cgi::isolate()?;
    detected.log();
    // Use one thread, although `block_in_place` panics on such a runtime. A runtime with a worker thread takes 11,000
    // more instructions, and fails to start on shared hosting that limits threads.
    block_on(Builder::new_current_thread(), async {
        let outcome = match build_handler(build).await {
            Ok(handler) => anyhost_cgi::serve(handler).await?,
            Err(error) => anyhost_cgi::fail(error).await?,
        };
        Ok(exit_code(outcome))
    })
}

/// Returns the exit code. It is 0 if the web server got a complete response, even if the response is an error.
fn exit_code(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Aborted => ExitCode::FAILURE,
        Outcome::Terminated => ExitCode::from(TERMINATED),
        _ => ExitCode::SUCCESS,
    }
}

pub(crate) async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    match anyhost_cgi::serve(handler).await? {
        Outcome::Aborted => Err(io::Error::other("the response was aborted")),
        Outcome::Terminated => Err(io::Error::other("SIGTERM ended the request")),
        _ => Ok(()),
    }
}
