//! `--as` serves the handler as an event source of Lambda would.

use anyhost::Body;
use anyhost::lambda::front_door::{Claims, Client, Simulator};
use anyhost::lambda::{Function, Mode};
use anyhost::testing::TestResponse;
use anyhost_conformance::probe_app::app_without_lint;
use anyhost_conformance::{HttpTransport, Probe, Transport, profile};
use bytes::Bytes;

use super::{file, run};

/// Starts the probe behind an event source.
async fn serve(args: &[&str]) -> (Probe, HttpTransport) {
    let mut probe = Probe::start(&[&["--listen", "tcp://127.0.0.1:0"], args].concat(), &[]);
    let address = probe.address().await;
    let profile = profile("http1").expect("expected the profile of the server");
    (probe, HttpTransport::tcp(address, profile))
}

/// The status, the headers in the order of their names, and the body of a response.
async fn parts(response: TestResponse) -> (u16, Vec<(String, String)>, String) {
    let status = response.status().as_u16();
    let mut headers: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                value.as_bytes().escape_ascii().to_string(),
            )
        })
        // The server adds Date, and frames a streamed body.
        .filter(|(name, _)| !["date", "transfer-encoding"].contains(&name.as_str()))
        .collect();
    headers.sort();
    let body = match response.bytes().await {
        Ok(body) => body.escape_ascii().to_string(),
        Err(_) => "aborted".to_owned(),
    };
    (status, headers, body)
}

fn requests() -> Vec<http::Request<Bytes>> {
    let request = |method: &str, target: &str, body: Vec<u8>| {
        http::Request::builder()
            .method(method)
            .uri(target)
            .header("host", "a.example")
            .header("x-multi", "one")
            .header("x-multi", "two")
            .header("cookie", "a=1; b=2")
            .header("x-forwarded-for", "198.51.100.1")
            .header("content-length", body.len())
            .body(Bytes::from(body))
            .expect("expected a valid request")
    };
    let mut large_head = request("GET", "/hello", Vec::new());
    let value = "x".repeat(11_000).parse().expect("expected a valid value");
    large_head.headers_mut().insert("x-large", value);
    vec![
        request("GET", "/hello", Vec::new()),
        request(
            "POST",
            "/echo/a%2Fb/%C3%A9?z=1&a=b+c&z=2",
            b"\xFF\x00".to_vec(),
        ),
        request("GET", "/error/429", Vec::new()),
        request("GET", "/panic", Vec::new()),
        request("GET", "/gzip", Vec::new()),
        request("GET", "/stream", Vec::new()),
        request("GET", "/stream-error", Vec::new()),
        request("GET", "/large/1100000", Vec::new()),
        request("GET", "/large/7000000", Vec::new()),
        request("POST", "/echo", vec![b'x'; 1_100_000]),
        request("POST", "/echo", vec![b'x'; 7_000_000]),
        large_head,
    ]
}

#[tokio::test]
async fn a_client_on_the_socket_gets_the_response_of_the_simulator_for_every_source() {
    let names = Simulator::all().flat_map(|simulator| {
        let streams = simulator.source().can_stream() && simulator == simulator.source().into();
        let streamed = streams.then(|| (format!("{}-stream", simulator.name()), simulator));
        [Some((simulator.name().to_owned(), simulator)), streamed]
            .into_iter()
            .flatten()
    });
    for (name, simulator) in names {
        let mode = match name.ends_with("-stream") {
            true => Mode::Stream,
            false => Mode::Buffer,
        };
        let (_probe, socket) = serve(&["--as", &name]).await;
        let client = Client::new(simulator, app_without_lint())
            .with_function(Function::new().with_mode(mode))
            .with_custom_domain()
            .with_peer([127, 0, 0, 1].into());
        for request in requests() {
            let expected = parts(client.send(request.clone()).await).await;
            let target = request.uri().clone();
            let response = socket.send(request.map(Body::from)).await;
            let response = response.expect("expected a response");
            let received = parts(response.into()).await;
            assert_eq!(received, expected, "{name} {target}");
        }
    }
}

#[tokio::test]
async fn claims_and_a_stage_of_the_command_line_reach_the_handler() {
    let json = r#"{"jwt": {"claims": {"sub": "42"}}}"#;
    let (_folder, path) = file(json);
    let args = ["--as", "rest-api", "--stage", "dev", "--claims", &path];
    let (_probe, socket) = serve(&args).await;
    let claims = Claims::from_json(json.as_bytes()).expect("expected valid claims");
    let client = Client::new(anyhost::lambda::Source::RestApi, app_without_lint())
        .with_stage("dev")
        .with_claims(claims)
        .expect("expected a JWT authorizer")
        .with_peer([127, 0, 0, 1].into());
    for target in ["/dev/echo", "/dev/authorizer", "/echo"] {
        let get = || {
            let request = http::Request::get(target).header("host", "a.example");
            request
                .body(Bytes::new())
                .expect("expected a valid request")
        };
        let expected = parts(client.send(get()).await).await;
        let response = socket.send(get().map(Body::from)).await;
        let received = parts(response.expect("expected a response").into()).await;
        assert_eq!(received, expected, "{target}");
        match target {
            "/echo" => assert_eq!(received.0, 403),
            "/dev/echo" => assert!(
                received.2.contains(r#"\"base_path\":\"/dev\""#),
                "{received:?}"
            ),
            _ => assert!(received.2.contains("42"), "{received:?}"),
        }
    }
}

#[test]
fn an_invalid_option_of_a_front_door_is_an_error_that_shows_what_is_accepted() {
    let (_folder, wrong) = file(r#"{"sub": "42"}"#);
    let (_other_folder, jwt) = file(r#"{"jwt": {"claims": {}}}"#);
    let names = "rest-api, rest-api-stream, rest-api-text";
    for (args, expected) in [
        (&["--as", "websocket"][..], names),
        (&["--as", "alb-stream"], names),
        (&["--as", ""], names),
        (&["--claims", &jwt], "--as"),
        (&["--stage", "dev"], "--as"),
        (&["--as", "rest-api", "--stage", "a/b"], "without a slash"),
        (&["--as", "rest-api", "--stage", ""], "without a slash"),
        (&["--as", "alb", "--stage", "dev"], "ALB has no stages"),
        (
            &["--as", "http-api", "--claims", "/missing"],
            "a readable file",
        ),
        (
            &["--as", "http-api", "--claims", &wrong],
            "jwt, lambda or iam",
        ),
        (
            &["--as", "function-url", "--claims", &jwt],
            "Function URL has",
        ),
        (&["--as", "http-api", "fetch", "/"], "--as"),
    ] {
        let ended = run(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(expected), "{args:?}: {ended:?}");
    }
}
