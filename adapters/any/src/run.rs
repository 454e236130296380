//! From `main` to the host's adapter.

use std::io;
use std::process::ExitCode;

use anyhost_core::{Error, IntoHandler};
#[cfg(feature = "http")]
use anyhost_hyper::Inherited;

#[cfg(any(feature = "cgi", feature = "http", feature = "lambda"))]
use tokio::runtime::Builder;

use crate::choice::{Choice, Place, choose, stdin_listens};
use crate::log;

/// Runs a handler on the host that woke this process, until that host is done with it.
///
/// The first of these rules that holds decides, and the log says which it was:
///
/// 1. `ANYHOST=http|lambda|cgi`
/// 2. `AWS_LAMBDA_RUNTIME_API` is set: an AWS Lambda function
/// 3. `GATEWAY_INTERFACE` starts with `CGI/`: a CGI program (RFC 3875 §4.1.4)
/// 4. otherwise: the standalone server, unless stdin is a listening socket: that is FastCGI, which is not
///    spoken here
///
/// The server listens where `--listen` says, else on the sockets that systemd passed, else on the
/// port in `FUNCTIONS_CUSTOMHANDLER_PORT`, else on the one in `PORT` (with `HOST`), else on
/// `0.0.0.0:3000`. `--help` tells the rest. Under CGI and on Lambda the command line is not looked at: a web
/// server may put a client's query there (RFC 3875 §4.4).
///
/// It makes the runtime that fits the host (one thread for CGI and Lambda), and logs to stderr
/// unless the program has set a `tracing` subscriber. Exit status 0 is success, 1 a failure that
/// the log explains, 2 a command line that was not understood.
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

/// Like [`run`], for a handler that must be built inside the runtime first, such as one with a
/// database pool.
///
/// If building fails, the error is logged with its sources and the exit status is 1; on Lambda it
/// is also reported as a failed start (`/runtime/init/error`).
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
pub fn run_with<K, H, E>(build: impl AsyncFnOnce() -> Result<H, E>) -> ExitCode
where
    H: IntoHandler<K>,
    E: Into<Error>,
{
    let choice = match choose(|name| std::env::var_os(name), stdin_listens) {
        Ok(choice) => choice,
        Err(wrong) => {
            log::init(Place::Http);
            tracing::error!("{wrong}");
            return ExitCode::FAILURE;
        }
    };
    log::init(choice.place);
    match choice.place {
        Place::Http => http(build, &choice),
        Place::Lambda => lambda(build, &choice),
        Place::Cgi => cgi(build, &choice),
    }
    .unwrap_or_else(|error| {
        tracing::error!("{error:?}");
        ExitCode::FAILURE
    })
}

/// Serves a handler on the host that woke this process, inside a runtime of the program's own.
///
/// The host is found as [`run`] finds it, but the command line is the program's: the server listens
/// where the environment says. Under CGI, call [`cgi::isolate`](anyhost_cgi::isolate()) at the start of
/// `main`: it is too late for that here.
///
/// # Errors
/// When the host cannot be served: an address that cannot be bound, say, or a reply that was cut.
pub async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    let choice = choose(|name| std::env::var_os(name), stdin_listens).map_err(io::Error::other)?;
    decided(&choice);
    match choice.place {
        #[cfg(feature = "http")]
        Place::Http => {
            crate::args::Args::from_env()?
                .bind(Inherited::take()?)
                .await?
                .serve(handler)
                .await
        }
        #[cfg(feature = "lambda")]
        Place::Lambda => anyhost_lambda::serve(handler).await,
        #[cfg(feature = "cgi")]
        Place::Cgi => anyhost_cgi::serve(handler).await,
        #[allow(unreachable_patterns)]
        place => {
            drop(handler);
            Err(io::Error::other(missing(place)))
        }
    }
}

fn decided(choice: &Choice) {
    tracing::info!(host = ?choice.place, "{}", choice.reason);
}

#[allow(dead_code)]
fn missing(place: Place) -> String {
    format!("this program was built without anyhost's feature for {place:?}")
}

