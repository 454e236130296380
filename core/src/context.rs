//! The information of a host about a request, such as the address of the client.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use http::uri::Scheme;

use crate::adapter::{DrainSignal, Timer};
use crate::host::Host;
use crate::pending_work::PendingWork;

/// The information of the host about a request: the client's address, the scheme, the path prefix, the deadline.
///
/// A handler gets the context from [`RequestExt::context`](crate::RequestExt::context). A value that the host does
/// not know is `None`. A client cannot forge a value with a header, except the request id on a host that does not
/// assign ids (see [`request_id`](Self::request_id)).
///
/// An adapter makes a context for each request or for each connection. A clone is cheap, and the `with_…` methods
/// do not change other clones:
///
/// ```
/// use anyhost_core::{Context, Host};
///
/// let connection = Context::new(Host::HTTP).with_peer([127, 0, 0, 1].into());
/// let request = connection.clone().with_request_id("r-1");
/// assert_eq!(request.peer(), connection.peer());
/// assert_eq!(connection.request_id(), None);
/// ```
#[derive(Clone)]
pub struct Context {
    /// The values that all requests of a connection share.
    facts: Arc<Facts>,
    request: Arc<RequestState>,
    /// Each request has another deadline. In the facts, it would make each request copy them.
    deadline: Option<SystemTime>,
}

#[derive(Clone)]
struct Facts {
    host: Host,
    scheme: Scheme,
    peer: Option<IpAddr>,
    base_path: Box<str>,
    request_id: Option<Box<str>>,
    /// Generates the id of a request that has no id.
    new_request_id: Option<fn() -> Box<str>>,
    development: bool,
    draining: Option<DrainSignal>,
    timer: Option<fn(Duration) -> Timer>,
    /// The pattern of the prefixes below which the current handler is nested, such as `/shops/{shop}`.
    mount: Box<str>,
}

/// The values of a single request.
#[derive(Default)]
struct RequestState {
    work: PendingWork,
    /// The id that the client sent, or the generated id. The id is generated when it is first read.
    request_id: OnceLock<Box<str>>,
    /// The pattern of the route that matched.
    route: Mutex<Option<Arc<str>>>,
}

impl RequestState {
    fn route(&self) -> MutexGuard<'_, Option<Arc<str>>> {
        self.route.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// Makes a context with only the kind of host. The scheme is `http`. Development mode is on if the
    /// environment variable `ANYHOST_ENV` is `development`.
    pub fn new(host: Host) -> Self {
        let facts = Facts {
            host,
            scheme: Scheme::HTTP,
            peer: None,
            base_path: Box::default(),
            request_id: None,
            new_request_id: None,
            development: is_development(),
            draining: None,
            mount: Box::default(),
            timer: None,
        };
        Self {
            facts: Arc::new(facts),
            request: Arc::default(),
            deadline: None,
        }
    }

    /// Sets the client's address; see [`peer`](Self::peer).
    #[must_use]
    pub fn with_peer(mut self, peer: IpAddr) -> Self {
        self.facts().peer = Some(peer);
        self
    }

    /// Marks the client's address as unknown, for example if fewer proxies than expected forwarded the request.
    #[must_use]
    pub fn without_peer(mut self) -> Self {
        self.facts().peer = None;
        self
    }

    /// Sets the scheme that the client used.
    #[must_use]
    pub fn with_scheme(mut self, scheme: Scheme) -> Self {
        self.facts().scheme = scheme;
        self
    }

    /// Sets the prefix that was removed from the path, such as `/cgi-bin/app`. The prefix begins with a slash and
    /// does not end with a slash. It is empty if nothing was removed.
    #[must_use]
    pub fn with_base_path(mut self, base_path: impl Into<Box<str>>) -> Self {
        self.facts().base_path = base_path.into();
        self
    }

