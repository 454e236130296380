//! The values of a request that are needed after the handler took the request.

use http::uri::PathAndQuery;
use http::{Method, StatusCode, Version};

use crate::{Context, Request};

/// The values of a request that the response rules and the log need after the handler took the request.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    pub(super) method: Method,
    pub(super) context: Context,
    /// Whether the client asked to switch protocols and the host can switch protocols.
    pub(super) upgrade: bool,
    /// Whether the response can describe its connection: the host owns the connection, and the protocol is HTTP/1.
    /// HTTP/2 forbids such headers (RFC 9113 §8.2.2).
    pub(super) http1_connection: bool,
    /// The status of the response, for the report about a response that is aborted.
    pub(super) status: Option<StatusCode>,
    target: Option<PathAndQuery>,
}

impl RequestInfo {
    /// Copies the values from a request. A request without a [`Context`] gets the default context, so that the
    /// handler and the adapter share the same list of `wait_until` work.
    pub fn of(request: &mut Request) -> Self {
        let context = request.extensions().get::<Context>().cloned();
        let context = context.unwrap_or_else(|| {
            let context = Context::default();
            request.extensions_mut().insert(context.clone());
            context
        });
        Self::new(request, context)
    }

    pub(super) fn new(request: &Request, context: Context) -> Self {
        Self {
            method: request.method().clone(),
            http1_connection: request.version() < Version::HTTP_2
                && context.host().carries_upgrades(),
            context,
            upgrade: false,
            status: None,
            target: request.uri().path_and_query().cloned(),
        }
    }

    /// Makes the values for input that an adapter cannot decode as a request: method GET, path `/`, and this context.
    pub fn unknown(context: Context) -> Self {
        Self {
            method: Method::GET,
            context,
            upgrade: false,
            http1_connection: false,
            status: None,
            target: None,
        }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, percent-encoded.
    pub fn path(&self) -> &str {
        self.target.as_ref().map_or("/", PathAndQuery::path)
    }

    /// The context that the handler got.
    pub fn context(&self) -> &Context {
        &self.context
    }
}
