//! The simulated event sources of AWS: compared with events of AWS's documentation, and with AWS's rules.
#![cfg(feature = "testing")]

mod deployments;
mod documented;
mod events;
mod limits;
mod recorded;
mod responses;
mod serve;
mod streams;
mod timeouts;

use std::net::{IpAddr, Ipv4Addr};

use anyhost_core::bytes::Bytes;
use anyhost_core::http::{HeaderMap, Request, StatusCode};
use anyhost_core::{RequestExt, Result};
use anyhost_lambda::front_door::Simulator;
use anyhost_lambda::{LambdaContext, Source};
use serde_json::{Value, json};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// A REST API without `binaryMediaTypes`.
const REST_API_TEXT: Simulator = Simulator::new(Source::RestApi).without_binary_media_types();

/// The event sources that the tests of this folder cover.
const SIMULATORS: [Simulator; 8] = [
    Simulator::new(Source::RestApi),
    REST_API_TEXT,
    Simulator::new(Source::HttpApiV1),
    Simulator::new(Source::HttpApi),
    Simulator::new(Source::FunctionUrl),
    Simulator::new(Source::Alb),
    Simulator::new(Source::AlbMultiValue),
    Simulator::new(Source::Lattice),
];

/// Returns all parts of a request that the handler sees.
async fn echo(mut request: anyhost_core::Request) -> Result<Value> {
    let body = request.buffer().await?;
    let context = request.context();
    let lambda = request.extensions().get::<LambdaContext>();
    Ok(json!({
        "method": request.method().as_str(),
        "target": request.uri().to_string(),
        "version": format!("{:?}", request.version()),
        "headers": pairs(request.headers()),
        "authority": request.authority(),
        "peer": context.peer(),
        "scheme": context.scheme().as_str(),
        "base_path": context.base_path(),
        "source": lambda.map(|lambda| lambda.source().to_string()),
        "body": body.escape_ascii().to_string(),
    }))
}

/// The headers, sorted by name.
fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let latin1 = |value: &[u8]| value.iter().map(|&b| char::from(b)).collect::<String>();
    let mut pairs: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), latin1(value.as_bytes())))
        .collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs
}

fn get() -> Request<&'static str> {
    Request::get("/")
        .body("")
        .expect("expected a valid request")
}

fn event(simulator: Simulator, request: &Request<Bytes>) -> Value {
    let event = simulator
        .event(request, PEER)
        .expect("expected the event source to accept the request");
    serde_json::from_slice(&event).expect("expected JSON as the event")
}

fn rejected_with(simulator: Simulator, request: &Request<Bytes>) -> Option<StatusCode> {
    simulator.event(request, PEER).err()
}

fn is_load_balancer(simulator: Simulator) -> bool {
    matches!(simulator.source(), Source::Alb | Source::AlbMultiValue)
}

fn is_api_gateway(simulator: Simulator) -> bool {
    matches!(
        simulator.source(),
        Source::RestApi | Source::HttpApi | Source::HttpApiV1
    )
}

/// The status of a failed invocation.
fn failure(simulator: Simulator) -> u16 {
    match simulator.source() {
        Source::Lattice => 500,
        _ => 502,
    }
}

#[test]
fn the_list_of_all_simulators_contains_each_known_source() {
    let all: Vec<_> = Simulator::all().collect();
    for simulator in SIMULATORS {
        assert!(all.contains(&simulator), "{simulator}");
    }
}

#[test]
fn an_event_source_that_cannot_be_simulated_rejects_requests_with_501() {
    let request = Request::get("/")
        .body(Bytes::new())
        .expect("expected a valid request");
    for source in [Source::WebSocket, Source::LatticeV1, Source::Event] {
        let rejected = rejected_with(source.into(), &request);
        assert_eq!(rejected, Some(StatusCode::NOT_IMPLEMENTED), "{source}");
    }
}
