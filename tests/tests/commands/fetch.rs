//! `fetch` calls the handler with one request, and prints the response as curl does.

use serde_json::{Value, json};

use super::{file, run, run_with};

/// The request that the handler received.
fn echoed(args: &[&str], stdin: &[u8]) -> Value {
    let ended = run_with(&[&["fetch"], args].concat(), &[], stdin);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).expect("expected JSON from /echo")
}

#[test]
fn fetch_prints_the_body_of_the_response_and_nothing_else() {
    let ended = run(&["fetch", "/hello"]);
    let expected = (Some(0), "Hello, world!", "");
    assert_eq!(
        (ended.code, &*ended.stdout, &*ended.stderr),
        expected,
        "{ended:?}"
    );
}

#[test]
fn fetch_sends_the_method_the_headers_and_the_body_of_its_arguments() {
    let args = [
        "/echo?x=1",
        "-X",
        "PUT",
        "-H",
        "X-A: 1",
        "-H",
        "content-type: text/plain",
        "-d",
        "hi",
    ];
    let seen = echoed(&args, b"");
    assert_eq!(seen["method"], "PUT");
    assert_eq!(
        (&seen["path"], &seen["query"]),
        (&json!("/echo"), &json!("x=1"))
    );
    let expected = json!([
        ["x-a", "1"],
        ["content-type", "text/plain"],
        ["host", "localhost"],
        ["content-length", "2"],
    ]);
    assert_eq!(seen["headers"], expected);
    assert_eq!(seen["body"]["base64"], "aGk=");
}

#[test]
fn a_fetch_with_a_body_is_a_post_of_a_form_unless_its_options_say_otherwise() {
    let seen = echoed(&["/echo", "-d", "a=1"], b"");
    assert_eq!(seen["method"], "POST");
    let form = json!(["content-type", "application/x-www-form-urlencoded"]);
    let headers = seen["headers"].as_array().expect("expected a list");
    assert!(headers.contains(&form), "{headers:?}");
}

#[test]
fn fetch_reads_its_body_from_a_file_or_from_stdin_without_changing_a_byte() {
    let (_folder, path) = file("a\r\n\0b");
    let from_file = echoed(&["/echo", "-d", &format!("@{path}")], b"");
    let from_stdin = echoed(&["/echo", "-d", "@-"], b"a\r\n\0b");
    for seen in [from_file, from_stdin] {
        assert_eq!(seen["body"]["base64"], "YQ0KAGI=");
    }
}

#[test]
fn the_option_include_prints_the_status_and_the_headers_before_the_body() {
    let ended = run(&["fetch", "-i", "/hello"]);
    let expected = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n\
                    content-length: 13\r\n\r\nHello, world!";
    assert_eq!(ended.stdout, expected, "{ended:?}");
}

#[test]
fn the_option_head_sends_head_and_prints_only_the_status_and_the_headers() {
    let ended = run(&["fetch", "-I", "/hello"]);
    let expected = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n\
                    content-length: 13\r\n\r\n";
    assert_eq!(ended.stdout, expected, "{ended:?}");
}

#[test]
fn fetch_exits_with_0_for_an_error_status_unless_the_option_fail_is_given() {
    let without = run(&["fetch", "/error/429"]);
    assert_eq!(without.code, Some(0), "{without:?}");
    assert!(!without.stdout.is_empty(), "{without:?}");
    let with = run(&["fetch", "-f", "/error/429"]);
    assert_eq!((with.code, &*with.stdout), (Some(22), ""), "{with:?}");
    assert!(with.stderr.contains("429 Too Many Requests"), "{with:?}");
}

#[test]
fn fetch_prints_the_start_of_an_aborted_response_and_exits_with_18() {
    let ended = run(&["fetch", "/stream-error"]);
    assert_eq!(
        (ended.code, &*ended.stdout),
        (Some(18), "first"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("the response was aborted"),
        "{ended:?}"
    );
}

#[test]
fn fetch_finishes_wait_until_work_before_it_exits() {
    let folder = tempfile::tempdir().expect("expected a temporary folder");
    let done = folder.path().join("done");
    let done = done.to_str().expect("expected a path in UTF-8");
    let args = ["fetch", "/after/100", "-X", "POST"];
    let ended = run_with(&args, &[("PROBE_DONE", done)], b"");
    assert_eq!(ended.stdout, "scheduled", "{ended:?}");
    assert!(std::fs::exists(done).expect("expected to look for a file"));
}

#[test]
fn an_invalid_argument_of_fetch_is_an_error_that_shows_what_is_accepted() {
    for (args, expected) in [
        (&["users"][..], "begins with a slash"),
        (&["/a b"], "percent-encoded path"),
        (&["http://localhost/"], "begins with a slash"),
        (&["/", "-H", "no-colon"], "'Accept: text/html'"),
        (&["/", "-H", "a b: c"], "'Accept: text/html'"),
        (&["/", "-X", "A B"], "METHOD"),
        (&["/", "-d", "@/missing/file"], "cannot read /missing/file"),
        (&["/", "-I", "-d", "x"], "cannot be used with"),
        (&[], "PATH"),
    ] {
        let ended = run(&[&["fetch"], args].concat());
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(expected), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_handler_that_cannot_be_built_is_reported_with_exit_code_1() {
    let ended = run_with(&["fetch", "/hello"], &[("PROBE_START", "fail")], b"");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("PROBE_START=fail"), "{ended:?}");
}

#[test]
fn a_cgi_program_does_not_read_its_arguments_as_a_command() {
    let vars = [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("PATH_INFO", "/hello"),
    ];
    let ended = run_with(&["fetch", "/error/429"], &vars, b"");
    assert!(ended.stdout.starts_with("Status: 200 OK\r\n"), "{ended:?}");
}
