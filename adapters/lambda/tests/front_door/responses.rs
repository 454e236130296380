//! The response that the client gets for the JSON from a function.

use super::*;
use anyhost_core::http::header::SET_COOKIE;
use anyhost_core::testing::TestResponse;
use anyhost_core::{Body, Response};
use anyhost_lambda::front_door::Client;

fn sent_to_client(simulator: Simulator, posted: &Value) -> TestResponse {
    simulator.response(posted.to_string().as_bytes()).into()
}

/// A response with two cookies, a repeated header, a Latin-1 header and a body that is not text.
async fn rich() -> Response {
    let mut response = Response::new(Body::from(&b"\xFF\x00"[..]));
    for (name, value) in [
        ("set-cookie", "a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT"),
        ("set-cookie", "b=2"),
        ("x-multi", "one"),
        ("x-multi", "two"),
        ("www-authenticate", "Basic"),
    ] {
        let name: anyhost_core::http::HeaderName =
            name.parse().expect("expected a valid header name");
        response
            .headers_mut()
            .append(name, value.parse().expect("expected a valid header value"));
    }
    let latin1 = anyhost_core::http::HeaderValue::from_bytes(b"caf\xE9");
    response
        .headers_mut()
        .insert("x-latin1", latin1.expect("expected a valid header value"));
    response
}

#[tokio::test]
async fn the_client_gets_headers_cookies_and_bytes_as_each_event_source_passes_them_on() {
    for simulator in SIMULATORS {
        let response = Client::new(simulator, rich).send(get()).await;
        assert_eq!(response.status(), 200, "{simulator}");
        let cookies: Vec<_> = response
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .cloned()
            .collect();
        let mut expected = ["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2"];
        let multi: &[&str] = match simulator.source() {
            Source::AlbMultiValue => {
                expected.reverse();
                &["two", "one"]
            }
            Source::RestApi | Source::HttpApiV1 => &["one", "two"],
            _ => &["one, two"],
        };
        assert_eq!(cookies, expected, "{simulator}");
        let values: Vec<_> = response
            .headers()
            .get_all("x-multi")
            .iter()
            .cloned()
            .collect();
        assert_eq!(values, multi, "{simulator}");
        assert_eq!(
            response.headers()["x-latin1"].as_bytes(),
            b"caf\xE9",
            "{simulator}"
        );
        let kept = matches!(
            simulator.source(),
            Source::Alb | Source::AlbMultiValue | Source::Lattice
        );
        let (here, there) = ("www-authenticate", "x-amzn-remapped-www-authenticate");
        let name = if kept { here } else { there };
        assert_eq!(response.header(name), Some("Basic"), "{simulator}");
        assert_eq!(
            response.header(if kept { there } else { here }),
            None,
            "{simulator}"
        );
        let (length, body) = match simulator {
            REST_API_TEXT => ("4", &b"/wA="[..]),
            _ => ("2", &b"\xFF\x00"[..]),
        };
        assert_eq!(
            response.header("content-length"),
            Some(length),
            "{simulator}"
        );
        assert_eq!(
            response.bytes().await.expect("expected a complete body"),
            body,
            "{simulator}"
        );
    }
}

#[tokio::test]
async fn responses_to_head_requests_have_a_content_length_and_no_body_and_204_responses_have_neither()
 {
    for simulator in SIMULATORS {
        let hello = Client::new(simulator, || async { "Hello" });
        let response = hello
            .send(
                Request::head("/")
                    .body("")
                    .expect("expected a valid request"),
            )
            .await;
        assert_eq!(response.header("content-length"), Some("5"), "{simulator}");
        assert_eq!(
            response.bytes().await.expect("expected a complete body"),
            "",
            "{simulator}"
        );
        let nothing = Client::new(simulator, || async {});
        let response = nothing.send(get()).await;
        assert_eq!(
            (response.status().as_u16(), response.headers().len()),
            (204, 0),
            "{simulator}"
        );
        let posted = json!({"statusCode": 204, "body": "x"});
        assert_eq!(
            sent_to_client(simulator, &posted)
                .bytes()
                .await
                .expect("expected a complete body"),
            "",
            "{simulator}"
        );
    }
}

