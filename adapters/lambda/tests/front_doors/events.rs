//! What each front door makes of a request.

use super::*;
use anyhost_lambda::front_door::Client;

const DOORS: [FrontDoor; 8] = FrontDoor::ALL;

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
        .expect("it is a request")
}

async fn seen(door: FrontDoor, request: Request<Bytes>) -> Value {
    let client = Client::new(door, echo).with_peer(PEER);
    let reply = client.send(request).await;
    assert_eq!(reply.status(), 200, "{door}");
    reply.json().await.expect("it is JSON")
}

#[tokio::test]
async fn the_path_and_query_are_as_far_as_the_front_door_keeps_them() {
    for (door, expected) in [
        (
            FrontDoor::RestApi,
            "/a%2Fb%20c/%C3%A9?a=b%20c&a=%26&n=&z=1&z=2",
        ),
        (
            FrontDoor::RestApiText,
            "/a%2Fb%20c/%C3%A9?a=b%20c&a=%26&n=&z=1&z=2",
        ),
        (
            FrontDoor::HttpApiV1,
            "/a/b%20c/%C3%A9?a=b%20c&a=%26&n=&z=1&z=2",
        ),
        (FrontDoor::HttpApi, "/a/b%20c/%C3%A9?z=1&a=b+c&z=2&a=%26&n"),
        (
            FrontDoor::FunctionUrl,
            "/a%2Fb%20c/%C3%A9?z=1&a=b+c&z=2&a=%26&n",
        ),
        (FrontDoor::Alb, "/a%2Fb%20c/%C3%A9?a=%26&n=&z=2"),
        (
            FrontDoor::AlbMultiValue,
            "/a%2Fb%20c/%C3%A9?a=b+c&a=%26&n=&z=1&z=2",
        ),
        (
            FrontDoor::Lattice,
            "/a%2Fb%20c/%C3%A9?a=b+c&a=%26&n=&z=1&z=2",
        ),
    ] {
        assert_eq!(seen(door, rich()).await["target"], expected, "{door}");
    }
}

#[tokio::test]
async fn a_question_mark_in_a_path_ends_it_at_an_http_api() {
    for (door, expected) in [
        (FrontDoor::HttpApi, "/a?q=1"),
        (FrontDoor::FunctionUrl, "/a%3Fb?q=1"),
        (FrontDoor::RestApi, "/a%3Fb?q=1"),
    ] {
        let request = Request::get("/a%3Fb?q=1")
            .body(Bytes::new())
            .expect("a request");
        assert_eq!(seen(door, request).await["target"], expected, "{door}");
    }
}

#[tokio::test]
async fn headers_arrive_once_joined_or_each() {
    for door in DOORS {
        let seen = seen(door, rich()).await;
        let headers = seen["headers"].as_array().expect("a list").clone();
        let all = |name: &str| -> Vec<String> {
            let found = headers.iter().filter(|header| header[0] == name);
            found
                .filter_map(|header| header[1].as_str())
                .map(str::to_owned)
                .collect()
        };
        let multi: &[&str] = match door {
            FrontDoor::Alb => &["two"],
            FrontDoor::HttpApi | FrontDoor::FunctionUrl => &["one,two"],
            _ => &["one", "two"],
        };
        assert_eq!(all("x-multi"), multi, "{door}");
        assert_eq!(all("cookie"), ["a=1; b=2"], "{door}");
        assert_eq!(all("host"), ["example.com"], "{door}");
        assert_eq!(
            all("x-forwarded-for"),
            ["198.51.100.1, 203.0.113.7"],
            "{door}"
        );
        assert_eq!(all("connection"), [""; 0], "{door}");
        assert_eq!(all("x-amzn-trace-id").len(), 1, "{door}");
        let rest_api = matches!(door, FrontDoor::RestApi | FrontDoor::RestApiText);
        let text = event(door, &rich()).to_string();
        assert_eq!(text.contains("content-length"), !rest_api, "{door}");
        let tls = usize::from(door == FrontDoor::FunctionUrl);
        assert_eq!(all("x-amzn-tls-version").len(), tls, "{door}");
    }
}

