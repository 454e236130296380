//! What is known about a request beyond the request itself, the same way on every host.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use http::uri::Scheme;

use crate::after::AfterWork;
use crate::host::Host;

/// What the host knows about a request: who sent it, how it came in, when it must be done.
///
/// A handler gets it from [`RequestExt::context`](crate::RequestExt::context). A host that does not
/// know something says `None`; nothing here panics. None of it comes from a header that a client
/// could forge.
///
/// An adapter makes one for each request, or one for a connection, since a clone is cheap and the
/// `with_…` methods leave other clones as they are:
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
    facts: Arc<Facts>,
    own: Arc<Own>,
}

#[derive(Clone)]
struct Facts {
    host: Host,
    scheme: Scheme,
    peer: Option<IpAddr>,
    base_path: Box<str>,
    request_id: Option<Box<str>>,
    /// Makes an id for a request that comes without one.
    new_request_id: Option<fn() -> Box<str>>,
    deadline: Option<SystemTime>,
    development: bool,
}

/// What a request shares with no other.
#[derive(Default)]
struct Own {
    after: AfterWork,
    /// The id that its client sent, or one that was made because somebody asked.
    request_id: OnceLock<Box<str>>,
}

impl Context {
    /// A context that knows only the host's kind. The scheme is `http`, and development mode is on
    /// if the environment says `ANYHOST_ENV=development`.
    pub fn new(host: Host) -> Self {
        let facts = Facts {
            host,
            scheme: Scheme::HTTP,
            peer: None,
            base_path: Box::default(),
            request_id: None,
            new_request_id: None,
            deadline: None,
            development: development(),
        };
        Self {
            facts: Arc::new(facts),
            own: Arc::default(),
        }
    }

    /// The client's address, or that of the last proxy that nothing vouches for.
    #[must_use]
    pub fn with_peer(mut self, peer: IpAddr) -> Self {
        self.facts().peer = Some(peer);
        self
    }

    /// The scheme that the client used.
    #[must_use]
    pub fn with_scheme(mut self, scheme: Scheme) -> Self {
        self.facts().scheme = scheme;
        self
    }

    /// The mount or stage that was taken off the path, such as `/cgi-bin/app`: it starts with a
    /// slash, ends without one, and is empty if there is none.
    #[must_use]
    pub fn with_base_path(mut self, base_path: impl Into<Box<str>>) -> Self {
        self.facts().base_path = base_path.into();
        self
    }

