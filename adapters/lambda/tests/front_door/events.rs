//! The event into which each source converts a request, and the request that the handler sees.

use super::*;
use anyhost_lambda::front_door::Client;

fn rich() -> Request<Bytes> {
    Request::put("/a%2Fb%20c/%C3%A9?z=1&a=b+c&z=2&a=%26&n")
        .header("host", "example.com")
        .header("cookie", "a=1; b=2")
        .header("x-multi", "one")
        .header("x-multi", "two")
        .header("x-forwarded-for", "198.51.100.1")
        .header("x-forwarded-proto", "gopher")
        .header("connection", "keep-alive")
        .header("content-type", "application/octet-stream")
        .body(Bytes::from_static(b"\xFF\x00"))
        .expect("expected a valid request")
}

async fn seen(simulator: impl Into<Simulator>, request: Request<Bytes>) -> Value {
    let simulator = simulator.into();
    let client = Client::new(simulator, echo).with_peer(PEER);
    let response = client.send(request).await;
    assert_eq!(response.status(), 200, "{simulator}");
    response.json().await.expect("expected JSON")
}

#[tokio::test]
async fn the_handler_sees_the_path_and_query_as_encoded_by_each_event_source() {
    for (simulator, expected) in [
        (
            Source::RestApi,
            "/a%2Fb%20c/%C3%A9?a=b%20c&a=%26&n=&z=1&z=2",
        ),
        (
            Source::HttpApiV1,
            "/a/b%20c/%C3%A9?a=b%20c&a=%26&n=&z=1&z=2",
        ),
        (Source::HttpApi, "/a/b%20c/%C3%A9?z=1&a=b+c&z=2&a=%26&n"),
        (
            Source::FunctionUrl,
            "/a%2Fb%20c/%C3%A9?z=1&a=b+c&z=2&a=%26&n",
        ),
        (Source::Alb, "/a%2Fb%20c/%C3%A9?a=%26&n=&z=2"),
        (
            Source::AlbMultiValue,
            "/a%2Fb%20c/%C3%A9?a=b+c&a=%26&n=&z=1&z=2",
        ),
        (Source::Lattice, "/a%2Fb%20c/%C3%A9?a=b+c&a=%26&n=&z=1&z=2"),
    ] {
        assert_eq!(
            seen(simulator, rich()).await["target"],
            expected,
            "{simulator}"
        );
    }
}

#[tokio::test]
async fn only_an_http_api_ends_the_path_at_an_encoded_question_mark() {
    for (simulator, expected) in [
        (Source::HttpApi, "/a?q=1"),
        (Source::FunctionUrl, "/a%3Fb?q=1"),
        (Source::RestApi, "/a%3Fb?q=1"),
    ] {
        let request = Request::get("/a%3Fb?q=1")
            .body(Bytes::new())
            .expect("expected a valid request");
        assert_eq!(
            seen(simulator, request).await["target"],
            expected,
            "{simulator}"
        );
    }
}

#[tokio::test]
async fn the_handler_sees_repeated_headers_as_the_event_source_passes_them_on() {
    for simulator in SIMULATORS {
        let seen = seen(simulator, rich()).await;
        let headers = seen["headers"].as_array().expect("expected a list").clone();
        let all = |name: &str| -> Vec<String> {
            let found = headers.iter().filter(|header| header[0] == name);
            found
                .filter_map(|header| header[1].as_str())
                .map(str::to_owned)
                .collect()
        };
        let multi: &[&str] = match simulator.source() {
            Source::Alb => &["two"],
            Source::HttpApi | Source::FunctionUrl => &["one,two"],
            _ => &["one", "two"],
        };
        assert_eq!(all("x-multi"), multi, "{simulator}");
        assert_eq!(all("cookie"), ["a=1; b=2"], "{simulator}");
        assert_eq!(all("host"), ["example.com"], "{simulator}");
        assert_eq!(
            all("x-forwarded-for"),
            ["198.51.100.1, 203.0.113.7"],
            "{simulator}"
        );
        assert_eq!(all("connection"), [""; 0], "{simulator}");
        assert_eq!(all("x-amzn-trace-id").len(), 1, "{simulator}");
        let rest_api = simulator.source() == Source::RestApi;
        let text = event(simulator, &rich()).to_string();
        assert_eq!(text.contains("content-length"), !rest_api, "{simulator}");
        let tls = usize::from(simulator.source() == Source::FunctionUrl);
        assert_eq!(all("x-amzn-tls-version").len(), tls, "{simulator}");
    }
}

