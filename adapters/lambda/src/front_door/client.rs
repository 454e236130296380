//! A client that sends requests to a handler through a simulated event source.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhost_core::adapter::settings::InvalidSetting;
use anyhost_core::testing::TestResponse;
use anyhost_core::{Handler, IntoHandler};
use bytes::Bytes;
use serde_json::json;

use super::claims::Claims;
use super::deployment::{Address, Deployment};
use super::invocation::Unfinished;
use super::simulator::Simulator;
use crate::function::Function;

/// Calls a handler through a simulated event source, as Lambda would.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use anyhost_lambda::front_door::Client;
/// use anyhost_lambda::{Function, Mode, Source};
///
/// let hello = || async { "Hello, world!" };
/// let client = Client::new(Source::HttpApi, hello);
/// let response = client.send(http::Request::get("/").body("")?).await;
/// assert_eq!(response.text().await.ok().as_deref(), Some("Hello, world!"));
///
/// // Settings of the deployment, such as streaming, are settings of the function.
/// let streaming = Function::new().with_mode(Mode::Stream);
/// let client = Client::new(Source::FunctionUrl, hello).with_function(streaming);
/// let mut response = client.send(http::Request::get("/").body("")?).await;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.chunk().await.ok().flatten().as_deref(), Some(&b"Hello, world!"[..]));
/// # Ok(()) }
/// ```
///
/// A client is also a handler: a server that serves it behaves towards HTTP clients like the event source. API Gateway
/// stops waiting for the function after 29 s (REST API, 504) or 30 s (HTTP API, 503), while the function continues; this
/// limit needs a Tokio runtime with a timer.
#[derive(Clone)]
pub struct Client {
    pub(super) simulator: Simulator,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) function: Function,
    pub(super) deployment: Deployment,
    pub(super) peer: IpAddr,
    pub(super) timeout: Option<Duration>,
    /// The invocations whose `wait_until` work has not been finished.
    unfinished: Arc<Mutex<Vec<Unfinished>>>,
}

impl Client {
    /// Creates a client that calls this handler in a function with the default settings. The client's address is
    /// 192.0.2.1, which is reserved for documentation (RFC 5737).
    pub fn new<K>(simulator: impl Into<Simulator>, handler: impl IntoHandler<K>) -> Self {
        Self {
            simulator: simulator.into(),
            handler: Arc::new(handler.into_handler()),
            function: Function::new(),
            deployment: Deployment::default(),
            peer: Ipv4Addr::new(192, 0, 2, 1).into(),
            timeout: None,
            unfinished: Arc::default(),
        }
    }

    /// Uses a function with other settings.
    #[must_use]
    pub fn with_function(mut self, function: Function) -> Self {
        self.function = function;
        self
    }

    /// Sends requests from this address.
    #[must_use]
    pub fn with_peer(mut self, peer: IpAddr) -> Self {
        self.peer = peer;
        self
    }

    /// Gives the function a timeout: handlers have a deadline, and the client gets a 504 if the handler misses it.
    /// By default the function has no timeout.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends requests to a stage of the API: the paths of requests begin with `/stage`, as at the API's own address. A
    /// REST API removes the stage from the path, and an HTTP API does not. A path that begins with another name gets a
    /// 403 from a REST API, and a 404 from an HTTP API.
    ///
    /// Without this method, paths have no stage: the stage of a REST API is `live`, that of an HTTP API `$default`. Other
    /// sources have no stages.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use anyhost_core::{Request, RequestExt};
    /// use anyhost_lambda::{Source, front_door::Client};
    ///
    /// let show = |request: Request| async move { format!("{} {}", request.context().base_path(), request.uri()) };
    /// let client = Client::new(Source::RestApi, show).with_stage("dev");
    /// let response = client.send(http::Request::get("/dev/users").body("")?).await;
    /// assert_eq!(response.text().await.ok().as_deref(), Some("/dev /users"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_stage(mut self, stage: impl Into<String>) -> Self {
        self.deployment.address = Address::Stage(stage.into());
        self
    }

    /// Sends requests to a custom domain that is mapped to the API, so that neither paths nor the base path of the
    /// context contain a stage.
    #[must_use]
    pub fn with_custom_domain(mut self) -> Self {
        self.deployment.address = Address::CustomDomain;
        self
    }

    /// Adds the result of an authorizer to each event.
    ///
    /// # Errors
    /// When the source has no such authorizer: load balancers support no authorizer, and Function URLs and VPC Lattice
    /// support only AWS IAM.
    pub fn with_claims(mut self, claims: Claims) -> Result<Self, InvalidSetting> {
        let authorizes = self
            .simulator
            .simulation()
            .is_some_and(|simulation| (simulation.authorize)(&mut json!({}), &claims.0));
        if !authorizes {
            let expected = format!("an authorizer that the source {} has", self.simulator);
            return Err(InvalidSetting::new("claims", claims.kind(), expected));
        }
        self.deployment.claims = Some(claims);
        Ok(self)
    }

    /// Sends a request, and returns the response that the event source makes from the function's response.
    ///
    /// If a response is dropped before its end, the handler's body is dropped. On Lambda, this never happens.
    pub async fn send(&self, request: http::Request<impl Into<Bytes>>) -> TestResponse {
        let (response, unfinished) = self.invoke(request.map(Into::into), self.peer).await;
        self.unfinished().extend(unfinished);
        response.into()
    }

    /// Runs the work that handlers gave to [`Context::wait_until`](anyhost_core::Context::wait_until), as the function
    /// does after it sent the response to the Runtime API. Invocations whose source has stopped waiting run to their end.
    pub async fn finish(&self) {
        let unfinished = std::mem::take(&mut *self.unfinished());
        for invocation in unfinished {
            invocation.finish().await;
        }
    }

    fn unfinished(&self) -> MutexGuard<'_, Vec<Unfinished>> {
        self.unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("simulator", &self.simulator)
            .field("function", &self.function)
            .field("deployment", &self.deployment)
            .field("peer", &self.peer)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
