//! Invalid requests, from clients and from web servers.

use super::{post, run};

#[test]
fn request_with_invalid_cgi_variables_gets_an_error_response_and_the_exit_status_is_0() {
    let long = [b"/", &b"a".repeat(70_000)[..]].concat();
    for (vars, status) in [
        (&[("REQUEST_METHOD", &b"G T"[..])][..], "400"),
        (&[("REQUEST_METHOD", b"")], "500"),
        (&[("CONTENT_LENGTH", b"abc")], "400"),
        (&[("CONTENT_LENGTH", b"-1")], "400"),
        (&[("CONTENT_LENGTH", b"+5")], "400"),
        (&[("CONTENT_LENGTH", b"99999999999999999999")], "400"),
        (&[("HTTP_HOST", b"u@a")], "400"),
        (&[("HTTP_HOST", b"a:99999")], "400"),
        (&[("REQUEST_URI", b"*")], "400"),
        (&[("PATH_INFO", &long)], "414"),
        (
            &[
                ("HTTP_TRANSFER_ENCODING", b"chunked"),
                ("SERVER_SOFTWARE", b"busybox httpd/1.35"),
            ],
            "411",
        ),
        (&[("ANYHOST_CGI_DEADLINE", b"soon")], "500"),
        // Unusual values that are valid, or that the adapter can ignore.
        (&[("REQUEST_METHOD", b"FOObar")], "405"),
        (&[("SERVER_PROTOCOL", b"HTTP/9")], "200"),
        (&[("SERVER_PORT", b"abc"), ("REMOTE_ADDR", b"foo")], "200"),
        (&[("PATH_INFO", b"hello")], "200"),
        (&[("HTTP_X", b"a\rb"), ("CONTENT_TYPE", b"a\x01")], "200"),
    ] {
        let mut all = vec![("PATH_INFO", &b"/hello"[..])];
        all.extend_from_slice(vars);
        let outcome = run(&all, b"");
        assert_eq!(outcome.status(), status, "{vars:?}: {outcome:?}");
        assert_eq!(outcome.code, Some(0), "{vars:?}: {outcome:?}");
    }
}

#[test]
fn body_shorter_than_content_length_is_a_400_and_bytes_beyond_it_are_ignored() {
    let short = post("/raw", &[("CONTENT_LENGTH", b"100")], b"hello");
    assert_eq!((short.status(), short.body()), ("400", "Invalid body"));
    let too_large = post("/raw", &[("CONTENT_LENGTH", b"99999999999")], b"hello");
    assert_eq!(too_large.status(), "413");
    let more = post("/limit/100", &[("CONTENT_LENGTH", b"5")], b"hello and more");
    assert_eq!(more.body(), "5");
}

#[test]
fn variables_that_are_not_utf8_reach_the_handler() {
    let outcome = run(
        &[
            ("PATH_INFO", b"/echo/\xFF"),
            ("HTTP_X_NAME", b"caf\xE9"),
            ("QUERY_STRING", b"q=\xFF"),
            ("REMOTE_USER", b"\xFF"),
        ],
        b"",
    );
    for part in [
        r#""path":"/echo/%FF""#,
        r#"["x-name","café"]"#,
        r#""query":"q=%FF""#,
    ] {
        assert!(outcome.body().contains(part), "{part}: {outcome:?}");
    }
    assert_eq!((outcome.log.as_str(), outcome.code), ("", Some(0)));
}

/// httpoxy (CVE-2016-5385): the header `Proxy` would become `HTTP_PROXY`, from which HTTP clients take the
/// address of their proxy.
#[test]
fn header_named_proxy_reaches_neither_the_handler_nor_the_environment() {
    let vars: &[(&str, &[u8])] = &[
        ("PATH_INFO", b"/echo"),
        ("HTTP_PROXY", b"http://evil.example"),
        ("HTTP_X", b"1"),
        ("PROBE_START", b"print"),
    ];
    let outcome = run(vars, b"");
    assert!(
        outcome.body().contains(r#""headers":[["x","1"]]"#),
        "{outcome:?}"
    );
    assert!(outcome.log.contains("HTTP_PROXY=None"), "{outcome:?}");
}
