//! A process that serves one request.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhost_core::adapter::settings::InvalidSetting;
use anyhost_core::adapter::{Outcome, finish_after_response, has_work_after_response};
use anyhost_core::{Context, Error, Handler, IntoHandler, Request, Response, Result, async_trait};
use tokio::time::sleep;

use crate::body::drain;
use crate::environment::Environment;
use crate::error::ServeError;
use crate::exchange::{Exchange, deadline_at};
use crate::options::Options;
use crate::process::{Terminate, detach, set_alarm, take_response_file};

/// After SIGTERM, `wait_until` work of the canceled handler may run for this time, because Apache sends SIGKILL 3
/// seconds after SIGTERM. Discarding the request body may exceed the deadline by the same time.
const GRACE: Duration = Duration::from_secs(2);

/// A CGI program.
///
/// ```no_run
/// # async fn example() -> Result<(), anyhost_cgi::ServeError> {
/// use std::time::Duration;
///
/// let program = anyhost_cgi::Program::new().with_deadline(Duration::from_secs(30));
/// program.serve(|| async { "Hello, world!" }).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Program {
    options: Options,
}

impl Program {
    /// Creates a program without a deadline. The request body has the length that the server declares, and the
    /// response starts with `Status` (RFC 3875 §6).
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a program from the environment of this process, with the variables in
    /// [`ProgramOptions`](crate::ProgramOptions). If the file name of the program starts with `nph-`, the program writes
    /// the status line itself, as Apache expects (see [`with_nph`](Self::with_nph)), except under fcgiwrap, nginx,
    /// lighttpd and busybox, which do not look at the name.
    ///
    /// # Errors
    /// An error if a variable has an invalid value.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::from_environment(&Environment::of_process())
    }

    /// Like [`from_env`](Self::from_env), with any environment.
    ///
    /// # Errors
    /// An error if a variable has an invalid value.
    pub fn from_environment(environment: &Environment) -> Result<Self, InvalidSetting> {
        let options = Options::of(environment)?;
        Ok(Self { options })
    }

    /// Ends the process after this time. A handler that has not returned is dropped, and the response
    /// is 504. A response in progress is aborted. `wait_until` work is dropped. If a handler blocks its
    /// thread, SIGALRM ends the process about 4 seconds after the deadline. Handlers see the deadline as
    /// [`Context::deadline`].
    ///
    /// There is no deadline by default. Apache ends a program that writes nothing for the time in its
    /// `Timeout` directive; lighttpd and fcgiwrap never end a program, so a handler that hangs occupies a
    /// process, and under fcgiwrap one of its few workers.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Reads the body to the end of stdin and ignores CONTENT_LENGTH. Needed for servers that change the
    /// body but not its declared length, such as Apache with the input filter of mod_deflate, or that do
    /// not declare a length, such as nginx-cgi with a chunked body. RFC 3875 §4.2 does not guarantee that
    /// stdin ends after the body, so with other servers the program may wait forever.
    #[must_use]
    pub fn with_body_to_end(mut self, to_end: bool) -> Self {
        self.options.body_to_end = to_end;
        self
    }

    /// Starts the response with an HTTP status line instead of `Status`. Servers that send the output of the program
    /// unchanged need this ("non-parsed header" script, RFC 3875 §5).
    #[must_use]
    pub fn with_nph(mut self, nph: bool) -> Self {
        self.options.nph = nph;
        self
    }

    /// Serves the request of this process. Then detaches from the web server and runs the work that was
    /// passed to [`Context::wait_until`].
    ///
    /// Call [`isolate`](crate::isolate()) first, before any thread is started. Otherwise this function
    /// redirects stdout itself, but cannot remove `HTTP_PROXY`.
    ///
    /// # SIGTERM
    /// Until the response has been written, SIGTERM cancels the handler. If the handler blocks its thread,
    /// the process ends 3 seconds later. After the response, SIGTERM is ignored: lighttpd and Apache send
    /// it as soon as they have the response, and `wait_until` work would be lost. Apache sends SIGKILL 3
    /// seconds after SIGTERM, so `wait_until` work under Apache should take less time.
    ///
    /// # Errors
    /// An error if no web server started this process, or if the process cannot be set up. A response
    /// that could not be sent is an [`Outcome`] and not an error; it has been logged.
    pub async fn serve<K>(self, handler: impl IntoHandler<K>) -> Result<Outcome, ServeError> {
        let handler = Arc::new(handler.into_handler());
        self.serve_in(Environment::of_process(), handler).await
    }

    async fn serve_in(
        self,
        environment: Environment,
        handler: Arc<dyn Handler>,
    ) -> Result<Outcome, ServeError> {
        if environment.bytes("GATEWAY_INTERFACE").is_none() {
            return Err(ServeError::NotCgi);
        }
        let stdout = Arc::new(take_response_file()?);
        let terminate = Terminate::new()?;
        let response_sent = terminate.response_sent();
        if let Some(deadline) = self.options.deadline {
            set_alarm(deadline);
        }

        let server = stdout.clone();
        let exchange = Exchange::new(&environment, &self.options);
        let stdin = exchange.open_stdin()?;
        let (context, end) = (exchange.context.clone(), exchange.end);

        let (input, outcome) = tokio::select! {
            // If the response is ready at once, `terminate` is never polled and costs nothing.
            biased;
            ended = exchange.run(handler, stdin, stdout) => ended,
            signal = terminate.recv() => {
                signal?;
                finish_after_response(&context, sleep(GRACE)).await;
                return Ok(Outcome::Terminated);
            }
        };
        response_sent.set();
        let drain_end = end.and_then(|end| end.checked_add(GRACE));
        if let Err(error) = deadline_at(drain_end).limit(drain(&input)).await {
            tracing::warn!(%error, "stopped reading the rest of the request body");
        }
        if has_work_after_response(&context) {
            detach(&server);
            drop(server);
            finish_after_response(&context, deadline_at(end).exceeded()).await;
        }
        Ok(outcome)
    }

    /// Serves one request from any environment, stdin and stdout. [`serve`](Self::serve) uses the
    /// environment and streams of the process; tests can use buffers.
    ///
    /// This method does not run `wait_until` work. The caller runs that work with the returned context, after closing
    /// stdout.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use anyhost_cgi::{Environment, Outcome, Program};
    ///
    /// let environment = Environment::new([("REQUEST_METHOD", "GET"), ("PATH_INFO", "/")]);
    /// let (response, stdout) = std::io::pipe()?;
    /// let hello = || async { "Hello!" };
    /// let (_, outcome) = Program::new().exchange(hello, environment, std::io::empty(), stdout).await;
    /// assert_eq!(outcome, Outcome::Completed);
    /// let response = std::io::read_to_string(response)?;
    /// assert!(response.starts_with("Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n"));
    /// assert!(response.ends_with("\r\n\r\nHello!"));
    /// # Ok(()) }
    /// ```
    pub async fn exchange<K>(
        self,
        handler: impl IntoHandler<K>,
        environment: Environment,
        stdin: impl Read + Send + 'static,
        stdout: impl Write + Send + 'static,
    ) -> (Context, Outcome) {
        let handler = Arc::new(handler.into_handler());
        let exchange = Exchange::new(&environment, &self.options);
        let context = exchange.context.clone();
        let (input, outcome) = exchange.run(handler, stdin, stdout).await;
        drain(&input).await;
        (context, outcome)
    }
}