    /// The id that the host gave to this request.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<Box<str>>) -> Self {
        self.facts().request_id = Some(request_id.into());
        self
    }

    /// For hosts that give no ids: how to make one. It is made when somebody asks for it, unless the client
    /// sent an `X-Request-Id`.
    #[must_use]
    pub fn with_new_request_ids(mut self, new_request_id: fn() -> Box<str>) -> Self {
        self.facts().new_request_id = Some(new_request_id);
        self
    }

    /// When the host stops waiting.
    #[must_use]
    pub fn with_deadline(mut self, deadline: SystemTime) -> Self {
        self.facts().deadline = Some(deadline);
        self
    }

    /// Whether error replies tell their whole story.
    #[must_use]
    pub fn with_development(mut self, development: bool) -> Self {
        self.facts().development = development;
        self
    }

    /// For adapters: a context for one request of a connection, with the connection's facts and a list
    /// of [`wait_until`](Self::wait_until) work that no other request shares.
    #[must_use]
    pub fn for_request(&self) -> Self {
        // Nobody else holds what is the connection's own: no request before this one is still at it.
        let free = Arc::strong_count(&self.own) == 1 && self.own.request_id.get().is_none();
        let own = if free {
            self.own.clone()
        } else {
            Arc::default()
        };
        Self {
            facts: self.facts.clone(),
            own,
        }
    }

    fn facts(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.facts)
    }

    /// The kind of host.
    pub fn host(&self) -> Host {
        self.facts.host
    }

    /// The client's address. Behind a proxy it is the proxy's, unless that proxy is trusted.
    pub fn peer(&self) -> Option<IpAddr> {
        self.facts.peer
    }

    /// The scheme that the client used.
    pub fn scheme(&self) -> &Scheme {
        &self.facts.scheme
    }

    /// The mount or stage that was taken off the path; empty if there is none.
    pub fn base_path(&self) -> &str {
        &self.facts.base_path
    }

    /// What tells this request from all others in logs: the host's id for it; or else what the client sent
    /// as `X-Request-Id`, if that is at most 128 visible ASCII characters; or else a new one, where the host
    /// makes them.
    pub fn request_id(&self) -> Option<&str> {
        let known = self.facts.request_id.as_deref();
        known.or_else(|| match self.facts.new_request_id {
            Some(new) => Some(self.own.request_id.get_or_init(new)),
            None => self.own.request_id.get().map(|id| &**id),
        })
    }

    /// Takes the id that a client sent.
    pub(crate) fn keep_request_id(&self, id: &[u8]) {
        let visible = id.iter().all(u8::is_ascii_graphic) && (1..=128).contains(&id.len());
        if visible && let Ok(id) = std::str::from_utf8(id) {
            let _ = self.own.request_id.set(id.into());
        }
    }

    /// When the host stops waiting for the reply.
    pub fn deadline(&self) -> Option<SystemTime> {
        self.facts.deadline
    }

    /// Whether error replies tell their whole story.
    pub fn development(&self) -> bool {
        self.facts.development
    }

    /// Hands over work that runs after the reply went out.
    ///
    /// Every adapter finishes it before it lets the process freeze, drain or exit. Pieces of work
    /// run side by side; one that panics is logged and stops no other. Hand it over before the reply
    /// and its body have ended, or from other such work: later there may be nobody to run it, which
    /// the log then says.
    pub fn wait_until(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.own.after.push(Box::pin(work));
    }

    /// For adapters: runs all work that was handed to [`wait_until`](Self::wait_until), and what
    /// that work hands over in its turn, until none is left. If the future is dropped, the work that is
    /// not done waits for another call.
    pub async fn finish(&self) {
        self.own.after.run().await;
    }

    /// For adapters: whether there is work that [`finish`](Self::finish) would run.
    pub fn has_work(&self) -> bool {
        !self.own.after.is_empty()
    }
}

/// What a request without a context has: an in-process call of which nothing is known.
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
            .field("deadline", &self.facts.deadline)
            .finish_non_exhaustive()
    }
}

fn development() -> bool {
    static DEVELOPMENT: OnceLock<bool> = OnceLock::new();
    *DEVELOPMENT
        .get_or_init(|| std::env::var_os("ANYHOST_ENV").is_some_and(|env| env == "development"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_host_s_or_the_client_s_or_a_new_one() {
        let connection = Context::new(Host::HTTP).with_new_request_ids(|| "new".into());
        let first = connection.for_request();
        first.keep_request_id(b"sent");
        assert_eq!(first.request_id(), Some("sent"));
        drop(first);
        assert_eq!(connection.for_request().request_id(), Some("new"));

        let host = Context::new(Host::LAMBDA).with_request_id("host");
        host.keep_request_id(b"sent");
        assert_eq!(host.request_id(), Some("host"));
        for bad in [&b""[..], b"a b", b"a\n", b"caf\xE9", &[b'x'; 129]] {
            let context = Context::default();
            context.keep_request_id(bad);
            assert_eq!(context.request_id(), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn requests_of_a_connection_share_its_facts_and_not_their_work() {
        let connection = Context::new(Host::HTTP).with_peer([192, 0, 2, 1].into());
        let first = connection.for_request();
        first.wait_until(async {});
        let second = connection.for_request();
        assert!(first.has_work() && !second.has_work());
        assert_eq!(second.peer(), connection.peer());
        first.finish().await;
        assert!(!first.has_work());
    }
}
