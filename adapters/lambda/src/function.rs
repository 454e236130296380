//! What a function can be told, and its life from the first poll to SIGTERM.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhost_core::{Error, Handler, IntoHandler};
use bytes::Bytes;
use lambda_http::SnapStartResource;

use crate::context::Invocation;
use crate::extension;
use crate::invoke::{Reply, reply_to};
use crate::options::{Mode, Options};
use crate::restore;
use crate::runtime::{Client, Endpoint};
use crate::worker;

/// A Lambda function, as it is configured.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use anyhost_lambda::{Function, Mode};
///
/// let function = Function::from_env()?.with_mode(Mode::Stream).with_events("/events");
/// function.serve(|| async { "Hello, world!" }).await
/// # }
/// ```
#[derive(Clone)]
pub struct Function {
    pub(crate) options: Options,
    concurrency: usize,
    extension: Option<bool>,
    resources: Vec<Arc<dyn SnapStartResource>>,
}

impl Function {
    /// A function of the defaults, which no variable changes.
    pub fn new() -> Self {
        Self {
            options: Options::default(),
            concurrency: 1,
            extension: None,
            resources: Vec::new(),
        }
    }

    /// The function that the environment describes:
    ///
    /// | variable | default | meaning |
    /// |---|---|---|
    /// | `ANYHOST_LAMBDA_MODE` | `buffer` | `buffer` or `stream`: [`with_mode`](Self::with_mode) |
    /// | `ANYHOST_LAMBDA_EVENTS` | none | a path: [`with_events`](Self::with_events) |
    /// | `ANYHOST_LAMBDA_BASE_PATH` | none | a path: [`with_base_path`](Self::with_base_path) |
    /// | `ANYHOST_LAMBDA_STRIP_STAGE` | `0` | `1`: [`with_stage_stripped`](Self::with_stage_stripped) |
    /// | `ANYHOST_LAMBDA_PROXIES` | `1` | [`with_proxies`](Self::with_proxies) |
    /// | `ANYHOST_LAMBDA_MARGIN_MS` | `250` | [`with_deadline_margin`](Self::with_deadline_margin), in milliseconds |
    /// | `ANYHOST_LAMBDA_EXTENSION` | see there | `1` or `0`: [`with_extension`](Self::with_extension) |
    /// | `AWS_LAMBDA_MAX_CONCURRENCY` | `1` | set by Lambda: [`with_concurrency`](Self::with_concurrency) |
    ///
    /// # Errors
    /// `InvalidInput` for a value that cannot be understood.
    pub fn from_env() -> io::Result<Self> {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    fn from_vars(var: impl Fn(&str) -> Option<String>) -> io::Result<Self> {
        let var = |name: &'static str| var(name).filter(|value| !value.is_empty());
        let invalid = |name: &str, value: &str| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{name} is {value:?}"))
        };
        let number = |name| match var(name) {
            Some(value) => value.parse().map(Some).map_err(|_| invalid(name, &value)),
            None => Ok(None),
        };
        let flag = |name| match var(name).as_deref() {
            None => Ok(None),
            Some("1") => Ok(Some(true)),
            Some("0") => Ok(Some(false)),
            Some(value) => Err(invalid(name, value)),
        };
        let path = |name| match var(name) {
            Some(value) if !value.starts_with('/') => Err(invalid(name, &value)),
            value => Ok(value),
        };
        let mut function = Self::new();
        match var("ANYHOST_LAMBDA_MODE").as_deref() {
            None | Some("buffer") => {}
            Some("stream") => function = function.with_mode(Mode::Stream),
            Some(value) => return Err(invalid("ANYHOST_LAMBDA_MODE", value)),
        }
        if let Some(path) = path("ANYHOST_LAMBDA_EVENTS")? {
            function = function.with_events(path);
        }
        if let Some(path) = path("ANYHOST_LAMBDA_BASE_PATH")? {
            function = function.with_base_path(path);
        }
        if let Some(proxies) = number("ANYHOST_LAMBDA_PROXIES")? {
            function = function.with_proxies(proxies);
        }
        if let Some(ms) = number("ANYHOST_LAMBDA_MARGIN_MS")? {
            function = function.with_deadline_margin(Duration::from_millis(ms as u64));
        }
        if let Some(concurrency) = number("AWS_LAMBDA_MAX_CONCURRENCY")? {
            function = function.with_concurrency(concurrency);
        }
        if let Some(extension) = flag("ANYHOST_LAMBDA_EXTENSION")? {
            function = function.with_extension(extension);
        }
        Ok(function.with_stage_stripped(flag("ANYHOST_LAMBDA_STRIP_STAGE")? == Some(true)))
    }