#[test]
fn invalid_json_from_the_function_is_a_500_at_vpc_lattice_and_a_502_at_all_other_sources() {
    let malformed = [
        json!({"statusCode": "two hundred"}),
        json!({"statusCode": 99}),
        json!({"statusCode": 600}),
        json!({"statusCode": 20.5}),
        json!({"statusCode": 200, "body": {"a": 1}}),
        json!({"statusCode": 200, "body": "?", "isBase64Encoded": true}),
        json!({"statusCode": 200, "headers": {"a b": "1"}, "multiValueHeaders": {"a b": ["1"]}}),
        json!({"statusCode": 200, "headers": {"a": "x\ny"}, "multiValueHeaders": {"a": ["x\ny"]}}),
        json!({"statusCode": 200, "headers": {"a": {}}, "multiValueHeaders": {"a": [{}]}}),
    ];
    for simulator in SIMULATORS {
        let failed = failure(simulator);
        for posted in &malformed {
            // Without binary media types the body is not decoded, so it is not invalid.
            let text = simulator == REST_API_TEXT && posted["body"] == "?";
            let status = if text { 200 } else { failed };
            assert_eq!(
                sent_to_client(simulator, posted).status().as_u16(),
                status,
                "{simulator}: {posted}"
            );
        }
        assert_eq!(
            simulator.response(b"not JSON").status().as_u16(),
            failed,
            "{simulator}"
        );
    }
}

#[tokio::test]
async fn json_from_the_function_without_a_status_is_a_200_only_with_payload_format_2_0() {
    for simulator in SIMULATORS {
        let response = sent_to_client(simulator, &json!({"a": 1}));
        if matches!(simulator.source(), Source::HttpApi | Source::FunctionUrl) {
            assert_eq!(
                response.header("content-type"),
                Some("application/json"),
                "{simulator}"
            );
            assert_eq!(
                response.text().await.expect("expected a text body"),
                r#"{"a":1}"#,
                "{simulator}"
            );
            let text = sent_to_client(simulator, &json!("hi")).text().await;
            assert_eq!(text.expect("expected a text body"), "hi", "{simulator}");
        } else {
            let failed = failure(simulator);
            assert_eq!(response.status().as_u16(), failed, "{simulator}");
        }
    }
}

#[test]
fn a_number_as_a_header_value_is_valid_only_at_an_api_gateway() {
    for simulator in SIMULATORS {
        let posted =
            json!({"statusCode": 200, "headers": {"a": 5}, "multiValueHeaders": {"a": [5]}});
        let status = match simulator.source() {
            Source::FunctionUrl | Source::Alb | Source::AlbMultiValue => 502,
            Source::Lattice => 500,
            _ => 200,
        };
        assert_eq!(
            sent_to_client(simulator, &posted).status().as_u16(),
            status,
            "{simulator}"
        );
    }
}

#[test]
fn headers_and_multi_value_headers_are_merged_only_in_payload_format_1_0() {
    let posted = json!({
        "statusCode": 200,
        "headers": {"X-A": "single", "x-b": "b"},
        "multiValueHeaders": {"x-a": ["multi", "single"], "x-c": ["c"]},
    });
    for simulator in SIMULATORS {
        let expected: &[(&str, &str)] = match simulator.source() {
            Source::AlbMultiValue => &[("x-a", "single"), ("x-a", "multi"), ("x-c", "c")],
            Source::RestApi | Source::HttpApiV1 => &[
                ("x-a", "multi"),
                ("x-a", "single"),
                ("x-b", "b"),
                ("x-c", "c"),
            ],
            _ => &[("x-a", "single"), ("x-b", "b")],
        };
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(
            pairs(sent_to_client(simulator, &posted).headers()),
            expected,
            "{simulator}"
        );
    }
}

#[tokio::test]
async fn wait_until_work_runs_when_the_test_calls_finish() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let done = Arc::new(AtomicBool::new(false));
    let flag = done.clone();
    let later = move |request: anyhost_core::Request| {
        let flag = flag.clone();
        async move {
            use anyhost_core::RequestExt;
            let work = async move { flag.store(true, Ordering::Relaxed) };
            request.context().wait_until(work);
            "soon"
        }
    };
    let client = Client::new(Source::HttpApi, later);
    let response = client.send(get()).await;
    assert_eq!(response.text().await.expect("expected a text body"), "soon");
    assert!(!done.load(Ordering::Relaxed));
    client.finish().await;
    assert!(done.load(Ordering::Relaxed));
}
