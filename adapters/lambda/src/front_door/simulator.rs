//! A simulated event source.

use std::fmt;

use anyhost_core::{Body, Response};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};

use crate::event::{ClientScheme, Description, Simulation, Source};

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

    /// Simulates all sources that can be simulated. The REST API occurs twice, with and without
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

    /// Simulates a REST API without `binaryMediaTypes`, which is the default on AWS: request bodies are text, and a
    /// response in base64 stays base64. Without this call, `binaryMediaTypes` is `*/*`. No other source has this
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

    /// Whether the source is an API with stages.
    pub fn has_stages(self) -> bool {
        self.simulation()
            .is_some_and(|simulation| simulation.stages.is_some())
    }

    /// The name of the simulator on a command line, such as `rest-api`.
    pub fn name(self) -> &'static str {
        match (self.is_text_only(), self.simulation()) {
            (true, _) => "rest-api-text",
            (false, Some(simulation)) => simulation.name,
            (false, None) => "",
        }
    }

    pub(super) fn description(self) -> &'static Description {
        self.source.description()
    }

    pub(super) fn simulation(self) -> Option<&'static Simulation> {
        self.description().simulation.as_ref()
    }

    /// Whether bodies are text in both directions.
    pub(super) fn is_text_only(self) -> bool {
        !self.binary_media_types && !self.description().decodes_base64()
    }

    /// Whether clients can reach the source over plain HTTP.
    pub(super) fn accepts_plain_http(self) -> bool {
        matches!(self.description().scheme, ClientScheme::ForwardedProto)
    }

    /// The response if the function failed, or if its response is invalid.
    pub(super) fn failure(self) -> Response {
        let status = self.simulation().map(|simulation| simulation.failure);
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        error_response(status.unwrap_or(StatusCode::NOT_IMPLEMENTED))
    }
}

/// An error response of the source itself. AWS sends other texts.
pub(super) fn error_response(status: StatusCode) -> Response {
    error_with_message(status, status.canonical_reason().unwrap_or_default())
}

pub(super) fn error_with_message(status: StatusCode, message: &str) -> Response {
    let body = format!("{{\"message\":\"{message}\"}}");
    let length = body.len();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
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