    /// How replies are sent. It has to match the deployment: a front door that expects one mode shows the
    /// other's bytes to the client.
    ///
    /// The default is [`Mode::Buffer`].
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.options.mode = mode;
        self
    }

    /// Hands events of no HTTP front door (queues, schedules, buckets, …) to the handler as a `POST` to
    /// this path with the event's JSON as its body. The reply's JSON is the invocation's result; a
    /// status of 400 or more fails the invocation, so that queues and schedules try again.
    ///
    /// Without it, which is the default, such an event is a failed invocation.
    #[must_use]
    pub fn with_events(mut self, path: impl Into<String>) -> Self {
        self.options.events = Some(path.into().into());
        self
    }

    /// Takes this prefix off paths that have it, once and at the end of a segment: the base path of a
    /// custom domain's mapping, say. It becomes the context's `base_path`.
    #[must_use]
    pub fn with_base_path(mut self, path: impl Into<String>) -> Self {
        let path: String = path.into();
        self.options.base_path = path.trim_end_matches('/').into();
        self
    }

    /// Takes the stage off the paths of an HTTP API, which has it there unless it is `$default`. A REST
    /// API takes its stage off by itself.
    #[must_use]
    pub fn with_stage_stripped(mut self, strip: bool) -> Self {
        self.options.strip_stage = strip;
        self
    }

    /// How many proxies of yours add to X-Forwarded-For, the load balancer itself included: the client
    /// is that many entries from the right. It concerns load balancers only; the other front doors say who
    /// the client is. The default is 1.
    #[must_use]
    pub fn with_proxies(mut self, count: usize) -> Self {
        self.options.proxies = count.max(1);
        self
    }

    /// How long before Lambda's deadline a handler without a reply is dropped and answered for with a
    /// 504, or a streamed reply is cut: time for the answer and the log to get out. The default is 250
    /// milliseconds; at most half of the time that there is.
    #[must_use]
    pub fn with_deadline_margin(mut self, margin: Duration) -> Self {
        self.options.margin = margin;
        self
    }

    /// How many invocations are served at once. The default is 1; on Lambda Managed Instances
    /// `AWS_LAMBDA_MAX_CONCURRENCY` says it.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// Whether to register as an internal extension, without which Lambda sends no SIGTERM before it
    /// ends the process. A refusal does no harm, but asking takes a part of a millisecond of each start. A
    /// function that serves one invocation at a time is never ended in the middle of one, so the default is
    /// whether it serves several.
    #[must_use]
    pub fn with_extension(mut self, extension: bool) -> Self {
        self.extension = Some(extension);
        self
    }

    /// Adds what has to happen around a SnapStart snapshot: before it in reverse order, after the restore
    /// in the order of these calls. Without SnapStart nothing of it is called.
    #[must_use]
    pub fn with_resource(mut self, resource: Arc<dyn SnapStartResource>) -> Self {
        self.resources.push(resource);
        self
    }

    /// Serves invocations until SIGTERM, and then those in flight to their end.
    ///
    /// The work that a handler gave to `wait_until` runs once its reply was posted and before the next
    /// invocation is asked for, so Lambda cannot freeze the process in between. It counts towards the
    /// function's timeout.
    ///
    /// # Errors
    /// When `AWS_LAMBDA_RUNTIME_API` is missing or is no address, or a SnapStart hook failed, which was
    /// reported. A Runtime API that fails is asked again, with growing pauses of up to 5 seconds.
    pub async fn serve<K>(self, handler: impl IntoHandler<K>) -> io::Result<()> {
        let handler: Arc<dyn Handler> = Arc::new(handler.into_handler());
        let endpoint = Endpoint::from_env()?;
        let mut client = Client::new(endpoint.clone());
        if self.extension.unwrap_or(self.concurrency > 1) {
            extension::register(&mut client).await;
        }
        if std::env::var("AWS_LAMBDA_INITIALIZATION_TYPE").is_ok_and(|kind| kind == "snap-start") {
            restore::around_snapshot(&mut client, &self.resources).await?;
        }
        let others = (1..self.concurrency).map(|_| Client::new(endpoint.clone()));
        let clients = std::iter::once(client).chain(others).collect();
        worker::run(handler, clients, self.options).await
    }

    /// Calls a handler with an event, as Lambda would, and gives the JSON of its reply.
    ///
    /// # Errors
    /// When the event is of no HTTP front door at all, and no path for such events is set: on Lambda that
    /// is a failed invocation, which queues and schedulers retry, and never a reply that they would
    /// take for success. Or when the handler answers such an event with an error.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhost_core::Result<()> {
    /// let hello = anyhost_core::handler(|| async { "Hello!" });
    /// let event = r#"{"rawPath": "/", "requestContext": {"http": {"method": "GET"}}}"#;
    /// let function = anyhost_lambda::Function::new();
    /// let reply = String::from_utf8(function.invoke(&hello, event.into()).await?)?;
    /// assert!(reply.contains(r#""body":"Hello!""#));
    /// # Ok(()) }
    /// ```
    pub async fn invoke<H: Handler + ?Sized>(
        &self,
        handler: &H,
        event: Bytes,
    ) -> Result<Vec<u8>, Error> {
        let invocation = Invocation::default();
        let buffered = Options {
            mode: Mode::Buffer,
            ..self.options.clone()
        };
        let (reply, context) = reply_to(handler, event, invocation, &buffered).await;
        context.finish().await;
        match reply {
            Reply::Whole(reply) => Ok(reply),
            Reply::Failed(error) => Err(error),
            Reply::Stream(..) => Err(io::Error::other("a buffered function streamed").into()),
        }
    }
}

