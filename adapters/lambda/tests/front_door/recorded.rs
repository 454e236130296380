//! Events that AWS made of one request, recorded by other projects, compared with the simulated events. The recordings
//! are not part of the repository: `documented` is the check that always runs.

use std::path::Path;

use super::*;
use anyhost_core::handler;
use anyhost_lambda::invoke;

/// A folder beside the repository that exists on some machines.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/events");

/// The address from which the recorded request was sent.
const RECORDED_PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(68, 8, 83, 18));

/// The request that was recorded.
fn sent(recorded: &Value, scheme: &str) -> Request<Bytes> {
    let host = [&recorded["headers"], &recorded["multiValueHeaders"]]
        .into_iter()
        .find_map(|headers| headers.get("host").or(headers.get("Host")))
        .map(|host| host.get(0).unwrap_or(host));
    let host = host.and_then(Value::as_str).expect("expected a host name");
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
        .header(repeated_header(recorded), "first")
        .header(repeated_header(recorded), "second")
        .body(body.into())
        .expect("expected a valid request")
}

/// The name of the header that was sent twice.
fn repeated_header(recorded: &Value) -> &str {
    let maps = [&recorded["headers"], &recorded["multiValueHeaders"]];
    let mut names = maps.into_iter().filter_map(Value::as_object);
    let names = names.find_map(|map| map.keys().find(|name| name.ends_with("-probe")));
    names.expect("expected a header that was sent twice")
}

fn read(name: &str) -> Option<Value> {
    let path = Path::new(RECORDED).join(format!("live-{name}.json"));
    let Ok(event) = std::fs::read(&path) else {
        println!("NOT RUN: {} does not exist", path.display());
        return None;
    };
    Some(serde_json::from_slice(&event).expect("expected JSON"))
}

const RECORDINGS: [(Simulator, &str, &str); 4] = [
    (REST_API_TEXT, "apigwv1", "https"),
    (Simulator::new(Source::HttpApi), "apigwv2", "https"),
    (Simulator::new(Source::FunctionUrl), "functionurl", "https"),
    (Simulator::new(Source::AlbMultiValue), "alb", "http"),
];

#[test]
fn a_simulated_event_equals_the_recorded_event_if_the_recordings_exist() {
    for (simulator, name, scheme) in RECORDINGS {
        let Some(recorded) = read(name) else { continue };
        let simulated = simulator.event(&sent(&recorded, scheme), RECORDED_PEER);
        let simulated = serde_json::from_slice(
            &simulated.expect("expected the event source to accept the request"),
        )
        .expect("expected JSON");
        documented::assert_same(simulator, simulated, recorded);
    }
}

#[tokio::test]
async fn a_served_source_makes_the_recorded_event_if_the_recordings_exist() {
    use anyhost_core::Context;
    use anyhost_core::testing::Client as Server;
    use anyhost_lambda::front_door::Client;

    let show = |request: anyhost_core::Request| async move {
        let lambda = request.extensions().get::<LambdaContext>();
        lambda.map(|lambda| lambda.event().clone())
    };
    for (simulator, name, scheme) in RECORDINGS {
        let Some(recorded) = read(name) else { continue };
        let context = Context::default()
            .with_peer(RECORDED_PEER)
            .with_scheme(scheme.parse().expect("expected a valid scheme"));
        let server = Server::new(Client::new(simulator, show)).with_context(context);
        let mut request = sent(&recorded, scheme).map(anyhost_core::Body::from);
        // A server gets the path without the scheme and the authority.
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.expect("expected a path").into();
        let event = server.send(request).await.json().await;
        documented::assert_same(simulator, event.expect("expected JSON"), recorded);
    }
}

#[tokio::test]
async fn a_simulated_event_and_the_recorded_event_give_the_handler_the_same_request_if_the_recordings_exist()
 {
    for (simulator, name, scheme) in
        RECORDINGS
            .into_iter()
            .chain([(Simulator::new(Source::RestApi), "apigwv1", "https")])
    {
        let Some(recorded) = read(name) else { continue };
        let simulated = simulator.event(&sent(&recorded, scheme), RECORDED_PEER);
        let simulated: Value = serde_json::from_slice(
            &simulated.expect("expected the event source to accept the request"),
        )
        .expect("expected JSON");
        let mut seen = Vec::new();
        for event in [simulated, recorded] {
            let event = documented::without_ids(event).to_string();
            let response = invoke(handler(echo), event.into())
                .await
                .expect("expected an HTTP response");
            let response: Value = serde_json::from_slice(&response).expect("expected JSON");
            assert_eq!(response["statusCode"], 200, "{simulator}: {response}");
            seen.push(response["body"].clone());
        }
        assert_eq!(seen[0], seen[1], "{simulator}");
    }
}
