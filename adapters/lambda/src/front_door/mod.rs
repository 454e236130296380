//! AWS's event sources in-process, for tests: the events that they make of requests, and the responses that
//! clients get.
//!
//! A [`Client`] sends requests to a handler through one source. Between the event and the response runs the same
//! code as on Lambda, so a test sees what a deployment will do: which headers are joined, which paths are
//! decoded, what is too large.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use anyhost_core::Request;
//! use anyhost_lambda::Source;
//! use anyhost_lambda::front_door::{Client, Simulator};
//!
//! let echo = |request: Request| async move { request.uri().to_string() };
//! for simulator in Simulator::all() {
//!     let request = http::Request::get("/users/a%2Fb?q=1").body("")?;
//!     let seen = Client::new(simulator, echo).send(request).await.text().await;
//!     let path = match simulator.source() {
//!         // AWS decodes the path, so an encoded slash becomes a separator.
//!         Source::HttpApi | Source::HttpApiV1 => "/users/a/b?q=1",
//!         _ => "/users/a%2Fb?q=1",
//!     };
//!     assert_eq!(seen.as_deref().ok(), Some(path), "{simulator}");
//! }
//! # Ok(()) }
//! ```
//!
//! The behaviour was recorded on AWS, or is in its documentation ("Lambda functions as targets", "Using AWS
//! Lambda with Amazon API Gateway", "Invoking Lambda function URLs", "Lambda functions as targets in VPC
//! Lattice", "Quotas for API Gateway", "Lambda quotas"). Time limits, authorizers, CORS and compression are not
//! simulated.

mod client;
mod event;
mod headers;
mod response;
mod stream;

use std::fmt;

use anyhost_core::{Body, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::event::{ClientScheme, Description, Simulation, Source};

pub use client::Client;

/// The former name, until the conformance suite uses [`Source`].
#[doc(hidden)]
pub use crate::event::Source as FrontDoor;

/// An event source of AWS, in-process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simulator {
    source: Source,
    binary_media_types: bool,
}

impl Simulator {
    /// Simulates this source.
    ///
    /// [`Source::WebSocket`], [`Source::LatticeV1`] and [`Source::Event`] cannot be simulated: every request gets
    /// a 501.
    pub const fn new(source: Source) -> Self {
        Self {
            source,
            binary_media_types: true,
        }
    }

    /// Simulates all sources that can be simulated. The REST API is there twice, with and without
    /// `binaryMediaTypes`.
    pub fn all() -> impl Iterator<Item = Self> {
        let sources = Source::ALL.iter().copied().map(Self::new);
        let sources = sources.filter(|simulator| simulator.simulation().is_some());
        sources.flat_map(|simulator| {
            let text = simulator.without_binary_media_types();
            [
                Some(simulator),
                Some(text).filter(|text| text.is_text_only()),
            ]
            .into_iter()
            .flatten()
        })
    }

    /// Simulates a REST API without `binaryMediaTypes`, which is the default on AWS: request bodies are text,
    /// and a response in base64 stays base64. Otherwise `binaryMediaTypes` is `*/*`. No other source has this
    /// setting.
    #[must_use]
    pub const fn without_binary_media_types(mut self) -> Self {
        self.binary_media_types = false;
        self
    }

    /// The simulated source.
    pub const fn source(self) -> Source {
        self.source
    }

    fn description(self) -> &'static Description {
        self.source.description()
    }

    fn simulation(self) -> Option<&'static Simulation> {
        self.description().simulation.as_ref()
    }

    /// Whether bodies are text in both directions.
    fn is_text_only(self) -> bool {
        !self.binary_media_types && !self.description().decodes_base64()
    }

    /// Whether clients can reach the source over plain HTTP.
    fn accepts_plain_http(self) -> bool {
        matches!(self.description().scheme, ClientScheme::ForwardedProto)
    }

    /// The response if the function failed, or if its response is invalid.
    fn failure(self) -> Response {
        let status = self.simulation().map(|simulation| simulation.failure);
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        error_response(status.unwrap_or(StatusCode::NOT_IMPLEMENTED))
    }
}

/// An error response of the source itself. The text is not AWS's.
fn error_response(status: StatusCode) -> Response {
    let message = status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(Body::from(format!("{{\"message\":\"{message}\"}}")));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

impl From<Source> for Simulator {
    fn from(source: Source) -> Self {
        Self::new(source)
    }
}

impl fmt::Display for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        match self.is_text_only() {
            true => f.write_str(" (text)"),
            false => Ok(()),
        }
    }
}