#[tokio::test]
async fn the_host_knows_what_the_front_door_tells_it() {
    for door in DOORS {
        let seen = seen(door, rich()).await;
        let balancer = matches!(door, FrontDoor::Alb | FrontDoor::AlbMultiValue);
        let rest_api = matches!(door, FrontDoor::RestApi | FrontDoor::RestApiText);
        let lattice = door == FrontDoor::Lattice;
        let source = door.to_string();
        assert_eq!(seen["source"], source.trim_end_matches(" (text)"), "{door}");
        assert_eq!(seen["typed"], true, "{door}");
        assert_eq!(seen["method"], "PUT", "{door}");
        assert_eq!(seen["version"], "HTTP/1.1", "{door}");
        assert_eq!(seen["authority"], "example.com", "{door}");
        let scheme = if balancer { "http" } else { "https" };
        assert_eq!(seen["scheme"], scheme, "{door}");
        let base_path = if rest_api { "/live" } else { "" };
        assert_eq!(seen["base_path"], base_path, "{door}");
        let peer = if lattice { Value::Null } else { json!(PEER) };
        assert_eq!(seen["peer"], peer, "{door}");
    }
}

#[tokio::test]
async fn a_load_balancer_may_be_reached_in_tls() {
    for door in [FrontDoor::Alb, FrontDoor::AlbMultiValue] {
        let request = Request::get("https://example.com/").body(Bytes::new());
        let seen = seen(door, request.expect("a request")).await;
        assert_eq!(
            (&seen["scheme"], &seen["authority"]),
            (&json!("https"), &json!("example.com"))
        );
    }
}

#[tokio::test]
async fn bytes_arrive_as_they_are_but_where_bodies_are_text() {
    for door in DOORS {
        let seen = seen(door, rich()).await;
        let (body, length) = match door {
            FrontDoor::RestApiText => (r"\xef\xbf\xbd\x00", "4"),
            _ => (r"\xff\x00", "2"),
        };
        assert_eq!(seen["body"], body, "{door}");
        let headers = seen["headers"].as_array().expect("a list");
        let lengths = headers
            .iter()
            .filter(|header| header[0] == "content-length");
        let lengths: Vec<_> = lengths.map(|header| &header[1]).collect();
        assert_eq!(lengths, [length], "{door}");
    }
}

#[test]
fn text_is_text_and_everything_else_is_base64() {
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
            .expect("a request");
        let pairs = [
            ("content-type", content_type),
            ("content-encoding", encoding),
        ];
        for (name, value) in pairs {
            if let Some(value) = value {
                request
                    .headers_mut()
                    .insert(name, value.parse().expect("a value"));
            }
        }
        for door in DOORS {
            let encoded = match door {
                FrontDoor::RestApi => true,
                FrontDoor::RestApiText => false,
                _ => !text,
            };
            let event = event(door, &request);
            assert_eq!(
                event["isBase64Encoded"], encoded,
                "{door}: {content_type:?}"
            );
            assert_eq!(event["body"], if encoded { "aGk=" } else { "hi" }, "{door}");
        }
    }
}

#[test]
fn a_request_of_nothing_but_a_path_has_no_body_and_a_host() {
    let request = Request::get("/").body(Bytes::new()).expect("a request");
    for door in DOORS {
        let event = event(door, &request);
        let body = match door {
            FrontDoor::Alb | FrontDoor::AlbMultiValue => Some(json!("")),
            FrontDoor::HttpApi | FrontDoor::FunctionUrl | FrontDoor::Lattice => None,
            _ => Some(Value::Null),
        };
        assert_eq!(event.get("body"), body.as_ref(), "{door}");
        assert_eq!(event["isBase64Encoded"], false, "{door}");
        let names = event.to_string();
        assert!(names.contains(".eu-west-1."), "{door}: {names}");
        assert!(!names.contains("content-length"), "{door}: {names}");
    }
}

#[test]
fn what_is_no_http_is_refused_with_a_400() {
    let request = |headers: &[(&str, &str)]| {
        let mut request = Request::post("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Bytes::from("hi")).expect("a request")
    };
    let mut star = request(&[]);
    *star.uri_mut() = "*".parse().expect("a target");
    for door in DOORS {
        for request in [
            &request(&[("host", "a"), ("host", "b")]),
            &request(&[("content-length", "3")]),
            &request(&[("content-length", "2"), ("content-length", "3")]),
            &star,
        ] {
            assert_eq!(
                refused(door, request),
                Some(StatusCode::BAD_REQUEST),
                "{door}"
            );
        }
    }
}