    /// Sets the id that the host assigned to this request.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<Box<str>>) -> Self {
        self.facts().request_id = Some(request_id.into());
        self
    }

    /// Sets the function that generates an id, for hosts that do not assign ids. The function is called when the
    /// id is first read, and only if the client sent no valid `X-Request-Id`.
    #[must_use]
    pub fn with_new_request_ids(mut self, new_request_id: fn() -> Box<str>) -> Self {
        self.facts().new_request_id = Some(new_request_id);
        self
    }

    /// Sets the time at which the host stops waiting for the response.
    #[must_use]
    pub fn with_deadline(mut self, deadline: SystemTime) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets whether responses to errors contain the error's sources.
    #[must_use]
    pub fn with_development(mut self, development: bool) -> Self {
        self.facts().development = development;
        self
    }

    /// Sets the signal with which the host reports that it is draining; see [`is_draining`](Self::is_draining).
    #[must_use]
    pub fn with_draining(mut self, signal: &DrainSignal) -> Self {
        self.facts().draining = Some(signal.clone());
        self
    }

    /// Sets the function that makes timers. The core has no clock, so event streams ([`Sse`](crate::sse::Sse)) need
    /// this function for their keep-alive comments.
    #[must_use]
    pub fn with_timer(mut self, timer: fn(Duration) -> Timer) -> Self {
        self.facts().timer = Some(timer);
        self
    }

    /// See [`request_context`](crate::adapter::request_context).
    pub(crate) fn for_request(&self) -> Self {
        // Reuse the allocation if no earlier request still holds it.
        let unused =
            Arc::strong_count(&self.request) == 1 && self.request.request_id.get().is_none();
        let request = if unused {
            *self.request.route() = None;
            self.request.clone()
        } else {
            Arc::default()
        };
        Self {
            facts: self.facts.clone(),
            request,
            deadline: self.deadline,
        }
    }

    fn facts(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.facts)
    }

    /// The kind of host.
    pub fn host(&self) -> Host {
        self.facts.host
    }

    /// The client's address, or the address of the proxy in front of the host if that proxy is not trusted.
    pub fn peer(&self) -> Option<IpAddr> {
        self.facts.peer
    }

    /// The scheme that the client used.
    pub fn scheme(&self) -> &Scheme {
        &self.facts.scheme
    }

    /// The prefix that was removed from the path, such as a CGI script's path or an API's stage; empty if
    /// nothing was removed. Links to other pages of the application must begin with this prefix.
    ///
    /// In a handler that was added with [`Router::nest`](crate::Router::nest) and is not a plain router, such as a router
    /// inside a middleware, the base path also contains the prefix of `nest`. Links from there to pages outside of the prefix
    /// need the base path of the whole application: see the guide about middleware.
    pub fn base_path(&self) -> &str {
        &self.facts.base_path
    }

    /// The id of this request, for logs: the id that the host assigned; otherwise the client's
    /// `X-Request-Id`, if its value is 1 to 128 visible ASCII characters; otherwise a new id, if the host
    /// generates ids.
    pub fn request_id(&self) -> Option<&str> {
        let known = self.facts.request_id.as_deref();
        known.or_else(|| match self.facts.new_request_id {
            Some(new) => Some(self.request.request_id.get_or_init(new)),
            None => self.request.request_id.get().map(|id| &**id),
        })
    }

    /// Returns the request id for the last event of a request on a connection. If no other clone of the context can
    /// ask for the id, a new id is not stored, so that the next request reuses the allocation of this request.
    #[doc(hidden)]
    pub fn last_request_id(&self, connection: &Self) -> Option<Cow<'_, str>> {
        let owners = 1 + usize::from(Arc::ptr_eq(&self.request, &connection.request));
        match self.facts.new_request_id {
            Some(new)
                if Arc::strong_count(&self.request) == owners
                    && self.facts.request_id.is_none()
                    && self.request.request_id.get().is_none() =>
            {
                Some(new().into_string().into())
            }
            _ => self.request_id().map(Into::into),
        }
    }

    /// Stores the id that the client sent, if the id is valid. [`exchange`](crate::adapter::exchange()) calls this
    /// function. An adapter calls it for a request that the adapter rejects before the exchange.
    #[doc(hidden)]
    pub fn set_client_request_id(&self, id: &[u8]) {
        let visible = id.iter().all(u8::is_ascii_graphic) && (1..=128).contains(&id.len());
        if visible && let Ok(id) = std::str::from_utf8(id) {
            let _ = self.request.request_id.set(id.into());
        }
    }

    /// The pattern of the route that a [`Router`](crate::Router) selected for this request, such as `/users/{id}`.
    /// `None` if no route matched (404, 405, fallbacks), or if the program has no router.
    ///
    /// The number of routes is limited, unlike the number of paths, so that a route can be a label of a metric. The
    /// access log contains the route too. Handlers see the route, and so does middleware around the router after it
    /// called the router:
    ///
    /// ```
    /// use anyhost_core::{Next, Request, RequestExt, Response, Result, Router, with_middleware};
    ///
    /// async fn count(request: Request, next: Next) -> Result<Response> {
    ///     let context = request.context();
    ///     let result = next.run(request).await;
    ///     println!("route: {}", context.route().as_deref().unwrap_or("none"));
    ///     result
    /// }
    ///
    /// let app = with_middleware(count, Router::new().get("/users/{id}", || "user"));
    /// ```
    ///
    /// A handler other than a router that was nested with [`Router::nest`](crate::Router::nest) has the route of its
    /// prefix, such as `/files/{*rest}`.
    pub fn route(&self) -> Option<Arc<str>> {
        self.request.route().clone()
    }

    /// Sets the route to a pattern below the prefixes of [`with_mount`](Self::with_mount).
    pub(crate) fn set_route(&self, pattern: &Arc<str>) {
        let route = match &*self.facts.mount {
            "" => pattern.clone(),
            mount => Arc::from(format!("{mount}{pattern}")),
        };
        *self.request.route() = Some(route);
    }

    pub(crate) fn clear_route(&self) {
        *self.request.route() = None;
    }

    /// Adds the pattern of a prefix to the routes below this prefix.
    pub(crate) fn with_mount(mut self, prefix: &str) -> Self {
        let mount = format!("{}{prefix}", self.facts.mount);
        self.facts().mount = mount.into();
        self
    }

    /// The time at which the host stops waiting for the response.
    pub fn deadline(&self) -> Option<SystemTime> {
        self.deadline
    }

    /// Whether responses to errors contain the error's sources.
    pub fn development(&self) -> bool {
        self.facts.development
    }

    /// Whether the host is shutting down and waits for the requests in flight. While the host drains, a handler should
    /// end its event streams and upgraded connections, so that clients connect to another process. Only the standalone
    /// server drains; on other hosts, the result is always `false`.
    pub fn is_draining(&self) -> bool {
        let draining = self.facts.draining.as_ref();
        draining.is_some_and(DrainSignal::is_draining)
    }

    /// Completes when the host starts to drain; see [`is_draining`](Self::is_draining). On hosts that do not drain, the
    /// future never completes.
    ///
    /// ```
    /// # async fn next_message() -> Option<String> { None }
    /// # async fn example(context: anyhost_core::Context) {
    /// tokio::select! {
    ///     message = next_message() => { /* … */ }
    ///     () = context.draining() => { /* Say goodbye to the client. */ }
    /// }
    /// # }
    /// ```
    pub fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        let started = self.facts.draining.as_ref().map(DrainSignal::started);
        async {
            match started {
                Some(started) => started.await,
                None => std::future::pending().await,
            }
        }
    }

    /// Makes a timer that completes after `duration`; `None` if the host has no clock.
    pub(crate) fn timer(&self, duration: Duration) -> Option<Timer> {
        self.facts.timer.map(|timer| timer(duration))
    }

    /// Adds work that runs after the response was sent.
    ///
    /// Every adapter runs this work before the process is frozen or ends, until the host's time limit. All
    /// work of a request runs concurrently. A panic in one future is logged and does not affect the other futures. Add
    /// work before the body of the response ends, or from other `wait_until` work. Work that is added later does not
    /// run, and is logged as `dropped wait_until work`.
    ///
    /// The work handles its own errors: [`set_error_hook`](crate::set_error_hook) does not receive them.
    ///
    /// ```
    /// use anyhost_core::{Request, RequestExt};
    ///
    /// async fn order(request: Request) -> &'static str {
    ///     request.context().wait_until(async {
    ///         // Send the confirmation mail here.
    ///     });
    ///     "ordered"
    /// }
    /// ```
    pub fn wait_until(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.request.work.push(Box::pin(work));
    }

    /// The work that handlers passed to [`wait_until`](Self::wait_until).
    pub(crate) fn pending_work(&self) -> &PendingWork {
        &self.request.work
    }
}

