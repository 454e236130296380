//! A process that serves the one request it was started for.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhost_core::{Context, Error, Handler, IntoHandler, Request, Response, Result, async_trait};
use tokio::time::{Instant, timeout, timeout_at};

use crate::environment::Environment;
use crate::exchange::{Exchange, drain};
use crate::isolate;
use crate::terminate::{Terminate, insist_on};

/// How long work after the reply may go on if SIGTERM came before the reply was out; Apache kills
/// after 3 seconds.
const GRACE: Duration = Duration::from_secs(2);

/// What a CGI program does where RFC 3875 leaves a choice.
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
    pub(crate) deadline: Option<Duration>,
    pub(crate) body_to_end: bool,
    pub(crate) nph: bool,
}

impl Program {
    /// A program with no deadline, whose body ends where the server says, and whose reply has a head
    /// as RFC 3875 §6 wants it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The program that its environment describes:
    ///
    /// | variable | default | meaning |
    /// |---|---|---|
    /// | `ANYHOST_CGI_DEADLINE` | none | [`with_deadline`](Self::with_deadline), in seconds: `30`, `0.5` |
    /// | `ANYHOST_CGI_BODY_TO_END` | `0` | `1`: [`with_body_to_end`](Self::with_body_to_end) |
    /// | `SCRIPT_FILENAME` | | ends in `/nph-…`: [`with_nph`](Self::with_nph), as Apache has it |
    ///
    /// A server sets these (`SetEnv`, `fastcgi_param`, `setenv.add-environment`). A client cannot: what
    /// it sends has `HTTP_` before its name (or `X_`, under the nginx-cgi module).
    ///
    /// # Errors
    /// A value that cannot be understood.
    pub fn from_environment(environment: &Environment) -> Result<Self> {
        let wrong = |name: &str| {
            let value = environment.get(name).unwrap_or_default();
            io::Error::other(format!("{name} is {value:?}"))
        };
        let deadline = match environment.bytes("ANYHOST_CGI_DEADLINE") {
            None => None,
            Some(_) => Some(
                environment
                    .text("ANYHOST_CGI_DEADLINE")
                    .and_then(|text| text.parse().ok())
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .ok_or_else(|| wrong("ANYHOST_CGI_DEADLINE"))?,
            ),
        };
        let body_to_end = match environment.bytes("ANYHOST_CGI_BODY_TO_END") {
            None | Some(b"0") => false,
            Some(b"1") => true,
            Some(_) => return Err(wrong("ANYHOST_CGI_BODY_TO_END").into()),
        };
        Ok(Self {
            deadline,
            body_to_end,
            nph: is_nph(environment),
        })
    }

    /// Ends the process after this time, whatever it is at: a handler without a reply is dropped and
    /// answered for with a 504, a reply on its way is cut, work after it is dropped. A handler that blocks
    /// its thread cannot be dropped: SIGALRM ends the process, some 4 seconds later. Handlers see the
    /// deadline as [`Context::deadline`].
    ///
    /// There is none by default. Apache ends a child that writes nothing for its `Timeout`; lighttpd
    /// and fcgiwrap never end one, so a handler that hangs keeps its process, and under fcgiwrap one of
    /// its few workers.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Reads the body to the end of stdin, whatever CONTENT_LENGTH says. It is for servers that change
    /// the body on its way and keep the old length, such as Apache with mod_deflate's input filter, or
    /// that know no length, such as nginx-cgi with a chunked body. RFC 3875 §4.2 does not promise an
    /// end, so under another server the program may wait for ever.
    #[must_use]
    pub fn with_body_to_end(mut self, to_end: bool) -> Self {
        self.body_to_end = to_end;
        self
    }

    /// Writes the reply as the server must send it on, with a status line of HTTP: a script with a
    /// "non-parsed header" (RFC 3875 §5).
    #[must_use]
    pub fn with_nph(mut self, nph: bool) -> Self {
        self.nph = nph;
        self
    }

    /// Serves the request that this process was started for, and then runs what was handed to
    /// `wait_until`, with stdout and stderr let go.
    ///
    /// Call [`isolate`](crate::isolate()) first, before there are threads; this function takes stdout
    /// by itself if that was left out, but cannot remove `HTTP_PROXY`.
    ///
    /// # SIGTERM
    /// Until the reply is out, SIGTERM cancels the handler, and ends the process after 3 seconds if that
    /// blocks its thread. After that it is ignored: lighttpd and
    /// Apache send it as soon as they have the reply, and the work would be lost. (Apache kills the
    /// process 3 seconds later, so work under Apache should be shorter than that.)
    ///
    /// # Errors
    /// `InvalidInput` if no web server started this process; `Interrupted` if SIGTERM ended it;
    /// `ConnectionAborted` if the reply was cut by its own body, and `TimedOut` if it was cut by the
    /// deadline, which have been logged by then.
    pub async fn serve<K>(self, handler: impl IntoHandler<K>) -> io::Result<()> {
        self.serve_in(Environment::of_process(), handler).await
    }

