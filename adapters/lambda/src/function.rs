//! A Lambda function: its settings, its start, its invocations and its shutdown.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhost_core::adapter::finish_after_response;
use anyhost_core::adapter::settings::{InvalidSetting, Setting};
use anyhost_core::{Error, Handler, IntoHandler};
use bytes::Bytes;

use crate::event;
use crate::invocation::{self, InvocationResult, Replay};
use crate::options::{FunctionOptions, Mode, UrlPath};
use crate::runtime::snapstart::{self, SnapStartResource};
use crate::runtime::{Client, Endpoint, Failure, Metadata, extension};

/// A Lambda function and its settings.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use anyhost_lambda::{Function, Mode};
///
/// let function = Function::from_env()?.with_mode(Mode::Stream).with_events("/events");
/// function.serve(|| async { "Hello, world!" }).await
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Function {
    pub(crate) settings: FunctionOptions,
    resources: Vec<Arc<dyn SnapStartResource>>,
}

impl Function {
    /// The definitions of the settings that [`from_env`](Self::from_env) reads.
    pub const SETTINGS: &'static [Setting] = FunctionOptions::SETTINGS;

    /// A function with the default settings. Environment variables are ignored.
    pub fn new() -> Self {
        Self::default()
    }

    /// A function with the settings in the environment; [`FunctionOptions`] lists them.
    ///
    /// # Errors
    /// Returns an error if a variable has an invalid value.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        let settings = FunctionOptions::from_vars(|name| std::env::var(name).ok())?;
        Ok(Self {
            settings,
            resources: Vec::new(),
        })
    }

    /// Sets how responses are sent; [`Mode::Buffer`] by default.
    ///
    /// The mode must match the deployment. If the event source expects another mode, the client receives the JSON
    /// instead of the response.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// Passes non-HTTP events (from queues, schedules, buckets, …) to the handler, as a `POST` to this path
    /// with the event's JSON as the body.
    ///
    /// The JSON of the response is the result of the invocation. A status other than 2xx fails the invocation, so
    /// that queues and schedules retry the event; the error type is `Handler.Status500` for a 500, or the
    /// `errorType` of a response like `{"errorType": "Order.Unknown", "errorMessage": "…"}`. Without this setting,
    /// each such event is a failed invocation with the error type `Runtime.InvalidEvent`.
    #[must_use]
    pub fn with_events(mut self, path: impl Into<String>) -> Self {
        self.settings.events = Some(UrlPath(path.into().into()));
        self
    }

    /// Removes this prefix from paths that begin with it, such as the mapping of a custom domain.
    ///
    /// The prefix is removed once, and only as whole segments. The removed prefix becomes the context's `base_path`.
    #[must_use]
    pub fn with_base_path(mut self, path: impl Into<String>) -> Self {
        self.settings.base_path = Some(UrlPath(path.into().into()));
        self
    }

    /// Sets whether the stage is removed from paths that begin with it. The paths of an HTTP API begin with the
    /// stage, unless the stage is `$default`. The paths of a REST API begin with the stage only behind a custom domain
    /// whose mapping names no stage; the mapping then precedes the stage, and
    /// [`with_base_path`](Self::with_base_path) removes it.
    #[must_use]
    pub fn with_stage_stripped(mut self, strip: bool) -> Self {
        self.settings.strip_stage = strip;
        self
    }

    /// Sets how many trusted proxies append to X-Forwarded-For, including the load balancer or VPC Lattice. Without
    /// this setting, a load balancer is the only trusted proxy.
    ///
    /// The client's address is the entry at this position from the right. If there are fewer entries, the address is
    /// unknown. The setting is only for load balancers and VPC Lattice, because the events of all other sources contain the
    /// address. Behind VPC Lattice the address is unknown without this setting: Lattice adds the header ("HTTP targets in
    /// VPC Lattice"), but AWS does not document that it removes or extends the value that a client sent.
    #[must_use]
    pub fn with_proxies(mut self, count: usize) -> Self {
        self.settings.proxies = Some(count);
        self
    }

    /// Sets how long before Lambda's deadline the function stops waiting for the handler; 250 milliseconds by
    /// default, and at most half of the time that the invocation has.
    ///
    /// A handler without a response is then dropped and the client gets a 504; a streamed response is aborted.
    /// The margin is the time to send that response and the log.
    #[must_use]
    pub fn with_deadline_margin(mut self, margin: Duration) -> Self {
        self.settings.margin = margin;
        self
    }

    /// Sets the number of concurrent invocations; 1 by default. Lambda Managed Instances set
    /// `AWS_LAMBDA_MAX_CONCURRENCY`.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.settings.concurrency = concurrency;
        self
    }

    /// Sets whether the function registers an internal extension, without which Lambda sends no SIGTERM before
    /// it ends the process.
    ///
    /// The registration takes a fraction of a millisecond of each start; an emulator may reject it. By default only
    /// functions with concurrent invocations register: Lambda never ends a process during its only invocation.
    #[must_use]
    pub fn with_extension(mut self, extension: bool) -> Self {
        self.settings.extension = Some(extension);
        self
    }

    /// Adds hooks around a SnapStart snapshot. The hooks run in reverse order before the snapshot, and in order after
    /// the restore. Without SnapStart they do not run. [`register_resource`](crate::register_resource) does the same for a
    /// function that `anyhost::run` serves.
    #[must_use]
    pub fn with_resource(mut self, resource: Arc<dyn SnapStartResource>) -> Self {
        self.resources.push(resource);
        self
    }

    /// Serves invocations until SIGTERM, and then finishes the invocations in flight.
    ///
    /// `wait_until` work runs after the response was sent to the Runtime API and before the next invocation is
    /// requested, so that Lambda cannot freeze the process meanwhile. The time of the work counts towards the
    /// function's timeout.
    ///
    /// # Errors
    /// Returns an error if `AWS_LAMBDA_RUNTIME_API` is missing or invalid, if a SnapStart hook failed (Lambda has
    /// received a report), or if the Runtime API has refused connections for 5 seconds. Other failures of the Runtime
    /// API are retried, with pauses of up to 5 seconds.
    pub async fn serve<K>(self, handler: impl IntoHandler<K>) -> io::Result<()> {
        let handler: Arc<dyn Handler> = Arc::new(handler.into_handler());
        let endpoint = Endpoint::from_env()?;
        let mut client = Client::new(endpoint.clone());
        let concurrency = self.settings.concurrency.max(1);
        if self.settings.extension.unwrap_or(concurrency > 1) {
            extension::register(&mut client).await;
        }
        if std::env::var("AWS_LAMBDA_INITIALIZATION_TYPE").is_ok_and(|kind| kind == "snap-start") {
            let resources = snapstart::registered().into_iter().chain(self.resources);
            snapstart::run_hooks(&mut client, &resources.collect::<Vec<_>>()).await?;
        }
        let others = (1..concurrency).map(|_| Client::new(endpoint.clone()));
        let clients = std::iter::once(client).chain(others).collect();
        invocation::run(handler, clients, self.settings).await
    }

    /// Calls a handler with an event, and returns what the function would send to the Runtime API.
    ///
    /// Unlike [`invoke`](Self::invoke), this method streams the response if the settings say so, and a failed
    /// invocation is a result. The invocation has a constant request id, and no deadline.
    ///
    /// # Errors
    /// Returns an error if the event is not JSON.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhost_core::Result<()> {
    /// use anyhost_lambda::{Function, Posted};
    ///
    /// let replay = Function::new().replay(|| async { "Hello!" }, r#"{"Records": []}"#.into()).await?;
    /// let (posted, work) = replay.into_parts();
    /// // An event that is not HTTP fails, because the function has no path for such events.
    /// assert!(matches!(posted, Posted::Error(_)));
    /// work.await;
    /// # Ok(()) }
    /// ```
    pub async fn replay<K>(
        &self,
        handler: impl IntoHandler<K>,
        event: Bytes,
    ) -> Result<Replay, Error> {
        if let Err(error) = event::parse(&event) {
            return Err(Error::new(400, error.to_string()));
        }
        let handler = Arc::new(handler.into_handler());
        let metadata = Metadata::simulated(None);
        let (result, context) =
            invocation::respond(handler, event, metadata, None, &self.settings).await;
        Ok(Replay::new(result, context))
    }

    /// Calls a handler with an event, as Lambda would, and returns the JSON of the response.
    ///
    /// # Errors
    /// Returns an error if the invocation fails. A non-HTTP event fails if no path for such events is set, or if the
    /// handler's response to the event is an error. Lambda retries such events.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> anyhost_core::Result<()> {
    /// let event = r#"{"rawPath": "/", "requestContext": {"http": {"method": "GET"}}}"#;
    /// let function = anyhost_lambda::Function::new();
    /// let response = function.invoke(|| async { "Hello!" }, event.into()).await?;
    /// assert!(String::from_utf8(response)?.contains(r#""body":"Hello!""#));
    /// # Ok(()) }
    /// ```
    pub async fn invoke<K>(
        &self,
        handler: impl IntoHandler<K>,
        event: Bytes,
    ) -> Result<Vec<u8>, Error> {
        let settings = FunctionOptions {
            mode: Mode::Buffer,
            ..self.settings.clone()
        };
        let handler = Arc::new(handler.into_handler());
        let (result, context) =
            invocation::respond(handler, event, Metadata::default(), None, &settings).await;
        finish_after_response(&context, std::future::pending()).await;
        match result {
            InvocationResult::Response(json) => Ok(json),
            InvocationResult::Failure(failure) => Err(failure.error),
            InvocationResult::Stream { .. } => Err(io::Error::other(
                "the response was streamed although the mode is Buffer",
            )
            .into()),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("settings", &self.settings)
            .field("resources", &self.resources.len())
            .finish()
    }
}

/// Serves a function with the settings in the environment: [`Function::from_env`] and
/// [`Function::serve`].
///
/// # Errors
/// The errors of the two methods. An invalid setting is also reported to Lambda as a failed start.
pub async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    match Function::from_env() {
        Ok(function) => function.serve(handler).await,
        Err(error) => {
            report_init_error(&error.clone().into()).await;
            Err(error.into())
        }
    }
}

/// Calls a handler with an event: [`Function::invoke`] with the default settings.
///
/// # Errors
/// The errors of [`Function::invoke`].
pub async fn invoke<K>(handler: impl IntoHandler<K>, event: Bytes) -> Result<Vec<u8>, Error> {
    Function::new().invoke(handler, event).await
}

/// Reports to Lambda that the function failed to start. Lambda logs the reason, and retries the start
/// immediately instead of after a timeout.
pub async fn report_init_error(error: &Error) {
    match Endpoint::from_env() {
        Ok(endpoint) => {
            let failure = Failure::of("Runtime.InitError", error);
            Client::new(endpoint).report_init_error(&failure).await;
        }
        Err(error) => tracing::error!(%error, "failed to report the failed start to Lambda"),
    }
}
