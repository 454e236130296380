//! `event` calls the handler with a Lambda event, and prints what the function would send to the Runtime API.

use serde_json::{Value, json};

use super::{Ended, file, run, run_with};

fn function_url(path: &str) -> String {
    json!({
        "version": "2.0",
        "rawPath": path,
        "requestContext": {"http": {"method": "GET", "path": path}},
    })
    .to_string()
}

fn event(json: &str, vars: &[(&str, &str)]) -> Ended {
    run_with(&["event", "-"], vars, json.as_bytes())
}

#[test]
fn the_response_of_the_function_is_printed_as_the_runtime_api_gets_it() {
    let (_folder, path) = file(&function_url("/hello"));
    let ended = run(&["event", &path]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let posted: Value = serde_json::from_str(&ended.stdout).expect("expected JSON");
    let headers = json!({"content-type": "text/plain; charset=utf-8", "content-length": "13"});
    let expected = json!({
        "statusCode": 200, "headers": headers, "cookies": [],
        "isBase64Encoded": false, "body": "Hello, world!",
    });
    assert_eq!(posted, expected);
    let call = "POST /2018-06-01/runtime/invocation/REQUEST-ID/response\n";
    assert_eq!(ended.stderr, call);
}

#[test]
fn a_streamed_response_is_printed_with_an_empty_line_after_its_prelude() {
    let ended = event(
        &function_url("/stream"),
        &[("ANYHOST_LAMBDA_MODE", "stream")],
    );
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let (prelude, body) = ended
        .stdout
        .split_once("\n\n")
        .expect("expected an empty line");
    let prelude: Value = serde_json::from_str(prelude).expect("expected JSON");
    assert_eq!(prelude["statusCode"], 200);
    assert!(!body.is_empty() && !body.contains('\0'), "{body:?}");
    assert!(ended.stderr.contains("/response (streamed)"), "{ended:?}");
}

#[test]
fn an_aborted_stream_shows_its_error_trailers_and_exits_with_1() {
    let ended = event(
        &function_url("/stream-error"),
        &[("ANYHOST_LAMBDA_MODE", "stream")],
    );
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.ends_with("\n\nfirst"), "{ended:?}");
    let trailer = "lambda-runtime-function-error-type: Runtime.StreamError";
    assert!(ended.stderr.contains(trailer), "{ended:?}");
}

#[test]
fn a_failed_invocation_is_printed_as_an_error_and_exits_with_1() {
    let ended = event(r#"{"Records": []}"#, &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let posted: Value = serde_json::from_str(&ended.stdout).expect("expected JSON");
    assert_eq!(posted["errorType"], "Runtime.InvalidEvent");
    assert!(ended.stderr.contains("/error\n"), "{ended:?}");
}

#[test]
fn an_event_that_is_not_http_reaches_the_path_of_the_setting() {
    let ended = event(r#"{"Records": []}"#, &[("ANYHOST_LAMBDA_EVENTS", "/echo")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let result: Value = serde_json::from_str(&ended.stdout).expect("expected JSON");
    assert_eq!(
        (&result["method"], &result["path"]),
        (&json!("POST"), &json!("/echo"))
    );
}

#[test]
fn event_finishes_wait_until_work_before_it_exits() {
    let folder = tempfile::tempdir().expect("expected a temporary folder");
    let done = folder.path().join("done");
    let done = done.to_str().expect("expected a path in UTF-8");
    let post = function_url("/after/100").replace("GET", "POST");
    let ended = event(&post, &[("PROBE_DONE", done)]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(std::fs::exists(done).expect("expected to look for a file"));
}

#[test]
fn invalid_input_of_event_is_an_error_that_names_the_file() {
    let missing = run(&["event", "/missing/event.json"]);
    let (_folder, path) = file("{\"rawPath\": ");
    let broken = run(&["event", &path]);
    let empty = event("", &[]);
    for (ended, expected) in [
        (missing, "cannot read /missing/event.json".to_owned()),
        (broken, format!("{path} is not JSON")),
        (empty, "- is not JSON".to_owned()),
    ] {
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(&expected), "{ended:?}");
    }
    let ended = event("{}", &[("ANYHOST_LAMBDA_MODE", "fast")]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("ANYHOST_LAMBDA_MODE"), "{ended:?}");
}
