//! The probe under web servers that treat it badly, each in the way of a real one.

use anyhost_conformance::Received;
use anyhost_conformance::hostile_host::{
    BUSYBOX, CGID, Chunked, DUPLICATES, FCGIWRAP, HostileHost, Repeated,
};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

const ALL: [HostileHost; 5] = HostileHost::ALL;

async fn exchange(host: &HostileHost, request: Request<Bytes>) -> Received {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    match host.exchange(request).await {
        Ok(received) => received,
        Err(error) => panic!("{} {method} {uri}: {error}", host.name),
    }
}

fn get(target: &str) -> Request<Bytes> {
    Request::get(target).body(Bytes::new()).expect("a request")
}

fn post(target: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(target).body(body.into()).expect("a request")
}

fn with(mut request: Request<Bytes>, name: &'static str, value: &str) -> Request<Bytes> {
    let value = value.parse().expect("a value");
    request.headers_mut().append(name, value);
    request
}

fn megabyte() -> Bytes {
    (0..1 << 20)
        .map(|n: u32| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
        .collect()
}

fn text(received: &Received) -> &str {
    std::str::from_utf8(&received.body).expect("it is text")
}

async fn seen(host: &HostileHost, request: Request<Bytes>) -> Value {
    let received = exchange(host, request).await;
    assert_eq!(received.status, 200, "{}: {received:?}", host.name);
    serde_json::from_slice(&received.body).expect("it is JSON")
}

/// All values of a header that the handler saw.
fn values<'a>(seen: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = seen["headers"].as_array().expect("they are a list");
    let found = headers.iter().filter(|header| header[0] == name);
    found.filter_map(|header| header[1].as_str()).collect()
}

#[tokio::test]
async fn every_host_gets_a_reply_that_it_understands() {
    for host in &ALL {
        for (target, status, length) in [
            ("/hello", 200, 13),
            ("/empty", 200, 0),
            ("/null", 204, 0),
            ("/status/304", 304, 0),
            ("/headers", 200, 0),
            ("/large/300000", 200, 300_000),
            ("/stream?chunks=3&size=100000", 200, 300_000),
            ("/error/429", 429, 17),
            ("/panic", 500, 21),
            ("/nowhere", 404, 9),
        ] {
            let received = exchange(host, get(target)).await;
            let came = (received.status.as_u16(), received.body.len(), received.cut);
            assert_eq!(came, (status, length, false), "{} {target}", host.name);
        }
        let mut head = get("/large/300000");
        *head.method_mut() = http::Method::HEAD;
        let received = exchange(host, head).await;
        assert_eq!(
            received.headers["content-length"], "300000",
            "{}",
            host.name
        );
        assert_eq!(received.body, "", "{}", host.name);
    }
}

#[tokio::test]
async fn the_handler_sees_the_request_and_nothing_of_how_it_came() {
    for host in &ALL {
        let request = with(
            post("/echo/a%2Cb?x=1&x=%20&y", "hi"),
            "host",
            "a.example:8080",
        );
        let request = with(request, "user-agent", "A/1 (K, like G) \"q\"");
        let request = with(request, "proxy", "http://evil.example");
        let request = with(request, "te", "trailers");
        let request = with(request, "content-type", "text/plain");
        let seen = seen(host, request).await;
        let path = match host.decoded_uri {
            true => "/echo/a,b",
            false => "/echo/a%2Cb",
        };
        let mut headers = vec![
            json!(["content-length", "2"]),
            json!(["content-type", "text/plain"]),
            json!(["host", "a.example:8080"]),
            json!(["user-agent", "A/1 (K, like G) \"q\""]),
        ];
        let mut found = seen["headers"].as_array().expect("a list").clone();
        for list in [&mut headers, &mut found] {
            list.sort_by_key(Value::to_string);
        }
        assert_eq!(found, headers, "{}", host.name);
        for (field, value) in [
            ("host", json!("cgi")),
            ("method", json!("POST")),
            ("path", json!(path)),
            ("query", json!("x=1&x=%20&y")),
            ("version", json!("HTTP/1.1")),
            ("scheme", json!("http")),
            ("authority", json!("a.example:8080")),
            ("base_path", json!("/app")),
            ("peer", json!("203.0.113.7")),
            ("request_id", Value::Null),
            ("body", json!({"length": 2, "base64": "aGk="})),
        ] {
            assert_eq!(seen[field], value, "{}: {field}", host.name);
        }
    }
}

#[tokio::test]
async fn a_request_without_anything_has_no_headers_but_a_host() {
    for host in &ALL {
        let seen = seen(host, get("/echo")).await;
        let authority = match host.name {
            "mod_cgid" => json!("a.example"),
            "lighttpd" => json!("127.0.0.1"),
            _ => Value::Null,
        };
        assert_eq!(seen["authority"], authority, "{}", host.name);
        let count = usize::from(authority != Value::Null);
        assert_eq!(
            seen["headers"].as_array().map(Vec::len),
            Some(count),
            "{}",
            host.name
        );
        assert_eq!(seen["query"], Value::Null, "{}", host.name);
    }
}

