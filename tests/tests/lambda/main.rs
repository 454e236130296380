//! The probe as a Lambda function: under an emulator, and under a Runtime API of our own.

mod life;
mod log;
mod stream;

use anyhost_conformance::{LambdaApi, Probe};
use http::{Response, StatusCode};
use serde_json::{Value, json};

async fn started() -> (LambdaApi, Probe) {
    started_with(&[]).await
}

async fn started_with(vars: &[(&str, &str)]) -> (LambdaApi, Probe) {
    let api = LambdaApi::start().await;
    let address = api.address();
    let mut all = vec![("AWS_LAMBDA_RUNTIME_API", address.as_str())];
    all.extend(vars);
    let probe = Probe::start(&[], &all);
    (api, probe)
}

/// A Function URL event, changed by `change`.
fn event(method: &str, path: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "x.lambda-url.eu-west-1.on.aws"},
        "requestContext": {
            "domainName": "x.lambda-url.eu-west-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        },
        "isBase64Encoded": false,
    });
    change(&mut event);
    event.to_string()
}

fn get(path: &str) -> String {
    event("GET", path, |_| {})
}

/// The function still does its work.
async fn serves(api: &LambdaApi) {
    let reply = api.invoke(get("/hello")).await.json();
    assert_eq!(reply["body"], "Hello, world!");
}