/// The context of a request that does not come from a host, but from a function call in the same process.
impl Default for Context {
    fn default() -> Self {
        Self::new(Host::IN_PROCESS)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("host", &self.facts.host)
            .field("scheme", &self.facts.scheme.as_str())
            .field("peer", &self.facts.peer)
            .field("base_path", &self.facts.base_path)
            .field("request_id", &self.facts.request_id)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Whether the environment variable `ANYHOST_ENV` is `development`. The variable is read once.
pub fn is_development() -> bool {
    static DEVELOPMENT: OnceLock<bool> = OnceLock::new();
    *DEVELOPMENT
        .get_or_init(|| std::env::var_os("ANYHOST_ENV").is_some_and(|env| env == "development"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_comes_from_the_host_else_from_the_client_else_is_new() {
        let connection = Context::new(Host::HTTP).with_new_request_ids(|| "new".into());
        let first = connection.for_request();
        first.set_client_request_id(b"sent");
        assert_eq!(first.request_id(), Some("sent"));
        drop(first);
        assert_eq!(connection.for_request().request_id(), Some("new"));

        let host = Context::new(Host::LAMBDA).with_request_id("host");
        host.set_client_request_id(b"sent");
        assert_eq!(host.request_id(), Some("host"));
        for bad in [&b""[..], b"a b", b"a\n", b"caf\xE9", &[b'x'; 129]] {
            let context = Context::default();
            context.set_client_request_id(bad);
            assert_eq!(context.request_id(), None, "{bad:?}");
        }
    }

    #[test]
    fn the_id_in_the_last_event_of_a_request_is_the_id_that_the_handler_saw() {
        let connection = Context::new(Host::HTTP).with_new_request_ids(|| "new".into());
        let request = connection.for_request();
        assert_eq!(request.last_request_id(&connection).as_deref(), Some("new"));
        assert_eq!(request.request.request_id.get(), None);
        // A task of the handler can still ask for the id.
        let task = request.clone();
        assert_eq!(request.last_request_id(&connection).as_deref(), Some("new"));
        assert_eq!(task.request.request_id.get().map(|id| &**id), Some("new"));
        request.set_client_request_id(b"late");
        assert_eq!(request.last_request_id(&connection).as_deref(), Some("new"));

        drop((request, task));
        let request = connection.for_request();
        request.set_client_request_id(b"sent");
        assert_eq!(
            request.last_request_id(&connection).as_deref(),
            Some("sent")
        );
    }

    #[test]
    fn a_context_returns_the_values_that_the_adapter_set() {
        let deadline = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(5);
        let context = Context::new(Host::CGI)
            .with_peer([192, 0, 2, 1].into())
            .with_scheme(Scheme::HTTPS)
            .with_base_path("/app")
            .with_request_id("r-1")
            .with_deadline(deadline)
            .with_development(true);
        assert_eq!(context.host(), Host::CGI);
        assert_eq!(context.peer(), Some([192, 0, 2, 1].into()));
        assert_eq!(context.scheme(), &Scheme::HTTPS);
        assert_eq!(
            (context.base_path(), context.request_id()),
            ("/app", Some("r-1"))
        );
        assert_eq!(
            (context.deadline(), context.development()),
            (Some(deadline), true)
        );
        assert_eq!(context.clone().without_peer().peer(), None);
        assert!(!context.with_development(false).development());
    }

    #[test]
    fn a_context_value_that_was_not_set_is_none_or_its_default() {
        let context = Context::new(Host::CGI);
        assert_eq!(
            (context.peer(), context.request_id(), context.deadline()),
            (None, None, None)
        );
        assert_eq!((context.scheme(), context.base_path()), (&Scheme::HTTP, ""));
    }

    #[test]
    fn a_request_does_not_have_the_route_of_an_earlier_request_of_its_connection() {
        let connection = Context::new(Host::HTTP);
        let first = connection.for_request();
        first.set_route(&"/users/{id}".into());
        assert_eq!(first.route().as_deref(), Some("/users/{id}"));
        drop(first);
        assert_eq!(connection.for_request().route(), None);
    }

    #[test]
    fn requests_of_one_connection_share_the_peer_but_have_separate_wait_until_work() {
        let connection = Context::new(Host::HTTP).with_peer([192, 0, 2, 1].into());
        let first = connection.for_request();
        first.wait_until(async {});
        let second = connection.for_request();
        assert!(!first.pending_work().is_empty() && second.pending_work().is_empty());
        assert_eq!(second.peer(), connection.peer());
    }
}
