//! Starts each host: makes the runtime that it needs, builds the handler, and returns the exit code.

#[cfg(feature = "cgi")]
pub(crate) mod cgi;
#[cfg(feature = "http")]
pub(crate) mod http;
#[cfg(feature = "lambda")]
pub(crate) mod lambda;

use std::process::ExitCode;

use anyhost_core::Error;
use anyhost_core::adapter::panic::catch_panic;
use tokio::runtime::Builder;

/// Runs a future on a new runtime. Does not wait for threads that are blocked in a system call, because
/// they could keep the process alive.
fn block_on(
    mut builder: Builder,
    future: impl Future<Output = Result<ExitCode, Error>>,
) -> Result<ExitCode, Error> {
    let runtime = builder.enable_all().build()?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result
}

/// Builds the handler. A panic is returned as an error, so that each host handles it like an error: Lambda
/// reports it to the Runtime API, and CGI responds with 500.
async fn build_handler<H, E: Into<Error>>(
    build: impl AsyncFnOnce() -> Result<H, E>,
) -> Result<H, Error> {
    match catch_panic(async { build().await }).await {
        Ok(built) => built.map_err(Into::into),
        Err(panic) => Err(Error::from(panic)),
    }
}
