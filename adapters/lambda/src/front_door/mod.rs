//! The front doors of AWS, in-process: what they make of a request, and of what the function posts.
//!
//! A [`Client`] sends requests to a handler through one of them. Between its event and its reply runs
//! the code that runs on Lambda, so a test sees what a deployment will do: which headers are joined,
//! which paths come decoded, what is too large.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use anyhost_core::Request;
//! use anyhost_lambda::front_door::{Client, FrontDoor};
//!
//! let echo = |request: Request| async move { request.uri().to_string() };
//! for door in FrontDoor::ALL {
//!     let request = http::Request::get("/users/a%2Fb?q=1").body("")?;
//!     let seen = Client::new(door, echo).send(request).await.text().await;
//!     let path = match door {
//!         // Their paths arrive decoded, so a slash that was data is one that separates.
//!         FrontDoor::HttpApi | FrontDoor::HttpApiV1 => "/users/a/b?q=1",
//!         _ => "/users/a%2Fb?q=1",
//!     };
//!     assert_eq!(seen.as_deref().ok(), Some(path), "{door}");
//! }
//! # Ok(()) }
//! ```
//!
//! What is known of each was recorded on AWS ([`FrontDoor::event`]) or is in its documentation
//! ("Lambda functions as targets", "Using AWS Lambda with Amazon API Gateway", "Invoking Lambda
//! function URLs", "Lambda functions as targets in VPC Lattice", "Quotas for API Gateway", "Lambda
//! quotas"). Time limits, authorizers, CORS and compression are not part of it.

mod client;
mod event;
mod headers;
mod payload;
mod reply;
mod stream;

use std::fmt;

use anyhost_core::{Body, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::event::Source;

pub use client::Client;

/// A front door of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrontDoor {
    /// An API Gateway REST API with `*/*` among its `binaryMediaTypes`: bodies are base64 both ways
    /// where they have to be.
    RestApi,
    /// An API Gateway REST API without `binaryMediaTypes`, which is their default: bodies are text, and
    /// a reply in base64 stays base64.
    RestApiText,
    /// An API Gateway HTTP API with payload format 1.0.
    HttpApiV1,
    /// An API Gateway HTTP API with payload format 2.0, which is the default.
    HttpApi,
    /// A Lambda Function URL.
    FunctionUrl,
    /// An Application Load Balancer with single-value headers, which is the default.
    Alb,
    /// An Application Load Balancer with multi-value headers.
    AlbMultiValue,
    /// VPC Lattice, event format 2.0.
    Lattice,
}

impl FrontDoor {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::RestApi,
        Self::RestApiText,
        Self::HttpApiV1,
        Self::HttpApi,
        Self::FunctionUrl,
        Self::Alb,
        Self::AlbMultiValue,
        Self::Lattice,
    ];

    /// Whether it can pass a reply on piece by piece: Function URLs with `InvokeMode: RESPONSE_STREAM`
    /// and REST APIs with response streaming.
    pub fn streams(self) -> bool {
        self.source().streams()
    }

    /// What its events are told by.
    fn source(self) -> Source {
        match self {
            Self::RestApi | Self::RestApiText => Source::RestApi,
            Self::HttpApiV1 => Source::HttpApiV1,
            Self::HttpApi => Source::HttpApi,
            Self::FunctionUrl => Source::FunctionUrl,
            Self::Alb => Source::Alb,
            Self::AlbMultiValue => Source::AlbMultiValue,
            Self::Lattice => Source::Lattice,
        }
    }

    fn is_load_balancer(self) -> bool {
        matches!(self, Self::Alb | Self::AlbMultiValue)
    }

    fn is_api_gateway(self) -> bool {
        matches!(
            self,
            Self::RestApi | Self::RestApiText | Self::HttpApiV1 | Self::HttpApi
        )
    }

    /// What the client gets when the function failed, or posted what the front door does not take.
    fn failed(self) -> Response {
        answer(match self {
            Self::Lattice => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_GATEWAY,
        })
    }
}

/// A reply of the front door's own. Its words are not AWS's.
fn answer(status: StatusCode) -> Response {
    let message = status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(Body::from(format!("{{\"message\":\"{message}\"}}")));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

impl fmt::Display for FrontDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RestApiText => f.write_str("REST API (text)"),
            door => door.source().fmt(f),
        }
    }
}