/// Serves the request of this process with the settings in its environment: [`Program::from_env`] and
/// [`Program::serve`]. If a variable has an invalid value, the error is logged, and the response is 500.
///
/// # Errors
/// As [`Program::serve`].
pub async fn serve<K>(handler: impl IntoHandler<K>) -> Result<Outcome, ServeError> {
    let environment = Environment::of_process();
    match Program::from_environment(&environment) {
        Ok(program) => {
            let handler = Arc::new(handler.into_handler());
            program.serve_in(environment, handler).await
        }
        Err(error) => fail_in(environment, error.into()).await,
    }
}

/// Responds to the request of this process with an error, for a program whose handler could not be built. The
/// error is logged.
///
/// # Errors
/// As [`Program::serve`].
pub async fn fail(error: Error) -> Result<Outcome, ServeError> {
    fail_in(Environment::of_process(), error).await
}

async fn fail_in(environment: Environment, error: Error) -> Result<Outcome, ServeError> {
    let options = Options::for_failed_start(&environment);
    let failed = Arc::new(Failed(Mutex::new(Some(error))));
    Program { options }.serve_in(environment, failed).await
}

/// A handler that returns an error to its first request.
struct Failed(Mutex<Option<Error>>);

#[async_trait]
impl Handler for Failed {
    async fn handle(&self, _: Request) -> Result<Response> {
        let error = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(error.unwrap_or_else(|| io::Error::other("failed to start the program").into()))
    }
}