/// What `/echo` saw of an event.
async fn echo(api: &LambdaApi, event: String) -> Value {
    let answer = api.invoke(event).await.json();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn an_invocation_is_answered_with_its_request_id_and_peer() {
    let (api, _probe) = started().await;
    let seen = echo(
        &api,
        event("POST", "/echo", |event| event["body"] = json!("hi")),
    )
    .await;
    assert_eq!(seen["host"], "lambda");
    assert_eq!(seen["peer"], "192.0.2.1");
    assert_eq!(seen["request_id"], "r-0");
    assert_eq!(seen["scheme"], "https");
    assert_eq!(seen["body"], json!({"length": 2, "base64": "aGk="}));
}

#[tokio::test]
async fn a_client_context_that_is_no_json_does_no_harm() {
    let (api, _probe) = started().await;
    let odd = [
        ("lambda-runtime-client-context", "{not json"),
        ("lambda-runtime-cognito-identity", "["),
        ("lambda-runtime-deadline-ms", "soon"),
    ];
    assert_eq!(
        api.invoke_with(get("/hello"), &odd).await.json()["body"],
        "Hello, world!"
    );
    serves(&api).await;
}

#[tokio::test]
async fn hostile_events_get_a_4xx_and_the_next_one_works() {
    let (api, _probe) = started().await;
    for hostile in [
        String::new(),
        "{".into(),
        "\u{0}".into(),
        "[".repeat(10_000),
        event("G@T", "/hello", |_| {}),
        event("", "/hello", |_| {}),
        event("GET", "hello", |_| {}),
        event("GET", "", |_| {}),
        event("GET", "/hello", |event| {
            event["requestContext"]["http"] = json!(5);
        }),
        event("GET", "/hello", |event| event["rawPath"] = Value::Null),
        event("GET", "/hello", |event| {
            event["headers"]["host"] = json!("u@a");
        }),
        event("GET", "/hello", |event| {
            event["headers"]["host"] = json!("a:99999");
        }),
        event("GET", "/hello", |event| {
            event["headers"]["host"] = json!("[x");
        }),
        event("GET", &format!("/{}", "a".repeat(70_000)), |_| {}),
        event("POST", "/raw", |event| {
            (event["body"], event["isBase64Encoded"]) = (json!("%%%"), json!(true));
        }),
        event("POST", "/json", |event| event["body"] = json!("{")),
        event("POST", "/limit/1", |event| event["body"] = json!("xx")),
    ] {
        let answer = api.invoke(hostile.clone()).await;
        let shown: String = hostile.chars().take(300).collect();
        assert_eq!(answer.call, "response", "{shown}");
        let status = answer.json()["statusCode"].as_u64().unwrap();
        assert!((400..500).contains(&status), "{status} for {shown}");
        serves(&api).await;
    }
}

#[tokio::test]
async fn an_odd_header_costs_itself_and_not_the_request() {
    let (api, _probe) = started().await;
    let seen = echo(&api, event("GET", "/echo", |event| {
        event["headers"] = json!({
            "bad name": "1", "x-bad": "a\nb", "x-null": null, "x-number": 5, "x-map": {}, "x-good": "1",
            "x-latin1": "caf\u{e9}",
        });
        event["cookies"] = json!(["a=1", "b\n=2", "c=3"]);
        event["rawQueryString"] = json!("q=\"<>\" \u{e9}");
    }))
    .await;
    let headers = json!([
        ["x-good", "1"],
        ["x-latin1", "caf\u{e9}"],
        ["x-number", "5"],
        ["cookie", "a=1; c=3"]
    ]);
    assert_eq!(seen["headers"], headers);
    assert_eq!(seen["query"], "q=%22%3C%3E%22%20%C3%A9");
}

#[tokio::test]
async fn an_event_of_another_service_is_a_failed_invocation() {
    let (api, _probe) = started().await;
    for event in [
        "{}",
        "[]",
        "null",
        "[1]",
        r#"{"Records": [{"eventSource": "aws:sqs"}]}"#,
    ] {
        assert_eq!(api.invoke(event).await.call, "error", "{event}");
    }
    let answer = api.invoke(r#"{"detail-type": "Scheduled Event"}"#).await;
    assert!(
        answer.json()["errorMessage"]
            .as_str()
            .unwrap()
            .contains("front door")
    );
    serves(&api).await;
}

#[tokio::test]
async fn a_reply_header_that_is_no_utf_8_is_written_as_latin_1() {
    let (api, _probe) = started().await;
    let reply = api.invoke(get("/headers")).await.json();
    assert_eq!(reply["headers"]["x-latin1"], "caf\u{e9}");
    assert_eq!(reply["headers"]["vary"], "accept, origin");
    assert_eq!(
        reply["cookies"],
        json!(["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2; Path=/"])
    );
    serves(&api).await;
}

#[tokio::test]
async fn bytes_and_what_is_compressed_are_base64_and_text_is_text() {
    let (api, _probe) = started().await;
    for (path, encoded) in [
        ("/bytes", true),
        ("/gzip", true),
        ("/hello", false),
        ("/empty", false),
    ] {
        assert_eq!(
            api.invoke(get(path)).await.json()["isBase64Encoded"],
            encoded,
            "{path}"
        );
    }
}

#[tokio::test]
async fn errors_and_panics_are_replies_and_not_failed_invocations() {
    let (api, _probe) = started().await;
    for path in ["/fail", "/panic", "/panic-late", "/stream-error"] {
        let answer = api.invoke(get(path)).await;
        assert_eq!(
            (answer.call.as_str(), &answer.json()["statusCode"]),
            ("response", &json!(500)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_reply_over_the_limit_is_a_500_that_the_log_explains() {
    let (api, mut probe) = started().await;
    let reply = api.invoke(get("/large/7000000")).await.json();
    assert_eq!(reply["statusCode"], 500);
    probe.log_line("Function URL takes").await;
    assert_eq!(
        api.invoke(get("/large/1000000")).await.json()["statusCode"],
        200
    );
}

#[tokio::test]
async fn a_reply_that_the_api_refuses_is_a_failed_invocation() {
    let (api, mut probe) = started().await;
    api.refuse(StatusCode::PAYLOAD_TOO_LARGE);
    let answers = api.invoke_all(get("/hello"), &[], 2).await;
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.call.as_str())
            .collect::<Vec<_>>(),
        ["response", "error"]
    );
    probe.log_line("refused the reply").await;
    serves(&api).await;
}

#[tokio::test]
async fn a_failing_runtime_api_is_asked_again() {
    let (api, mut probe) = started().await;
    for status in [500, 403, 204, 200] {
        // The last one has no request id.
        api.misbehave(Response::builder().status(status).body("garbage").unwrap());
        probe.log_line("no invocation").await;
    }
    serves(&api).await;
}

#[tokio::test]
async fn work_after_the_reply_is_done_before_the_next_invocation() {
    let (api, _probe) = started().await;
    assert_eq!(
        api.invoke(event("POST", "/after/200", |_| {})).await.json()["body"],
        "scheduled"
    );
    assert_eq!(api.invoke(get("/after")).await.json()["body"], "1");
}

#[tokio::test]
async fn sigterm_ends_an_idle_function_well() {
    let (api, probe) = started().await;
    api.invoke(get("/hello")).await;
    probe.terminate();
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn a_start_that_fails_is_reported() {
    let api = LambdaApi::start().await;
    let vars = [
        ("AWS_LAMBDA_RUNTIME_API", api.address()),
        ("PROBE_START", "fail".into()),
    ];
    let vars: Vec<_> = vars
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let probe = Probe::start(&[], &vars);
    let report = api.start_up().await;
    assert_eq!(report.call, "init");
    assert!(
        report.json()["errorMessage"]
            .as_str()
            .unwrap()
            .contains("PROBE_START"),
        "{report:?}"
    );
    assert!(
        report
            .headers
            .contains_key("lambda-runtime-function-error-type")
    );
    assert_eq!(probe.exit().await.code(), Some(1));
}
