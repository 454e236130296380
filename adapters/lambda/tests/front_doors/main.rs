//! The front doors of AWS in-process: against what was recorded of them, and against their rules.
#![cfg(feature = "testing")]

mod events;
mod limits;
mod recorded;
mod replies;
mod streams;

use std::net::{IpAddr, Ipv4Addr};

use anyhost_core::bytes::Bytes;
use anyhost_core::http::{HeaderMap, Request, StatusCode};
use anyhost_core::{RequestExt, Result};
use anyhost_lambda::LambdaContext;
use anyhost_lambda::front_door::FrontDoor;
use serde_json::{Value, json};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// All that the handler sees of a request.
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
        "typed": lambda.is_some_and(|lambda| lambda.request_context().is_some()),
        "body": body.escape_ascii().to_string(),
    }))
}

/// The headers in the order of the alphabet, since maps have no other.
fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let latin1 = |value: &[u8]| value.iter().map(|&b| char::from(b)).collect::<String>();
    let mut pairs: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), latin1(value.as_bytes())))
        .collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs
}

fn event(door: FrontDoor, request: &Request<Bytes>) -> Value {
    let event = door.event(request, PEER).expect("it is let in");
    serde_json::from_slice(&event).expect("an event is JSON")
}

fn refused(door: FrontDoor, request: &Request<Bytes>) -> Option<StatusCode> {
    door.event(request, PEER).err()
}