#[tokio::test]
async fn repeated_headers_arrive_as_far_as_the_host_passes_them_on() {
    for host in &ALL {
        let request = with(with(get("/echo"), "x-multi", "one"), "x-multi", "two");
        let request = with(with(request, "cookie", "a=1"), "cookie", "b=2");
        let request = with(request, "authorization", "Basic eDp5");
        let seen = seen(host, request).await;
        let (multi, cookie): (&[&str], &[&str]) = match host.repeated {
            Repeated::Each => (&["one", "two"], &["a=1", "b=2"]),
            Repeated::Last => (&["two"], &["b=2"]),
            Repeated::Joined if host.name == CGID.name => (&["one, two"], &["a=1, b=2"]),
            Repeated::Joined => (&["one, two"], &["a=1; b=2"]),
        };
        assert_eq!(values(&seen, "x-multi"), multi, "{}", host.name);
        assert_eq!(values(&seen, "cookie"), cookie, "{}", host.name);
        let count = usize::from(host.authorization);
        assert_eq!(values(&seen, "authorization").len(), count, "{}", host.name);
    }
}

#[tokio::test]
async fn a_megabyte_is_echoed_as_it_comes() {
    for host in &ALL {
        let received = exchange(host, post("/pipe", megabyte())).await;
        assert_eq!(received.status, 200, "{}", host.name);
        assert!(received.body == megabyte(), "{}: other bytes", host.name);
    }
}

#[tokio::test]
async fn a_reply_that_begins_before_its_request_was_read_arrives_whole() {
    for host in &ALL {
        let received = exchange(host, post("/before/300000", megabyte())).await;
        assert_eq!(
            received.body.len(),
            300_000 + "1048576".len(),
            "{}",
            host.name
        );
        assert!(received.body.ends_with(b"x1048576"), "{}", host.name);
    }
}

#[tokio::test]
async fn a_refusal_before_the_body_was_read_arrives() {
    for host in &ALL {
        let received = exchange(host, post("/limit/10", megabyte())).await;
        assert_eq!(
            received.status,
            StatusCode::PAYLOAD_TOO_LARGE,
            "{}",
            host.name
        );
        assert_eq!(text(&received), "Body exceeded 10b limit", "{}", host.name);
    }
}

#[tokio::test]
async fn a_body_that_nobody_reads_loses_no_reply() {
    for host in &ALL {
        let received = exchange(host, post("/ignore", megabyte())).await;
        assert_eq!(
            (received.status.as_u16(), text(&received)),
            (200, "ignored"),
            "{}",
            host.name
        );
        let received = exchange(host, post("/nowhere", megabyte())).await;
        assert_eq!(received.status, 404, "{}", host.name);
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_a_400() {
    for host in &ALL {
        let request = with(post("/raw", "hello"), "content-length", "100");
        let received = exchange(host, request).await;
        let came = (received.status.as_u16(), text(&received));
        assert_eq!(came, (400, "Invalid body"), "{}", host.name);
    }
}

#[tokio::test]
async fn bytes_beyond_the_declared_length_are_not_the_bodys() {
    for host in &ALL {
        for (length, body) in [("5", "hello"), ("0", "")] {
            let request = with(post("/raw", "hello and more"), "content-length", length);
            let received = exchange(host, request).await;
            assert_eq!(
                (received.status.as_u16(), text(&received)),
                (200, body),
                "{}",
                host.name
            );
        }
    }
}

#[tokio::test]
async fn a_chunked_body_is_read_to_its_end_or_refused() {
    for host in &ALL {
        let request = with(post("/digest", megabyte()), "transfer-encoding", "chunked");
        let received = exchange(host, request).await;
        if host.chunked == Chunked::Raw {
            let refused = StatusCode::LENGTH_REQUIRED;
            assert_eq!(received.status, refused, "{}", host.name);
            continue;
        }
        assert_eq!(received.status, 200, "{}: {received:?}", host.name);
        let digest: Value = serde_json::from_slice(&received.body).expect("it is JSON");
        assert_eq!(digest["length"], 1 << 20, "{}", host.name);
    }
}

#[tokio::test]
async fn of_a_variable_that_is_there_twice_the_first_counts() {
    let request = with(post("/echo/a?x=1", "hi"), "host", "a.example");
    let (once, twice) = (
        seen(&FCGIWRAP, request.clone()).await,
        seen(&DUPLICATES, request).await,
    );
    assert_eq!(twice, once);
}

#[tokio::test]
async fn a_query_that_becomes_arguments_is_still_only_a_query() {
    for query in ["-l+tcp://0.0.0.0:1", "--listen+unix:/x", "--help", "a+b"] {
        let seen = seen(&CGID, get(&format!("/echo?{query}"))).await;
        assert_eq!(seen["query"], query);
    }
}

#[tokio::test]
async fn a_path_that_was_decoded_merged_or_resolved_is_one_that_the_server_allowed() {
    for (target, raw, decoded) in [
        ("/echo//a///b", "/echo//a///b", "/echo/a/b"),
        ("/echo/a%2Fb", "/echo/a%2Fb", "/echo/a/b"),
        ("/x/../echo/a", "/echo/a", "/echo/a"),
        ("/echo/%E3%81%82", "/echo/%E3%81%82", "/echo/%E3%81%82"),
        ("/echo/%FF", "/echo/%FF", "/echo/%FF"),
    ] {
        for host in &ALL {
            let path = if host.name == BUSYBOX.name {
                decoded
            } else {
                raw
            };
            assert_eq!(
                seen(host, get(target)).await["path"],
                path,
                "{} {target}",
                host.name
            );
        }
    }
}
