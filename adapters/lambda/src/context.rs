//! The values of a request that only Lambda provides.

use std::net::IpAddr;

use anyhost_core::adapter::forwarded::{Proxies, parse_ip};
use anyhost_core::{Context, Host, Result};
use bytes::Bytes;
use http::HeaderMap;
use http::uri::Scheme;
use serde::de::DeserializeOwned;

use crate::event::{ClientScheme, Description, Json, Peer, Source};
use crate::options::FunctionOptions;
use crate::runtime::Metadata;

/// The values of a request that only Lambda provides. Handlers find this type in the request's extensions, which no
/// client can set:
///
/// ```
/// use anyhost_core::Request;
/// use anyhost_lambda::LambdaContext;
///
/// async fn source(request: Request) -> String {
///     match request.extensions().get::<LambdaContext>() {
///         Some(lambda) => lambda.source().to_string(),
///         None => "not on Lambda".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct LambdaContext {
    source: Source,
    event: Bytes,
    metadata: Metadata,
}

impl LambdaContext {
    pub(crate) fn new(source: Source, event: Bytes, metadata: Metadata) -> Self {
        Self {
            source,
            event,
            metadata,
        }
    }

    /// The event source.
    pub fn source(&self) -> Source {
        self.source
    }

    /// The event as JSON.
    pub fn event(&self) -> &Bytes {
        &self.event
    }

    /// The ARN with which the function was invoked. Its last part may be a version or an alias.
    pub fn function_arn(&self) -> Option<&str> {
        self.metadata.function_arn()
    }

    /// The X-Ray trace header of this invocation.
    pub fn trace_id(&self) -> Option<&str> {
        self.metadata.trace_id()
    }

    /// The tenant, for functions with tenant isolation.
    pub fn tenant_id(&self) -> Option<&str> {
        self.metadata.tenant_id()
    }

    /// The result of the authorizer of an API Gateway or Function URL for the client: claims, scopes, or
    /// the values of a Lambda authorizer. Each call parses the event.
    pub fn authorizer(&self) -> Option<serde_json::Value> {
        #[derive(serde::Deserialize)]
        struct Authorized {
            authorizer: serde_json::Value,
        }
        let context: Authorized = self.event_context().ok()?;
        Some(context.authorizer).filter(|authorizer| !authorizer.is_null())
    }

    /// The event's `requestContext`: the stage, the identity, the authorizer's claims, and the other
    /// fields of the event source. Each call parses the event.
    ///
    /// ```
    /// use anyhost_core::{Request, Result};
    /// use anyhost_lambda::LambdaContext;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Stage {
    ///     stage: String,
    /// }
    ///
    /// async fn stage(request: Request) -> Result<String> {
    ///     match request.extensions().get::<LambdaContext>() {
    ///         Some(lambda) => Ok(lambda.event_context::<Stage>()?.stage),
    ///         None => Ok("not on Lambda".to_owned()),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns a 500 error if the event has no `requestContext`, or if the `requestContext` does not fit `T`.
    pub fn event_context<T: DeserializeOwned>(&self) -> Result<T> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Event<T> {
            request_context: T,
        }
        let event: Event<T> = serde_json::from_slice(&self.event)?;
        Ok(event.request_context)
    }

    /// The event's `requestContext` in the types of `lambda_http`. Each call parses the event. `None` if the
    /// event does not fit these types, or if `lambda_http` has no type for its source.
    #[cfg(feature = "lambda_http")]
    pub fn request_context(&self) -> Option<lambda_http::request::RequestContext> {
        (self.source.description().request_context)(&self.event)
    }

    #[cfg(feature = "lambda_http")]
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

/// The context of a request. `headers` are the headers of the request, or `None` if they are invalid.
pub(crate) fn of(
    description: &Description,
    event: &Json<'_>,
    headers: Option<&HeaderMap>,
    metadata: &Metadata,
    settings: &FunctionOptions,
) -> Context {
    let mut context = Context::new(Host::LAMBDA)
        .with_scheme(scheme(description, headers))
        .with_timer(|duration| Box::pin(tokio::time::sleep(duration)));
    if let Some(id) = metadata.request_id() {
        context = context.with_request_id(id);
    }
    if let Some(deadline) = metadata.deadline() {
        context = context.with_deadline(deadline);
    }
    let peer = match description.peer {
        Peer::Field(field) => event.at(field).text().and_then(parse_ip),
        // A client can send X-Forwarded-For. Only the entries that the load balancer and the proxies in front
        // of it appended can be trusted, so the entries are counted from the right.
        Peer::ForwardedFor => forwarded_for(headers, settings.proxies.unwrap_or(1)),
        Peer::ForwardedForIfTrusted => {
            let trusted = settings.proxies;
            trusted.and_then(|proxies| forwarded_for(headers, proxies))
        }
        Peer::Unknown => None,
    };
    match peer {
        Some(peer) => context.with_peer(peer),
        None => context,
    }
}

fn forwarded_for(headers: Option<&HeaderMap>, proxies: usize) -> Option<IpAddr> {
    let proxies = Proxies::hops(proxies.max(1));
    proxies.origin(None, headers?).peer
}

fn scheme(description: &Description, headers: Option<&HeaderMap>) -> Scheme {
    let https = match description.scheme {
        ClientScheme::Https => true,
        ClientScheme::ForwardedProto => headers
            .and_then(|headers| headers.get_all("x-forwarded-proto").iter().next_back())
            .is_some_and(|scheme| scheme == "https"),
        // "HTTP targets in VPC Lattice": the value of the header is `http` or `https`.
        ClientScheme::ForwardedForProto => headers
            .and_then(|headers| headers.get_all("x-forwarded-for-proto").iter().next_back())
            .is_none_or(|scheme| scheme != "http"),
        ClientScheme::NotHttp => false,
    };
    if https { Scheme::HTTPS } else { Scheme::HTTP }
}
