//! Events written from AWS's documentation, compared with the simulated events, so that the parser and the
//! simulator, which share the descriptions of the sources, cannot be wrong in the same way.
//!
//! All files in `tests/events` describe the request of [`sent`]. Their sources: "Lambda proxy integrations in API
//! Gateway", "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway", "Invoking Lambda function URLs",
//! "Lambda functions as targets" (of Application Load Balancers) and "Lambda functions as targets in VPC Lattice".

use std::path::Path;

use super::*;
use anyhost_core::handler;
use anyhost_lambda::invoke;

const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/events");

const DOCUMENTED: [(Source, &str); 7] = [
    (Source::RestApi, "rest_api"),
    (Source::HttpApiV1, "http_api_v1"),
    (Source::HttpApi, "http_api"),
    (Source::FunctionUrl, "function_url"),
    (Source::Alb, "alb"),
    (Source::AlbMultiValue, "alb_multi_value"),
    (Source::Lattice, "lattice"),
];

/// The request that all events describe.
fn sent(source: Source) -> Request<Bytes> {
    let host = match source {
        Source::FunctionUrl => "orders.lambda-url.eu-central-1.on.aws",
        Source::Alb | Source::AlbMultiValue => "orders-1.eu-central-1.elb.amazonaws.com",
        Source::Lattice => "orders-0.vpc-lattice-svcs.eu-central-1.on.aws",
        _ => "orders.execute-api.eu-central-1.amazonaws.com",
    };
    Request::put("/orders/50%25%20wine?size=1.5%20l&tag=dry&tag=old+vine&gift=")
        .header("host", host)
        .header("user-agent", "example/1.0")
        .header("content-type", "application/json; charset=utf-8")
        .header("content-length", "18")
        .header("cookie", "id=a1; lang=fr")
        .header("x-trace", "one")
        .header("x-trace", "two")
        .body(Bytes::from_static(b"{\"name\":\"Ren\xC3\xA9\"}  "))
        .expect("expected a valid request")
}

fn read(name: &str) -> Value {
    let path = Path::new(EVENTS).join(format!("{name}.json"));
    let event = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&event).expect("expected JSON")
}

/// The simulator for the event of a source. The documented REST API has no `binaryMediaTypes`.
fn simulator(source: Source) -> Simulator {
    Simulator::new(source).without_binary_media_types()
}

/// Replaces the trace id, which differs in each event.
pub(super) fn without_ids(mut event: Value) -> Value {
    for map in ["headers", "multiValueHeaders"] {
        for name in ["x-amzn-trace-id", "X-Amzn-Trace-Id"] {
            if let Some(id) = event[map].get_mut(name) {
                *id = json!("an id");
            }
        }
    }
    event
}

/// Compares all fields of two events, and the fields of `requestContext` that do not identify a deployment.
pub(super) fn assert_same(simulator: Simulator, simulated: Value, expected: Value) {
    let (simulated, expected) = (without_ids(simulated), without_ids(expected));
    let fields = |event: &Value| -> Vec<String> {
        let fields = event
            .as_object()
            .expect("expected a JSON object as the event")
            .keys();
        let mut fields: Vec<_> = fields.cloned().collect();
        fields.retain(|field| !event[field].is_null() || field == "body");
        fields
    };
    for field in fields(&expected).iter().chain(&fields(&simulated)) {
        if field != "requestContext" {
            assert_eq!(simulated[field], expected[field], "{simulator}: {field}");
        }
    }
    let (simulated, expected) = (&simulated["requestContext"], &expected["requestContext"]);
    assert_eq!(simulated["http"], expected["http"], "{simulator}");
    for field in [
        "path",
        "protocol",
        "stage",
        "httpMethod",
        "domainName",
        "routeKey",
    ] {
        let own = simulator.source() == Source::FunctionUrl && field == "domainName";
        assert!(
            own || simulated[field] == expected[field],
            "{simulator}: {field}: {} and {}",
            simulated[field],
            expected[field],
        );
    }
    for field in ["sourceIp", "userAgent"] {
        let (simulated, expected) = (&simulated["identity"], &expected["identity"]);
        assert_eq!(simulated[field], expected[field], "{simulator}: {field}");
    }
}

#[test]
fn a_simulated_event_equals_the_event_from_the_aws_documentation() {
    for (source, name) in DOCUMENTED {
        let simulator = simulator(source);
        assert_same(simulator, event(simulator, &sent(source)), read(name));
    }
}

#[tokio::test]
async fn an_event_from_the_aws_documentation_reaches_the_handler_as_the_request_that_the_client_sent()
 {
    for (source, name) in DOCUMENTED {
        let response = invoke(handler(echo), read(name).to_string().into()).await;
        let response: Value = serde_json::from_slice(&response.expect("expected an HTTP response"))
            .expect("expected JSON");
        assert_eq!(response["statusCode"], 200, "{source}: {response}");
        let text = response["body"].as_str().expect("expected a text body");
        let seen: Value = serde_json::from_str(text).expect("expected JSON");
        let target = match source {
            Source::HttpApi | Source::FunctionUrl => {
                "/orders/50%25%20wine?size=1.5%20l&tag=dry&tag=old+vine&gift="
            }
            Source::RestApi | Source::HttpApiV1 => {
                "/orders/50%25%20wine?gift=&size=1.5%20l&tag=dry&tag=old%20vine"
            }
            Source::Alb => "/orders/50%25%20wine?gift=&size=1.5%20l&tag=old+vine",
            _ => "/orders/50%25%20wine?gift=&size=1.5%20l&tag=dry&tag=old+vine",
        };
        let scheme = match source {
            Source::Alb | Source::AlbMultiValue => "http",
            _ => "https",
        };
        let peer = match source {
            Source::Lattice => Value::Null,
            _ => json!(PEER),
        };
        let base_path = if source == Source::RestApi {
            "/live"
        } else {
            ""
        };
        let expected = json!({
            "method": "PUT", "target": target, "version": "HTTP/1.1", "scheme": scheme, "peer": peer,
            "base_path": base_path, "source": source.to_string(),
            "body": r#"{\"name\":\"Ren\xc3\xa9\"}  "#,
        });
        for (field, expected) in expected.as_object().expect("expected a JSON object") {
            assert_eq!(&seen[field], expected, "{source}: {field}");
        }
        let host = sent(source).headers()["host"]
            .to_str()
            .expect("expected a text body")
            .to_owned();
        assert_eq!(seen["authority"], host, "{source}");
    }
}
