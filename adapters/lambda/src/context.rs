//! What this host knows about a request.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhost_core::{Context, Host};
use bytes::Bytes;
use http::HeaderMap;
use http::uri::Scheme;
use lambda_http::request::RequestContext;

use crate::event::{Json, Source};
use crate::options::Options;

/// What only Lambda knows about a request. It is in the request's extensions, where no client can
/// put anything:
///
/// ```
/// use anyhost_core::Request;
/// use anyhost_lambda::LambdaContext;
///
/// async fn who(request: Request) -> String {
///     match request.extensions().get::<LambdaContext>() {
///         Some(lambda) => format!("{}", lambda.source()),
///         None => "not on Lambda".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct LambdaContext {
    source: Source,
    event: Bytes,
    invocation: Invocation,
}

/// What the Runtime API says of an invocation, in the headers of `/next`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invocation {
    headers: HeaderMap,
    deadline: Option<SystemTime>,
}

impl Invocation {
    /// What is missing or odd is left out. A deadline in the past is none; emulators send some.
    pub(crate) fn new(headers: HeaderMap) -> Self {
        let ms = headers.get("lambda-runtime-deadline-ms");
        let ms = ms.and_then(|ms| ms.to_str().ok()?.parse().ok());
        let deadline = ms.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
        Self {
            deadline: deadline.filter(|deadline| *deadline > SystemTime::now()),
            headers,
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How much time is left.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.deadline?.duration_since(SystemTime::now()).ok()
    }
}

impl LambdaContext {
    pub(crate) fn new(source: Source, event: Bytes, invocation: Invocation) -> Self {
        Self {
            source,
            event,
            invocation,
        }
    }

    /// The front door that the request came through.
    pub fn source(&self) -> Source {
        self.source
    }

    /// The event itself, as JSON.
    pub fn event(&self) -> &Bytes {
        &self.event
    }

    /// The ARN that was invoked; its last part may name a version or alias.
    pub fn function_arn(&self) -> Option<&str> {
        self.invocation.text("lambda-runtime-invoked-function-arn")
    }

    /// The X-Ray trace header of this invocation.
    pub fn trace_id(&self) -> Option<&str> {
        self.invocation.text("lambda-runtime-trace-id")
    }

    /// The tenant, for functions with tenant isolation.
    pub fn tenant_id(&self) -> Option<&str> {
        self.invocation.text("lambda-runtime-aws-tenant-id")
    }

    /// What the front door's authorizer said of the client, as the event has it: claims, scopes, or
    /// whatever a Lambda authorizer returned. It is read at each call.
    pub fn authorizer(&self) -> Option<serde_json::Value> {
        #[derive(serde::Deserialize)]
        struct Event {
            #[serde(rename = "requestContext")]
            request_context: Authorized,
        }
        #[derive(serde::Deserialize)]
        struct Authorized {
            authorizer: serde_json::Value,
        }
        let event: Event = serde_json::from_slice(&self.event).ok()?;
        Some(event.request_context.authorizer).filter(|authorizer| !authorizer.is_null())
    }

    /// The event's `requestContext` in `lambda_http`'s types: the stage, the identity, the authorizer's
    /// claims. It is read at each call; `None` if it does not fit them.
    pub fn request_context(&self) -> Option<RequestContext> {
        #[derive(serde::Deserialize)]
        struct Event<T> {
            #[serde(rename = "requestContext")]
            request_context: T,
        }
        fn read<T: serde::de::DeserializeOwned>(event: &[u8]) -> Option<T> {
            serde_json::from_slice::<Event<T>>(event)
                .ok()
                .map(|event| event.request_context)
        }
        match self.source {
            Source::RestApi | Source::HttpApiV1 => {
                read(&self.event).map(RequestContext::ApiGatewayV1)
            }
            Source::HttpApi | Source::FunctionUrl => {
                read(&self.event).map(RequestContext::ApiGatewayV2)
            }
            Source::Alb | Source::AlbMultiValue => read(&self.event).map(RequestContext::Alb),
            Source::WebSocket => read(&self.event).map(RequestContext::WebSocket),
            Source::Lattice => read(&self.event).map(RequestContext::VpcLattice),
            Source::LatticeV1 | Source::Event => None,
        }
    }
}

/// The context of a request.
pub(crate) fn of(
    source: Source,
    event: &Json<'_>,
    invocation: &Invocation,
    options: &Options,
) -> Context {
    let mut context = of_event(invocation).with_scheme(scheme(source, event));
    if let Some(peer) = peer(source, event, options.proxies) {
        context = context.with_peer(peer);
    }
    context
}

/// The context of an event that is no request.
pub(crate) fn of_event(invocation: &Invocation) -> Context {
    let mut context = Context::new(Host::LAMBDA);
    if let Some(id) = invocation.text("lambda-runtime-aws-request-id") {
        context = context.with_request_id(id);
    }
    if let Some(deadline) = invocation.deadline {
        context = context.with_deadline(deadline);
    }
    context
}

/// The client's address is AWS's word. A load balancer says it only as the last entry of
/// X-Forwarded-For, to which it appends unless it was set to `preserve` or `remove`, and proxies
/// before it as the entries before that; the rest is the client's own invention.
fn peer(source: Source, event: &Json<'_>, proxies: usize) -> Option<IpAddr> {
    let context = event.get("requestContext");
    let address = match source {
        Source::RestApi | Source::HttpApiV1 | Source::WebSocket => {
            context.get("identity").get("sourceIp").text()?
        }
        Source::HttpApi | Source::FunctionUrl => context.get("http").get("sourceIp").text()?,
        Source::Alb | Source::AlbMultiValue => header(event, "x-forwarded-for")
            .iter()
            .rev()
            .filter_map(Json::text)
            .flat_map(|value| value.rsplit(','))
            .nth(proxies - 1)?
            .trim(),
        Source::Lattice | Source::LatticeV1 | Source::Event => return None,
    };
    parse_ip(address)
}

/// An address, perhaps with the client's port behind it, which a load balancer can be told to add.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().or_else(|_| {
        text.parse::<std::net::SocketAddr>()
            .map(|address| address.ip())
    });
    address.ok().map(|address| address.to_canonical())
}

/// The other front doors have no plain HTTP, or do not say. A load balancer overwrites
/// X-Forwarded-Proto, whatever the client sent.
fn scheme(source: Source, event: &Json<'_>) -> Scheme {
    let plain = matches!(source, Source::Alb | Source::AlbMultiValue)
        && header(event, "x-forwarded-proto")
            .last()
            .and_then(Json::text)
            != Some("https");
    if plain { Scheme::HTTP } else { Scheme::HTTPS }
}

/// The values of a header.
fn header<'a, 'e>(event: &'a Json<'e>, name: &str) -> &'a [Json<'e>] {
    let maps = [event.get("multiValueHeaders"), event.get("headers")];
    let mut headers = maps.into_iter().flat_map(Json::entries);
    headers
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map_or(&[], |(_, values)| values.items())
}
