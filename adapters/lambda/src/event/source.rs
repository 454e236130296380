//! The front doors of Lambda.

use std::fmt;

use super::Json;

/// Where an event came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// An API Gateway REST API.
    RestApi,
    /// An API Gateway HTTP API with payload format 1.0.
    HttpApiV1,
    /// An API Gateway HTTP API with payload format 2.0.
    HttpApi,
    /// A Lambda Function URL.
    FunctionUrl,
    /// An Application Load Balancer with single-value headers.
    Alb,
    /// An Application Load Balancer with multi-value headers.
    AlbMultiValue,
    /// VPC Lattice, event format 2.0.
    Lattice,
    /// VPC Lattice, event format 1.0.
    LatticeV1,
    /// An API Gateway WebSocket API.
    WebSocket,
    /// No HTTP front door: a queue, a schedule, a bucket, a direct call.
    Event,
}

impl Source {
    /// Reads the source off an event: one look at what only that source has. `None` if it is no event
    /// of an HTTP front door.
    pub(crate) fn of(event: &Json<'_>) -> Option<Self> {
        let context = event.get("requestContext");
        let is = |name| event.get(name) != &Json::Null;
        // An authorizer is asked about a request, and is not to answer it.
        if event.get("type").text() == Some("REQUEST") && (is("methodArn") || is("routeArn")) {
            return None;
        }
        if context.get("elb") != &Json::Null {
            // A load balancer sends one of the two maps, never both.
            let multi = event.get("multiValueHeaders").is_map();
            return Some(if multi {
                Self::AlbMultiValue
            } else {
                Self::Alb
            });
        }
        if context.get("connectionId") != &Json::Null {
            return Some(Self::WebSocket);
        }
        if context.get("http") != &Json::Null {
            return Some(if is_function_url(context) {
                Self::FunctionUrl
            } else {
                Self::HttpApi
            });
        }
        if context.get("serviceArn") != &Json::Null
            || context.get("serviceNetworkArn") != &Json::Null
        {
            return Some(Self::Lattice);
        }
        if event.get("raw_path") != &Json::Null {
            return Some(Self::LatticeV1);
        }
        // A Bedrock agent's event has a method as well, and none of these.
        if is("httpMethod") && (context.is_map() || is("path") || is("resource")) {
            return Some(match event.get("version").text() {
                Some("1.0") => Self::HttpApiV1,
                _ => Self::RestApi,
            });
        }
        // Some of an HTTP event is missing, but it is one: its sender waits for a reply.
        (event.get("rawPath") != &Json::Null || event.get("routeKey") != &Json::Null)
            .then_some(Self::HttpApi)
    }

    /// Whether the front door can take a reply piece by piece.
    pub(crate) fn streams(self) -> bool {
        matches!(self, Self::FunctionUrl | Self::RestApi)
    }

    /// The most bytes of headers that the front door takes ("Quotas for API Gateway").
    pub(crate) fn header_limit(self) -> usize {
        match self {
            Self::RestApi | Self::HttpApi | Self::HttpApiV1 | Self::WebSocket => 10_240,
            _ => usize::MAX,
        }
    }

    /// The most bytes of JSON that the front door takes as a reply (Lambda quotas; for a load
    /// balancer, "Lambda functions as targets"; for WebSockets, "Quotas for API Gateway").
    pub(crate) fn reply_limit(self) -> usize {
        match self {
            Self::Alb | Self::AlbMultiValue => 1024 * 1024,
            Self::WebSocket => 128 * 1024,
            _ => 6 * 1024 * 1024,
        }
    }
}

/// Both use payload format 2.0. Without an API behind it, it is a Function URL, or an emulator that
/// speaks as one.
fn is_function_url(context: &Json<'_>) -> bool {
    let domain = context.get("domainName").text().unwrap_or_default();
    domain.contains(".lambda-url.") || context.get("apiId").text().is_none()
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RestApi => "REST API",
            Self::HttpApiV1 => "HTTP API (1.0)",
            Self::HttpApi => "HTTP API",
            Self::FunctionUrl => "Function URL",
            Self::Alb => "ALB",
            Self::AlbMultiValue => "ALB (multi-value headers)",
            Self::Lattice => "VPC Lattice",
            Self::LatticeV1 => "VPC Lattice (1.0)",
            Self::WebSocket => "WebSocket API",
            Self::Event => "no front door",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(event: &str) -> serde_json::Result<Option<Source>> {
        Ok(Source::of(&Json::parse(event.as_bytes())?))
    }

    #[test]
    fn each_source_is_known_by_what_only_it_has() {
        for (event, expected) in [
            (
                r#"{"httpMethod": "GET", "requestContext": {"stage": "x"}}"#,
                Source::RestApi,
            ),
            (
                r#"{"version": "1.0", "httpMethod": "GET", "path": "/x", "requestContext": {}}"#,
                Source::HttpApiV1,
            ),
            (
                r#"{"requestContext": {"http": {}, "apiId": "x"}}"#,
                Source::HttpApi,
            ),
            (
                r#"{"requestContext": {"http": {}, "domainName": "x.lambda-url.eu-west-1.on.aws"}}"#,
                Source::FunctionUrl,
            ),
            (r#"{"requestContext": {"http": {}}}"#, Source::FunctionUrl),
            (
                r#"{"requestContext": {"elb": {}}, "headers": {}, "httpMethod": "GET"}"#,
                Source::Alb,
            ),
            (
                r#"{"requestContext": {"elb": {}}, "headers": null, "multiValueHeaders": {}}"#,
                Source::AlbMultiValue,
            ),
            (
                r#"{"version": "2.0", "method": "GET", "requestContext": {"serviceArn": "x"}}"#,
                Source::Lattice,
            ),
            (r#"{"raw_path": "/", "method": "GET"}"#, Source::LatticeV1),
            (
                r#"{"requestContext": {"connectionId": "x", "eventType": "MESSAGE"}}"#,
                Source::WebSocket,
            ),
            (r#"{"rawPath": "/"}"#, Source::HttpApi),
        ] {
            assert_eq!(source(event).ok(), Some(Some(expected)), "{event}");
        }
    }

    #[test]
    fn other_events_are_none_of_them() {
        for event in [
            r#"{"Records": []}"#,
            r#"{"detail-type": "x"}"#,
            "{}",
            "[]",
            "null",
            "5",
            r#""requestContext""#,
            r#"{"type": "REQUEST", "methodArn": "x", "httpMethod": "GET", "path": "/", "requestContext": {}}"#,
            r#"{"type": "REQUEST", "routeArn": "x", "rawPath": "/", "requestContext": {"http": {}}}"#,
            r#"{"messageVersion": "1.0", "agent": {}, "httpMethod": "GET", "apiPath": "/x"}"#,
        ] {
            assert_eq!(source(event).ok(), Some(None), "{event}");
        }
    }
}