    async fn serve_in<K>(
        self,
        environment: Environment,
        handler: impl IntoHandler<K>,
    ) -> io::Result<()> {
        if environment.bytes("GATEWAY_INTERFACE").is_none() {
            let why = "this is no CGI request: GATEWAY_INTERFACE is not set";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let stdout = isolate::reply()?;
        let terminate = Terminate::new()?;
        let replied = terminate.replied();
        if let Some(deadline) = self.deadline {
            insist_on(deadline);
        }

        let server = stdout.try_clone()?;
        let exchange = Exchange::new(&self, &environment);
        let (context, end) = (exchange.context.clone(), exchange.end);

        let (input, sent) = tokio::select! {
            // A reply that is ready needs nobody to wait for signals.
            biased;
            replied = exchange.reply(handler, stdin, stdout) => replied,
            told = terminate.recv() => {
                told?;
                let _ = timeout(GRACE, context.finish()).await;
                return Err(io::ErrorKind::Interrupted.into());
            }
        };
        replied.set();
        let grace = end.and_then(|end| end.checked_add(GRACE));
        if by(grace, drain(&input)).await.is_none() {
            tracing::warn!("the rest of the request body did not come by the deadline");
        }
        if context.has_work() {
            isolate::detach(&server);
            drop(server);
            if by(end, context.finish()).await.is_none() {
                tracing::warn!("work after the reply was dropped at the deadline");
            }
        }
        match sent {
            // The client or the server left; there is nobody to tell.
            Err(error) if is_gone(&error) => Ok(()),
            sent => sent,
        }
    }

    /// Serves one request from any environment, stdin and stdout: what [`serve`](Self::serve) does
    /// with the process's own, and what tests do with cursors.
    ///
    /// The work that the handler gave to `wait_until` is not run: it is the caller's, in the context
    /// that comes back, since it has to let go of stdout first.
    ///
    /// # Errors
    /// As [`serve`](Self::serve), and others when the server did not take the reply.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use anyhost_cgi::{Environment, Program};
    ///
    /// let environment = Environment::new([("REQUEST_METHOD", "GET"), ("PATH_INFO", "/")]);
    /// let (mut reply, stdout) = std::io::pipe()?;
    /// let hello = || async { "Hello!" };
    /// let (_, result) = Program::new().exchange(hello, environment, std::io::empty(), stdout).await;
    /// result?;
    /// let reply = std::io::read_to_string(reply)?;
    /// assert!(reply.starts_with("Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n"));
    /// assert!(reply.ends_with("\r\n\r\nHello!"));
    /// # Ok(()) }
    /// ```
    pub async fn exchange<K>(
        self,
        handler: impl IntoHandler<K>,
        environment: Environment,
        stdin: impl Read + Send + 'static,
        stdout: impl Write + Send + 'static,
    ) -> (Context, io::Result<()>) {
        let exchange = Exchange::new(&self, &environment);
        let context = exchange.context.clone();
        let (input, sent) = exchange.reply(handler, stdin, stdout).await;
        drain(&input).await;
        (context, sent)
    }
}

/// Serves this process's request as its environment says: [`Program::from_environment`] and
/// [`Program::serve`].
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

/// Answers the request with an error: for a program that could not even make its handler.
///
/// # Errors
/// As [`Program::serve`], and the error itself is logged.
pub async fn fail(error: Error) -> io::Result<()> {
    let failed = Failed(Mutex::new(Some(error)));
    let environment = Environment::of_process();
    let program = Program::new().with_nph(is_nph(&environment));
    program.serve_in(environment, failed).await
}

struct Failed(Mutex<Option<Error>>);

#[async_trait]
impl Handler for Failed {
    async fn handle(&self, _: Request) -> Result<Response> {
        let error = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(error.unwrap_or_else(|| io::Error::other("the program could not start").into()))
    }
}

/// Apache passes on what a program writes as it is if its file is named so.
fn is_nph(environment: &Environment) -> bool {
    let file = environment.bytes("SCRIPT_FILENAME");
    let file = file.or_else(|| environment.bytes("SCRIPT_NAME"));
    let name = file.unwrap_or_default().rsplit(|&b| b == b'/').next();
    name.is_some_and(|name| name.starts_with(b"nph-"))
}

/// What the future gives, if it does so in time.
pub(crate) async fn by<T>(end: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match end {
        Some(end) => timeout_at(end, future).await.ok(),
        None => Some(future.await),
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}
