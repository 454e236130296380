//! The events that AWS itself made of one request, and those that are made here of the same.

use std::path::Path;

use super::*;
use anyhost_core::handler;
use anyhost_lambda::invoke;

/// Recordings that lie beside the project on some machines. What the other tests expect was read off
/// them.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/events");

/// The request that was sent to each of them.
fn sent(recorded: &Value, scheme: &str) -> Request<Bytes> {
    let host = [&recorded["headers"], &recorded["multiValueHeaders"]]
        .into_iter()
        .find_map(|headers| headers.get("host").or(headers.get("Host")))
        .map(|host| host.get(0).unwrap_or(host));
    let host = host.and_then(Value::as_str).expect("it has a host");
    let target = "/capture/space%20value?repeat=one&repeat=two\
                  &redirect=https%3A%2F%2Fexample.com%2Fa%2Fb&literalPlus=a+b&encodedPlus=a%2Bb&empty=";
    let body = "{\"message\":\"hello from the public internet\",\"unicode\":\"lambda-λ\"}";
    Request::post(format!("{scheme}://{host}{target}"))
        .header("host", host)
        .header("user-agent", "curl/8.7.1")
        .header("accept", "*/*")
        .header("content-type", "application/json")
        .header("content-length", "66")
        .header("cookie", "session=abc123; theme=dark")
        .header("x-voker-probe", "first")
        .header("x-voker-probe", "second")
        .body(body.into())
        .expect("it is a request")
}

/// What differs from one request to the next.
fn without_ids(mut event: Value) -> Value {
    for map in ["headers", "multiValueHeaders"] {
        for name in ["x-amzn-trace-id", "X-Amzn-Trace-Id"] {
            if let Some(id) = event[map].get_mut(name) {
                *id = json!("an id");
            }
        }
    }
    event
}

fn read(name: &str) -> Option<Value> {
    let path = Path::new(RECORDED).join(format!("live-{name}.json"));
    let Ok(event) = std::fs::read(&path) else {
        println!("NOT COMPARED: there is no {}", path.display());
        return None;
    };
    Some(serde_json::from_slice(&event).expect("it is JSON"))
}

const ALL: [(FrontDoor, &str, &str); 4] = [
    (FrontDoor::RestApiText, "apigwv1", "https"),
    (FrontDoor::HttpApi, "apigwv2", "https"),
    (FrontDoor::FunctionUrl, "functionurl", "https"),
    (FrontDoor::AlbMultiValue, "alb", "http"),
];

#[test]
fn an_event_has_what_the_recorded_one_has() {
    for (door, name, scheme) in ALL {
        let Some(recorded) = read(name) else { continue };
        let peer: IpAddr = "68.8.83.18".parse().expect("it is an address");
        let made = door.event(&sent(&recorded, scheme), peer);
        let made: Value = serde_json::from_slice(&made.expect("it is let in")).expect("JSON");
        let (made, recorded) = (without_ids(made), without_ids(recorded));
        for part in recorded.as_object().expect("an event is a map").keys() {
            if part == "requestContext" {
                continue;
            }
            assert_eq!(made[part], recorded[part], "{door}: {part}");
        }
        for part in made.as_object().expect("an event is a map").keys() {
            assert!(recorded.get(part).is_some(), "{door} has {part}");
        }
        let (made, recorded) = (&made["requestContext"], &recorded["requestContext"]);
        assert_eq!(made["http"], recorded["http"], "{door}");
        for part in [
            "path",
            "protocol",
            "stage",
            "httpMethod",
            "domainName",
            "routeKey",
        ] {
            let own = door == FrontDoor::FunctionUrl && part == "domainName";
            assert!(own || made[part] == recorded[part], "{door}: {part}");
        }
        for part in ["sourceIp", "userAgent"] {
            assert_eq!(made["identity"][part], recorded["identity"][part], "{door}");
        }
    }
}

#[tokio::test]
async fn the_handler_sees_the_same_of_a_made_event_as_of_the_recorded_one() {
    for (door, name, scheme) in ALL
        .into_iter()
        .chain([(FrontDoor::RestApi, "apigwv1", "https")])
    {
        let Some(recorded) = read(name) else { continue };
        let peer = "68.8.83.18".parse().expect("it is an address");
        let made = door
            .event(&sent(&recorded, scheme), peer)
            .expect("it is let in");
        let made: Value = serde_json::from_slice(&made).expect("an event is JSON");
        let mut seen = Vec::new();
        for event in [made, recorded] {
            let event = without_ids(event).to_string();
            let reply = invoke(&handler(echo), event.into())
                .await
                .expect("it is HTTP");
            let reply: Value = serde_json::from_slice(&reply).expect("a reply is JSON");
            assert_eq!(reply["statusCode"], 200, "{door}: {reply}");
            let mut body: Value = serde_json::from_str(reply["body"].as_str().expect("a text"))
                .expect("the handler replied with JSON");
            // It was recorded through types of another language, which wrote their empty values.
            body["typed"] = Value::Null;
            seen.push(body);
        }
        assert_eq!(seen[0], seen[1], "{door}");
    }
}
