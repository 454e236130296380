//! Starts an AWS Lambda function.

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
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = worker_threads() {
        builder.worker_threads(threads);
    }
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

/// The number of worker threads, or `None` for Tokio's default, the number of CPUs. Concurrent invocations need more
/// workers, because each invocation can block one worker, and one more worker has to poll the I/O driver.
fn worker_threads() -> Option<usize> {
    const MAX: usize = 128;
    let concurrency = std::env::var("AWS_LAMBDA_MAX_CONCURRENCY").ok()?;
    let concurrency: usize = concurrency.parse().ok().filter(|count| *count > 1)?;
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    Some(concurrency.saturating_add(1).min(MAX).max(cpus))
}

pub(crate) async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    anyhost_lambda::serve(handler).await
}