impl Default for Function {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("options", &self.options)
            .field("concurrency", &self.concurrency)
            .field("extension", &self.extension)
            .field("resources", &self.resources.len())
            .finish()
    }
}

/// Serves the function that the environment describes: [`Function::from_env`] and
/// [`Function::serve`].
///
/// # Errors
/// As these two; what is wrong with the environment is reported to Lambda as a failed start.
pub async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    match Function::from_env() {
        Ok(function) => function.serve(handler).await,
        Err(error) => {
            let wrong = io::Error::new(error.kind(), error.to_string());
            report_init_error(&error.into()).await;
            Err(wrong)
        }
    }
}

/// Calls a handler with an event: [`Function::invoke`] with the defaults.
///
/// # Errors
/// As [`Function::invoke`].
pub async fn invoke<H: Handler + ?Sized>(handler: &H, event: Bytes) -> Result<Vec<u8>, Error> {
    Function::new().invoke(handler, event).await
}

/// Tells Lambda that the function could not start, so that the reason is in its log and the start is
/// tried again at once and not after a timeout.
pub async fn report_init_error(error: &Error) {
    let reported = match Endpoint::from_env() {
        Ok(endpoint) => Client::new(endpoint).init_error(error).await,
        Err(error) => Err(error),
    };
    if let Err(error) = reported {
        tracing::error!(%error, "the failed start could not be reported");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(vars: &[(&str, &str)]) -> io::Result<Function> {
        Function::from_vars(|name| {
            let found = vars.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_describes_a_function() -> io::Result<()> {
        let function = from(&[
            ("ANYHOST_LAMBDA_MODE", "stream"),
            ("ANYHOST_LAMBDA_EVENTS", "/events"),
            ("ANYHOST_LAMBDA_BASE_PATH", "/api/"),
            ("ANYHOST_LAMBDA_STRIP_STAGE", "1"),
            ("ANYHOST_LAMBDA_PROXIES", "2"),
            ("ANYHOST_LAMBDA_MARGIN_MS", "1000"),
            ("ANYHOST_LAMBDA_EXTENSION", "0"),
            ("AWS_LAMBDA_MAX_CONCURRENCY", "8"),
        ])?;
        assert_eq!(
            format!("{:?}", function.options),
            "Options { mode: Stream, events: Some(\"/events\"), base_path: \"/api\", strip_stage: true, proxies: 2, margin: 1s }"
        );
        assert_eq!((function.concurrency, function.extension), (8, Some(false)));
        assert_eq!(
            from(&[("ANYHOST_LAMBDA_MODE", "")])?.options.mode,
            Mode::Buffer
        );
        Ok(())
    }

    #[test]
    fn what_it_says_that_makes_no_sense_is_an_error() {
        for (name, value) in [
            ("ANYHOST_LAMBDA_MODE", "streaming"),
            ("ANYHOST_LAMBDA_EVENTS", "events"),
            ("ANYHOST_LAMBDA_STRIP_STAGE", "yes"),
            ("ANYHOST_LAMBDA_MARGIN_MS", "-1"),
            ("AWS_LAMBDA_MAX_CONCURRENCY", "many"),
        ] {
            let error = from(&[(name, value)]).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.contains(name)), "{name}");
        }
    }
}
