//! Runs a handler on the host that started the process.

use std::io;
use std::process::ExitCode;

use anyhost_core::{BoxError, Error, IntoHandler};
use tokio::runtime::Handle;

use crate::detect::detect;
use crate::hosts::{self, HostKind};
use crate::log;

/// Runs a handler on the host that started this process, until that host stops the process.
///
/// The first matching rule selects the host. At level `info`, the log says which rule matched.
///
/// 1. `ANYHOST=http|lambda|cgi`
/// 2. `AWS_LAMBDA_RUNTIME_API` is set: AWS Lambda
/// 3. `GATEWAY_INTERFACE` starts with `CGI/`: CGI (RFC 3875 §4.1.4)
/// 4. otherwise: the standalone server. If stdin is a listening socket, the process was started for
///    FastCGI, which is not supported, and `run` fails.
///
/// The standalone server listens at the addresses of `--listen`. Without this option, it listens on the sockets
/// that systemd passed. Without these, the port is the value of `FUNCTIONS_CUSTOMHANDLER_PORT`, of `PORT`, or 3000,
/// and the address is the value of `HOST`, or `0.0.0.0`. `--help` prints all options. CGI and Lambda ignore the
/// command line, because a web server can pass the query of a request on the command line (RFC 3875 §4.4).
///
/// `run` creates the Tokio runtime: with one thread for CGI, and with several threads on the other hosts. A program
/// that already has a runtime, for example from `#[tokio::main]`, must call [`serve`] instead, because `run` fails
/// inside a runtime. `tokio::task::block_in_place` panics on a runtime with one thread;
/// `tokio::task::spawn_blocking` works on every host.
///
/// `run` logs to stderr, unless the program has set a `tracing` subscriber. `ANYHOST_LOG_FORMAT=json` selects JSON. The standalone server never waits for
/// stderr: while stderr is not read, up to 1 MiB of lines are buffered, and further lines are dropped and
/// counted. Panics and failed starts are written to stderr even if the filter of the log disables these events.
///
/// Under CGI, stdout is the response. If the program prints to stdout before it calls `run`, call
/// [`cgi::isolate`](anyhost_cgi::isolate()) first, so that this output does not become part of the response.
///
/// The exit code is 0 for success, 1 for a failure that was logged, and 2 for an invalid command line. For CGI, the
/// exit code is 0 if the response is complete, 1 if the response was aborted, and 143 if SIGTERM ended the program.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     anyhost::run(|| async { "Hello, world!" })
/// }
/// ```
pub fn run<K>(handler: impl IntoHandler<K>) -> ExitCode {
    let handler = handler.into_handler();
    run_with(async move || Ok::<_, Error>(handler))
}

/// Like [`run`], for a handler that must be built inside the runtime, for example with a database pool.
///
/// If building the handler fails or panics, the error is logged with its sources, and the exit code is 1. On
/// Lambda, the error is also reported to the Runtime API (`/runtime/init/error`). Under CGI, the response
/// is 500, and the exit code is 0, as for every complete response.
///
/// If the function sets a `tracing` subscriber, this subscriber replaces the log to stderr after the function has
/// returned. While the function runs, events of its thread still go to stderr, and events of other threads go to the
/// new subscriber.
///
/// ```no_run
/// use anyhost::{Error, Router};
///
/// fn main() -> std::process::ExitCode {
///     anyhost::run_with(async || {
///         let greeting = std::fs::read_to_string("greeting.txt")?;
///         let hello = move || std::future::ready(greeting.clone());
///         Ok::<_, Error>(Router::new().get("/", hello))
///     })
/// }
/// ```
///
/// The error of the function can be of any type that converts into [`BoxError`]: [`Error`], `anyhow::Error`,
/// `Box<dyn std::error::Error + Send + Sync>`, or any type that implements [`std::error::Error`].
pub fn run_with<K, H, E>(build: impl AsyncFnOnce() -> Result<H, E>) -> ExitCode
where
    H: IntoHandler<K>,
    E: Into<BoxError>,
{
    let _flush = log::FlushAtExit;
    let detected = match detect() {
        Ok(detected) => detected,
        Err(error) => {
            let _log = log::init(HostKind::Http);
            log::failed_to_detect(&error);
            return ExitCode::FAILURE;
        }
    };
    let starting = log::init(detected.host);
    if Handle::try_current().is_ok() {
        log::failed_to_run(detected.host, IN_RUNTIME);
        return ExitCode::FAILURE;
    }
    let build = async move || {
        let _starting = starting;
        build().await.map_err(Error::from_boxed)
    };
    hosts::run(build, &detected).unwrap_or_else(|error| {
        // Log only the source: the status of an error is for clients, and a failed start has no client.
        let error = match error.source() {
            Some(_) => error.chain().to_string(),
            None => error.message().to_owned(),
        };
        log::failed_to_run(detected.host, &error);
        ExitCode::FAILURE
    })
}

const IN_RUNTIME: &str = "run was called inside a Tokio runtime, but creates its own: call anyhost::serve(handler).await \
                          instead, or remove #[tokio::main]";

/// Serves a handler on the host that started this process, in the Tokio runtime of the program. In a program with
/// `#[tokio::main]`, `serve` replaces `axum::serve(listener, app)`:
///
/// ```no_run
/// # async fn hello() -> &'static str { "Hello, world!" }
/// #[tokio::main]
/// async fn main() -> std::io::Result<()> {
///     // Or an axum router, with the feature `tower`.
///     let app = anyhost::Router::new().get("/", hello);
///     anyhost::serve(app).await
/// }
/// ```
///
/// The host is detected as in [`run`], but the command line is ignored: the standalone server listens at the
/// address in the environment. For CGI, call [`cgi::isolate`](anyhost_cgi::isolate()) at the start of `main`,
/// before any thread is started.
///
/// # Errors
/// An error if the host cannot be served, for example because an address is in use, or if a CGI response was
/// aborted.
pub async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    let detected = detect().map_err(io::Error::other)?;
    detected.log();
    hosts::serve(handler, detected.host).await
}
