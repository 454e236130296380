//! Clients for the tests of the examples: the same requests through every host that runs inside a test.

use std::fmt;

use anyhost::bytes::Bytes;
use anyhost::http::{Request, Response};
use anyhost::{Body, IntoHandler};
use anyhost_conformance::{Transport, local_hosts};
use http_body_util::BodyExt;

/// Sends requests to an application on one host.
pub struct Client(Box<dyn Transport>);

/// Returns one client for each host. Each host gets its own application, so that the hosts share no state.
pub async fn everywhere<K, H: IntoHandler<K>>(app: impl Fn() -> H) -> Vec<Client> {
    let mut clients = Vec::new();
    while let Some(host) = local_hosts(app()).await.into_iter().nth(clients.len()) {
        clients.push(Client(host));
    }
    clients
}

impl Client {
    /// The prefix that the host removes from paths, as in [`anyhost::Context::base_path`].
    pub fn base_path(&self) -> &str {
        &self.0.profile().base_path
    }

    /// Sends a request and runs the `wait_until` work, except on hosts that run it themselves.
    ///
    /// # Panics
    /// If the response was aborted.
    pub async fn send(&self, request: Request<impl Into<Bytes>>) -> Response<Bytes> {
        let request = request.map(|body| Body::from(body.into()));
        let response = self.0.send(request).await.expect("expected a response");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("expected a complete response");
        self.0.finish().await;
        Response::from_parts(parts, body.to_bytes())
    }

    /// Sends a GET request.
    ///
    /// # Panics
    /// If the target is invalid, or if the response was aborted.
    pub async fn get(&self, target: &str) -> Response<Bytes> {
        let request = Request::get(target).body("");
        self.send(request.expect("expected a valid target")).await
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.profile().name)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client")
            .field(&self.0.profile().name)
            .finish()
    }
}

/// The body as text.
///
/// # Panics
/// If the body is not UTF-8.
pub fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).expect("expected UTF-8 as the body")
}

/// The value of the first header with this name, if the value is text.
pub fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}
