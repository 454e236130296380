//! Converts a request into the event that an event source sends.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode};
use serde_json::Value;

use super::deployment::Deployment;
use super::headers::{headers, with_raw_bytes};
use super::simulator::Simulator;
use crate::event::{Arrived, EVENT_LIMIT, EmptyBody, Simulation};

impl Simulator {
    /// Returns the event into which the source converts a request from `peer`. Identifiers and times are constant, so
    /// that events can be compared.
    ///
    /// The path and query come from the URI, without the stage. The scheme of the URI is used only for load
    /// balancers, where the default is `http`. If the request has no Host header, the Host in the event is the name
    /// of the deployment.
    ///
    /// | | path | query | headers | body in base64 |
    /// |---|---|---|---|---|
    /// | REST API | as sent, without the stage | decoded, sorted by name | all values; no Content-Length | all bodies, or none |
    /// | HTTP API (1.0) | decoded | decoded, sorted by name | all values | all except text |
    /// | HTTP API | decoded, up to a `%3F` | as sent | joined with commas; cookies separate | all except text |
    /// | Function URL | as sent | as sent | joined with commas; cookies twice | all except text |
    /// | ALB | as sent | as sent, last value, sorted by name | last value | all except text |
    /// | ALB (multi-value headers) | as sent | as sent, sorted by name | all values | all except text |
    /// | VPC Lattice | as sent | as sent, sorted by name | all values | all except text |
    ///
    /// A body is text if its Content-Type is text, JSON, XML or JavaScript and it has no Content-Encoding. Bytes
    /// of a text that are not valid UTF-8 are replaced with U+FFFD.
    ///
    /// # Errors
    /// The status that the client gets without an invocation: 400 for invalid HTTP, such as two Host headers or
    /// a Content-Length that differs from the body's; 413 for a body of more than 1 MiB at a load balancer, or an
    /// event of more than 6 MiB; 431 for a target and headers of more than 10,240 bytes at an API Gateway; 501 for
    /// a source that cannot be simulated.
    pub fn event(self, request: &Request<Bytes>, peer: IpAddr) -> Result<Bytes, StatusCode> {
        self.event_in(&Deployment::default(), request, peer)
    }

    /// Like [`event`](Self::event), for a source with this configuration.
    pub(super) fn event_in(
        self,
        deployment: &Deployment,
        request: &Request<Bytes>,
        peer: IpAddr,
    ) -> Result<Bytes, StatusCode> {
        let simulation = self.simulation().ok_or(StatusCode::NOT_IMPLEMENTED)?;
        let path = request.uri().path();
        if !path.starts_with('/') {
            return Err(StatusCode::BAD_REQUEST);
        }
        check_size(simulation, request)?;
        let staged = deployment.staged(simulation, path)?;
        let arrived = Arrived {
            request,
            stage: &staged.stage,
            path: &staged.path,
            full_path: &staged.full_path,
            query: request.uri().query(),
            peer,
            headers: headers(
                simulation,
                self.description().header_text,
                self.accepts_plain_http(),
                request,
                peer,
            )?,
        };
        let mut event = (simulation.event)(&arrived);
        let (body, encoded) = self.body(simulation.empty_body, request);
        if let Some(body) = body {
            event["body"] = body;
        }
        event["isBase64Encoded"] = encoded.into();
        if let Some(claims) = &deployment.claims {
            (simulation.authorize)(&mut event["requestContext"], &claims.0);
        }
        let event = Bytes::from(with_raw_bytes(event.to_string()));
        match event.len() > EVENT_LIMIT {
            true => Err(StatusCode::PAYLOAD_TOO_LARGE),
            false => Ok(event),
        }
    }

    /// The body, and whether it is in base64.
    fn body(self, empty: Option<EmptyBody>, request: &Request<Bytes>) -> (Option<Value>, bool) {
        let body = request.body();
        if body.is_empty() {
            let empty = empty.map(|empty| match empty {
                EmptyBody::Null => Value::Null,
                EmptyBody::Text => "".into(),
            });
            return (empty, false);
        }
        let encoded = match self.description().decodes_base64() {
            true => !is_text(request),
            false => !self.is_text_only(),
        };
        let body = match encoded {
            true => BASE64.encode(body),
            false => String::from_utf8_lossy(body).into_owned(),
        };
        (Some(body.into()), encoded)
    }
}

fn check_size(simulation: &Simulation, request: &Request<Bytes>) -> Result<(), StatusCode> {
    if request.body().len() > simulation.request_limit {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let target = request.uri().path_and_query();
    let target = target.map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    let headers: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    match target + headers > simulation.request_head_limit {
        true => Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        false => Ok(()),
    }
}

fn is_text(request: &Request<Bytes>) -> bool {
    let headers = request.headers();
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    let essence = content_type.split(|&b| b == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    let text = essence.starts_with(b"text/")
        || [&b"json"[..], b"xml", b"javascript"]
            .iter()
            .any(|kind| essence.ends_with(kind));
    text && !headers.contains_key(CONTENT_ENCODING)
}
