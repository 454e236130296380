//! A process that serves one request.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhost_core::{Context, Error, Handler, IntoHandler, Request, Response, Result, async_trait};
use tokio::time::timeout;

use crate::body::drain;
use crate::environment::Environment;
use crate::exchange::{Exchange, limit};
use crate::options::Options;
use crate::process::{Terminate, detach, set_alarm, take_response_file};

/// After SIGTERM, `wait_until` work of the cancelled handler may run for this time. Apache sends SIGKILL 3
/// seconds after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// A CGI program.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use std::time::Duration;
///
/// let program = anyhost_cgi::Program::new().with_deadline(Duration::from_secs(30));
/// program.serve(|| async { "Hello, world!" }).await
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Program {
    options: Options,
}

impl Program {
    /// Creates a program without a deadline, whose body has the length that the server declares, and whose
    /// response starts with `Status` (RFC 3875 §6).
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a program from the environment of a request:
    ///
    /// | variable | default | meaning |
    /// |---|---|---|
    /// | `ANYHOST_CGI_DEADLINE` | none | [`with_deadline`](Self::with_deadline), in seconds: `30`, `0.5` |
    /// | `ANYHOST_CGI_BODY_TO_END` | `0` | `1`: [`with_body_to_end`](Self::with_body_to_end) |
    /// | `SCRIPT_FILENAME` | | if the file name starts with `nph-`: [`with_nph`](Self::with_nph), as in Apache |
    ///
    /// The configuration of the server sets these variables (`SetEnv`, `fastcgi_param`,
    /// `setenv.add-environment`). Clients cannot set them, because servers put `HTTP_` (nginx-cgi: `X_`) in
    /// front of the names of request headers.
    ///
    /// # Errors
    /// An error if a value is invalid.
    pub fn from_environment(environment: &Environment) -> Result<Self> {
        let options = Options::of(environment)?;
        Ok(Self { options })
    }

    /// Ends the process after this time. A handler that has not returned is dropped, and the response
    /// is 504. A response in progress is aborted. Work after the response is dropped. If a handler blocks its
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

    /// Starts the response with an HTTP status line instead of `Status`, for servers that send the output of
    /// the program unchanged: a "non-parsed header" script (RFC 3875 §5).
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
    /// `InvalidInput` if no web server started this process; `Interrupted` if SIGTERM ended it;
    /// `ConnectionAborted` if the body of the response failed, and `TimedOut` if the deadline aborted the
    /// response. Both have been logged.
    pub async fn serve<K>(self, handler: impl IntoHandler<K>) -> io::Result<()> {
        self.serve_in(Environment::of_process(), handler).await
    }

    async fn serve_in<K>(
        self,
        environment: Environment,
        handler: impl IntoHandler<K>,
    ) -> io::Result<()> {
        if environment.bytes("GATEWAY_INTERFACE").is_none() {
            let why = "not a CGI request: GATEWAY_INTERFACE is not set";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let stdout = take_response_file()?;
        let terminate = Terminate::new()?;
        let response_sent = terminate.response_sent();
        if let Some(deadline) = self.options.deadline {
            set_alarm(deadline);
        }

        let server = stdout.try_clone()?;
        let exchange = Exchange::new(&environment, &self.options);
        let (context, deadline) = (exchange.context.clone(), exchange.deadline);

        let (input, sent) = tokio::select! {
            // If the response is ready at once, `terminate` is never polled and costs nothing.
            biased;
            sent = exchange.run(handler, stdin, stdout) => sent,
            signal = terminate.recv() => {
                signal?;
                let _ = timeout(GRACE, context.finish()).await;
                return Err(io::ErrorKind::Interrupted.into());
            }
        };
        response_sent.set();
        let drain_deadline = deadline.and_then(|deadline| deadline.checked_add(GRACE));
        if limit(drain_deadline, drain(&input)).await.is_none() {
            tracing::warn!("stopped reading the rest of the request body: deadline exceeded");
        }
        if context.has_work() {
            detach(&server);
            drop(server);
            if limit(deadline, context.finish()).await.is_none() {
                tracing::warn!("dropped work after the response: deadline exceeded");
            }
        }
        match sent {
            // The client or the server closed the connection.
            Err(error) if is_disconnect(&error) => Ok(()),
            sent => sent,
        }
    }

    /// Serves one request from any environment, stdin and stdout. [`serve`](Self::serve) does this with those
    /// of the process, and tests with buffers.
    ///
    /// `wait_until` work is not run. The caller runs it with the returned context, after it has closed
    /// stdout.
    ///
    /// # Errors
    /// As [`serve`](Self::serve), and other errors if the response cannot be written.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use anyhost_cgi::{Environment, Program};
    ///
    /// let environment = Environment::new([("REQUEST_METHOD", "GET"), ("PATH_INFO", "/")]);
    /// let (mut response, stdout) = std::io::pipe()?;
    /// let hello = || async { "Hello!" };
    /// let (_, result) = Program::new().exchange(hello, environment, std::io::empty(), stdout).await;
    /// result?;
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
    ) -> (Context, io::Result<()>) {
        let exchange = Exchange::new(&environment, &self.options);
        let context = exchange.context.clone();
        let (input, sent) = exchange.run(handler, stdin, stdout).await;
        drain(&input).await;
        (context, sent)
    }
}

/// Serves the request of this process with the options in its environment: [`Program::from_environment`]
/// and [`Program::serve`].
///
/// # Errors
/// As [`Program::serve`].
pub async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    let environment = Environment::of_process();
    match Program::from_environment(&environment) {
        Ok(program) => program.serve_in(environment, handler).await,
        Err(error) => fail(error).await,
    }
}

/// Responds with an error: for a program whose handler could not be built.
///
/// # Errors
/// As [`Program::serve`]. The error itself is logged.
pub async fn fail(error: Error) -> io::Result<()> {
    let environment = Environment::of_process();
    let options = Options::of_program_name(&environment);
    let failed = Failed(Mutex::new(Some(error)));
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

fn is_disconnect(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}
