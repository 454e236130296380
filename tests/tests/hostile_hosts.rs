//! The probe as a CGI program under simulated web servers, with requests that the suite cannot send: a body longer or
//! shorter than its Content-Length, duplicate variables, a query that becomes arguments. Every case of the suite runs
//! under these servers too.

use anyhost_conformance::Received;
use anyhost_conformance::hostile_host::{CGID, Chunked, DUPLICATES, FCGIWRAP, HostileHost};
use bytes::Bytes;
use http::Request;
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
    Request::get(target).body(Bytes::new()).unwrap()
}

fn post(target: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(target).body(body.into()).unwrap()
}

fn with(mut request: Request<Bytes>, name: &'static str, value: &str) -> Request<Bytes> {
    request.headers_mut().append(name, value.parse().unwrap());
    request
}

/// The status and the body of a response.
fn status_and_text(received: &Received) -> (u16, &str) {
    let text = std::str::from_utf8(&received.body).unwrap();
    (received.status.as_u16(), text)
}

/// The request that the handler received.
async fn seen(host: &HostileHost, request: Request<Bytes>) -> Value {
    let received = exchange(host, request).await;
    assert_eq!(received.status, 200, "{}: {received:?}", host.name);
    serde_json::from_slice(&received.body).unwrap()
}

#[tokio::test]
async fn without_a_host_header_the_server_name_becomes_the_host_header() {
    for host in &ALL {
        let seen = seen(host, get("/echo")).await;
        // The other servers set SERVER_NAME to an empty value, or not at all.
        let (authority, headers) = match host.name {
            "mod_cgid" => (json!("a.example"), json!([["host", "a.example"]])),
            "lighttpd" => (json!("127.0.0.1"), json!([["host", "127.0.0.1"]])),
            _ => (Value::Null, json!([])),
        };
        assert_eq!(seen["authority"], authority, "{}", host.name);
        assert_eq!(seen["headers"], headers, "{}", host.name);
        assert_eq!(seen["query"], Value::Null, "{}", host.name);
    }
}

#[tokio::test]
async fn a_body_shorter_than_its_content_length_is_rejected_with_400() {
    for host in &ALL {
        let request = with(post("/raw", "hello"), "content-length", "100");
        let received = exchange(host, request).await;
        let actual = status_and_text(&received);
        assert_eq!(actual, (400, "Invalid body"), "{}", host.name);
    }
}

#[tokio::test]
async fn bytes_after_the_content_length_are_not_part_of_the_body() {
    for host in &ALL {
        for (length, body) in [("5", "hello"), ("0", "")] {
            let request = with(post("/raw", "hello and more"), "content-length", length);
            let received = exchange(host, request).await;
            assert_eq!(status_and_text(&received), (200, body), "{}", host.name);
        }
    }
}

/// A body of this size does not fit into the buffer of a pipe, so a program that does not read the body would block the
/// server.
#[tokio::test]
async fn a_chunked_body_of_1_mib_is_read_completely_or_rejected_with_411() {
    for host in &ALL {
        let body = vec![b'x'; 1 << 20];
        let request = with(post("/digest", body), "transfer-encoding", "chunked");
        let received = exchange(host, request).await;
        if host.chunked == Chunked::Raw {
            assert_eq!(received.status, 411, "{}", host.name);
            continue;
        }
        assert_eq!(received.status, 200, "{}: {received:?}", host.name);
        let digest: Value = serde_json::from_slice(&received.body).unwrap();
        assert_eq!(digest["length"], 1 << 20, "{}", host.name);
    }
}

/// `getenv` returns the first of several variables with the same name, and other programs rely on this order.
#[tokio::test]
async fn the_first_of_several_environment_variables_with_the_same_name_is_used() {
    let request = with(post("/echo/a?x=1", "hi"), "host", "a.example");
    let once = seen(&FCGIWRAP, request.clone()).await;
    let twice = seen(&DUPLICATES, request).await;
    assert_eq!(twice, once);
}

/// A web server passes a query without `=` as arguments (RFC 3875 §4.4), so a client could otherwise set options.
#[tokio::test]
async fn program_arguments_from_a_query_are_not_read_as_options() {
    for query in ["-l+tcp://0.0.0.0:1", "--listen+unix:/x", "--help", "a+b"] {
        let seen = seen(&CGID, get(&format!("/echo?{query}"))).await;
        assert_eq!(seen["query"], query);
    }
}