#[cfg(feature = "http")]
fn http<K, H, E>(
    build: impl AsyncFnOnce() -> Result<H, E>,
    choice: &Choice,
) -> Result<ExitCode, Error>
where
    H: IntoHandler<K>,
    E: Into<Error>,
{
    let args = match crate::args::Args::parse_from_args(std::env::args_os()) {
        Ok(Ok(args)) => args,
        Ok(Err(code)) => return Ok(code),
        Err(error) => return Err(error.into()),
    };
    decided(choice);
    let inherited = args.take_inherited()?;
    run_on(Builder::new_multi_thread(), async {
        let handler = build().await.map_err(Into::into)?;
        args.bind(inherited).await?.serve(handler).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The handler, or why there is none: a panic is a reason as well.
#[cfg(feature = "lambda")]
async fn built<H, E: Into<Error>>(build: impl Future<Output = Result<H, E>>) -> Result<H, Error> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::Poll;

    let mut build = std::pin::pin!(build);
    std::future::poll_fn(|cx| {
        let poll = catch_unwind(AssertUnwindSafe(|| build.as_mut().poll(cx)));
        let poll = poll.map(|poll| poll.map(|built| built.map_err(Into::into)));
        poll.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            let why = format!("the start panicked: {}", text.unwrap_or("no message"));
            Poll::Ready(Err(io::Error::other(why).into()))
        })
    })
    .await
}

#[cfg(feature = "lambda")]
fn lambda<K, H, E>(
    build: impl AsyncFnOnce() -> Result<H, E>,
    choice: &Choice,
) -> Result<ExitCode, Error>
where
    H: IntoHandler<K>,
    E: Into<Error>,
{
    decided(choice);
    // One invocation at a time needs no more than one thread.
    let builder = match std::env::var("AWS_LAMBDA_MAX_CONCURRENCY").as_deref() {
        Err(_) | Ok("" | "1") => Builder::new_current_thread(),
        Ok(_) => Builder::new_multi_thread(),
    };
    run_on(builder, async {
        match built(build()).await {
            Ok(handler) => anyhost_lambda::serve(handler).await?,
            Err(error) => {
                anyhost_lambda::report_init_error(&error).await;
                return Err(error);
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

#[cfg(feature = "cgi")]
fn cgi<K, H, E>(
    build: impl AsyncFnOnce() -> Result<H, E>,
    choice: &Choice,
) -> Result<ExitCode, Error>
where
    H: IntoHandler<K>,
    E: Into<Error>,
{
    // Before any thread is there, and before the handler could print or read a variable.
    anyhost_cgi::isolate()?;
    decided(choice);
    let result = run_on(Builder::new_current_thread(), async {
        match build().await.map_err(Into::into) {
            Ok(handler) => anyhost_cgi::serve(handler).await,
            Err(error) => anyhost_cgi::fail(error).await,
        }
    });
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(ExitCode::from(TERMINATED)),
        // A reply that was cut has been logged.
        Err(error) if is_cut(error.kind()) => Ok(ExitCode::FAILURE),
        Err(error) => Err(error.into()),
    }
}

#[cfg(feature = "cgi")]
fn is_cut(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionAborted | io::ErrorKind::TimedOut
    )
}

/// What a shell reports of a process that SIGTERM ended: 128 + 15.
#[cfg(feature = "cgi")]
const TERMINATED: u8 = 143;

/// Runs this and nothing that is left: a thread that is stuck in a system call must not keep the
/// process.
#[cfg(any(feature = "cgi", feature = "http", feature = "lambda"))]
fn run_on<T, E: From<io::Error>>(
    mut builder: Builder,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let runtime = builder.enable_all().build()?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result
}

macro_rules! without {
    ($($feature:literal $name:ident $place:ident)*) => {$(
        #[cfg(not(feature = $feature))]
        fn $name<H, E>(_: impl AsyncFnOnce() -> Result<H, E>, _: &Choice) -> Result<ExitCode, Error> {
            Err(io::Error::other(missing(Place::$place)).into())
        }
    )*};
}

without! { "http" http Http "lambda" lambda Lambda "cgi" cgi Cgi }