#[tokio::test]
async fn the_context_contains_the_values_that_the_event_source_reports() {
    for simulator in SIMULATORS {
        let seen = seen(simulator, rich()).await;
        let balancer = is_load_balancer(simulator);
        let rest_api = simulator.source() == Source::RestApi;
        let lattice = simulator.source() == Source::Lattice;
        let source = simulator.to_string();
        assert_eq!(
            seen["source"],
            source.trim_end_matches(" (text)"),
            "{simulator}"
        );
        assert_eq!(seen["method"], "PUT", "{simulator}");
        assert_eq!(seen["version"], "HTTP/1.1", "{simulator}");
        assert_eq!(seen["authority"], "example.com", "{simulator}");
        let scheme = if balancer { "http" } else { "https" };
        assert_eq!(seen["scheme"], scheme, "{simulator}");
        let base_path = if rest_api { "/live" } else { "" };
        assert_eq!(seen["base_path"], base_path, "{simulator}");
        let peer = if lattice { Value::Null } else { json!(PEER) };
        assert_eq!(seen["peer"], peer, "{simulator}");
    }
}

#[tokio::test]
async fn the_scheme_behind_a_load_balancer_is_the_scheme_of_the_client() {
    for simulator in [Source::Alb, Source::AlbMultiValue] {
        let request = Request::get("https://example.com/").body(Bytes::new());
        let seen = seen(simulator, request.expect("expected a valid request")).await;
        assert_eq!(
            (&seen["scheme"], &seen["authority"]),
            (&json!("https"), &json!("example.com"))
        );
    }
}

#[tokio::test]
async fn request_bodies_keep_their_bytes_except_at_a_rest_api_without_binary_media_types() {
    for simulator in SIMULATORS {
        let seen = seen(simulator, rich()).await;
        let (body, length) = match simulator {
            REST_API_TEXT => (r"\xef\xbf\xbd\x00", "4"),
            _ => (r"\xff\x00", "2"),
        };
        assert_eq!(seen["body"], body, "{simulator}");
        let headers = seen["headers"].as_array().expect("expected a list");
        let lengths = headers
            .iter()
            .filter(|header| header[0] == "content-length");
        let lengths: Vec<_> = lengths.map(|header| &header[1]).collect();
        assert_eq!(lengths, [length], "{simulator}");
    }
}

#[test]
fn a_request_body_is_in_base64_unless_its_content_type_is_text() {
    for (content_type, encoding, text) in [
        (Some("text/html; charset=utf-8"), None, true),
        (Some("application/json"), None, true),
        (Some("Application/Problem+JSON"), None, true),
        (Some("application/xml;q"), None, true),
        (Some("application/javascript"), None, true),
        (Some("application/json"), Some("gzip"), false),
        (Some("application/x-www-form-urlencoded"), None, false),
        (Some("multipart/form-data; boundary=json"), None, false),
        (None, None, false),
    ] {
        let mut request = Request::post("/")
            .body(Bytes::from("hi"))
            .expect("expected a valid request");
        let pairs = [
            ("content-type", content_type),
            ("content-encoding", encoding),
        ];
        for (name, value) in pairs {
            if let Some(value) = value {
                request
                    .headers_mut()
                    .insert(name, value.parse().expect("expected a valid header value"));
            }
        }
        for simulator in SIMULATORS {
            let encoded = match simulator.source() {
                Source::RestApi => simulator != REST_API_TEXT,
                _ => !text,
            };
            let event = event(simulator, &request);
            assert_eq!(
                event["isBase64Encoded"], encoded,
                "{simulator}: {content_type:?}"
            );
            assert_eq!(
                event["body"],
                if encoded { "aGk=" } else { "hi" },
                "{simulator}"
            );
        }
    }
}

#[test]
fn the_event_of_a_request_without_headers_and_body_has_a_host_header() {
    let request = Request::get("/")
        .body(Bytes::new())
        .expect("expected a valid request");
    for simulator in SIMULATORS {
        let event = event(simulator, &request);
        let body = match simulator.source() {
            Source::Alb | Source::AlbMultiValue => Some(json!("")),
            Source::HttpApi | Source::FunctionUrl | Source::Lattice => None,
            _ => Some(Value::Null),
        };
        assert_eq!(event.get("body"), body.as_ref(), "{simulator}");
        assert_eq!(event["isBase64Encoded"], false, "{simulator}");
        let names = event.to_string();
        assert!(names.contains(".eu-west-1."), "{simulator}: {names}");
        assert!(!names.contains("content-length"), "{simulator}: {names}");
    }
}

#[test]
fn invalid_http_is_rejected_with_400() {
    let request = |headers: &[(&str, &str)]| {
        let mut request = Request::post("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
            .body(Bytes::from("hi"))
            .expect("expected a valid request")
    };
    let mut star = request(&[]);
    *star.uri_mut() = "*".parse().expect("expected a valid request target");
    for simulator in SIMULATORS {
        for request in [
            &request(&[("host", "a"), ("host", "b")]),
            &request(&[("content-length", "3")]),
            &request(&[("content-length", "2"), ("content-length", "3")]),
            &star,
        ] {
            assert_eq!(
                rejected_with(simulator, request),
                Some(StatusCode::BAD_REQUEST),
                "{simulator}"
            );
        }
    }
}
