//! Event sources: one file for each, and the list of all of them.

mod alb;
mod alb_multi_value;
mod description;
mod function_url;
mod http_api;
mod http_api_v1;
mod json;
mod lattice;
mod lattice_v1;
mod non_http;
mod read;
mod rest_api;
#[cfg(feature = "testing")]
mod simulation;
mod websocket;

use std::fmt;
use std::sync::LazyLock;

pub(crate) use description::{
    ClientScheme, Description, HeaderForm, HttpForm, PRELUDE_LIMIT, Path, Peer, ResponseForm,
};
pub(crate) use json::Json;
use json::Kept;
#[cfg(feature = "testing")]
pub(crate) use simulation::{Arrived, EVENT_LIMIT, EmptyBody, Simulation, Timeout, Values};

macro_rules! sources {
    ($($name:ident: $module:ident, $doc:literal;)+) => {
        /// Where an event came from.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Source {
            $(#[doc = $doc] $name,)+
        }

        impl Source {
            /// All sources, in the order in which an event is compared with them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            pub(crate) fn description(self) -> &'static Description {
                match self {
                    $(Self::$name => &$module::DESCRIPTION,)+
                }
            }
        }
    };
}

// To add an event source, write a file with its description, and add its `mod` line above and a line here. An
// event is compared with the sources in this order, so sources with more specific signs come first.
sources! {
    Event: non_http, "Not an HTTP event: a queue, a schedule, a bucket, a direct invocation.";
    AlbMultiValue: alb_multi_value, "An Application Load Balancer with multi-value headers.";
    Alb: alb, "An Application Load Balancer with single-value headers.";
    WebSocket: websocket, "An API Gateway WebSocket API.";
    FunctionUrl: function_url, "A Lambda Function URL.";
    HttpApi: http_api, "An API Gateway HTTP API with payload format 2.0.";
    Lattice: lattice, "VPC Lattice, event format 2.0.";
    LatticeV1: lattice_v1, "VPC Lattice, event format 1.0.";
    HttpApiV1: http_api_v1, "An API Gateway HTTP API with payload format 1.0.";
    RestApi: rest_api, "An API Gateway REST API.";
}

impl Source {
    /// The source of an event.
    pub(crate) fn of(event: &Json<'_>) -> Self {
        let mut sources = Self::ALL.iter().copied();
        let source = sources.find(|source| source.description().has_signs(event));
        source.unwrap_or(Self::Event)
    }

    /// Whether the source can pass a response on to the client while the function still writes it.
    pub fn can_stream(self) -> bool {
        self.description().can_stream
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description().name)
    }
}

/// Parses an event, and keeps the fields that the descriptions name.
pub(crate) fn parse(event: &[u8]) -> serde_json::Result<Json<'_>> {
    static KEPT: LazyLock<Kept> = LazyLock::new(|| {
        let mut kept = Kept::default();
        let descriptions = Source::ALL.iter().map(|source| source.description());
        for field in descriptions.flat_map(Description::fields) {
            kept.add(field);
        }
        kept
    });
    Json::parse(event, &KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn source(event: &str) -> Option<Source> {
        let event = parse(event.as_bytes()).ok()?;
        Some(Source::of(&event))
    }
}
