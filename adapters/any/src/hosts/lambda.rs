//! AWS Lambda.

use std::io;
use std::process::ExitCode;

use anyhost_core::{Error, IntoHandler};
use tokio::runtime::Builder;

use super::{block_on, build_handler};
use crate::detect::Detected;

pub(crate) fn run<K, H, E>(
    build: impl AsyncFnOnce() -> Result<H, E>,
    detected: &Detected,
) -> Result<ExitCode, Error>
where
    H: IntoHandler<K>,
    E: Into<Error>,
{
    detected.log();
    // Without concurrency there is one invocation at a time, and one thread is enough.
    let builder = match std::env::var("AWS_LAMBDA_MAX_CONCURRENCY").as_deref() {
        Err(_) | Ok("" | "1") => Builder::new_current_thread(),
        Ok(_) => Builder::new_multi_thread(),
    };
    block_on(builder, async {
        match build_handler(build).await {
            Ok(handler) => anyhost_lambda::serve(handler).await?,
            Err(error) => {
                anyhost_lambda::report_init_error(&error).await;
                return Err(error);
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

pub(crate) async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    anyhost_lambda::serve(handler).await
}
