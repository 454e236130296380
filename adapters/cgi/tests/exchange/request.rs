//! From the environment to a request (RFC 3875 §4.1).

use anyhost_cgi::Environment;
use anyhost_core::{Request, RequestExt};

use super::{run, seen};

fn uri(request: &Request) -> String {
    request.uri().to_string()
}

/// All headers, in alphabetical order, as lines.
fn headers(request: &Request) -> String {
    let mut lines: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii()))
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn header(name: &'static str) -> impl Fn(&Request) -> String {
    move |request| format!("{:?}", request.headers().get(name))
}

fn host(request: &Request) -> String {
    header("host")(request)
}

#[tokio::test]
async fn a_method_keeps_its_case_and_need_not_be_registered() {
    let method = |request: &Request| request.method().to_string();
    for name in ["GET", "get", "PURGE", "X-y!"] {
        assert_eq!(seen(method, &[("REQUEST_METHOD", name)]).await, name);
    }
    assert_eq!(
        seen(method, &[("REQUEST_METHOD", "G T")]).await,
        "Status: 400 Bad Request"
    );
}

#[tokio::test]
async fn a_missing_method_is_the_servers_fault() {
    for method in ["", " "] {
        let status = if method.is_empty() { "500" } else { "400" };
        let reply = seen(uri, &[("REQUEST_METHOD", method)]).await;
        assert!(reply.starts_with(&format!("Status: {status} ")), "{reply}");
    }
}

#[tokio::test]
async fn a_version_that_nobody_knows_is_the_oldest() {
    let version = |request: &Request| format!("{:?}", request.version());
    for (protocol, expected) in [
        ("HTTP/1.1", "HTTP/1.1"),
        ("HTTP/1.0", "HTTP/1.0"),
        ("HTTP/2", "HTTP/2.0"),
        ("HTTP/2.0", "HTTP/2.0"),
        ("HTTP/3", "HTTP/3.0"),
        ("HTTP/3.0", "HTTP/3.0"),
        ("INCLUDED", "HTTP/1.0"),
        ("", "HTTP/1.0"),
        ("HTTP/9", "HTTP/1.0"),
    ] {
        let vars = [("SERVER_PROTOCOL", protocol)];
        assert_eq!(seen(version, &vars).await, expected, "{protocol}");
    }
}

#[tokio::test]
async fn the_query_is_that_of_the_server_or_else_of_the_uri() {
    for (vars, expected) in [
        (
            &[("REQUEST_URI", "/x?raw"), ("QUERY_STRING", "rewritten=1")][..],
            "/?rewritten=1",
        ),
        (&[("REQUEST_URI", "/x?a?b#c")], "/?a?b"),
        // RFC 3875 §4.1: an empty variable is as good as none.
        (&[("REQUEST_URI", "/x?a"), ("QUERY_STRING", "")], "/"),
        (&[("QUERY_STRING", "x=%&y=a+b&y=%20")], "/?x=%&y=a+b&y=%20"),
    ] {
        assert_eq!(seen(uri, vars).await, expected, "{vars:?}");
    }
}

#[tokio::test]
async fn what_a_uri_cannot_hold_is_encoded() {
    let vars = [("PATH_INFO", "/a b<c>\"é"), ("QUERY_STRING", "q=a b\"é")];
    assert_eq!(
        seen(uri, &vars).await,
        "/a%20b%3Cc%3E%22%C3%A9?q=a%20b%22%C3%A9"
    );
}

#[tokio::test]
async fn a_uri_too_long_for_its_type_is_a_414() {
    let long = format!("/{}", "a".repeat(70_000));
    assert_eq!(
        seen(uri, &[("PATH_INFO", &long)]).await,
        "Status: 414 URI Too Long"
    );
}

#[tokio::test]
async fn an_asterisk_is_a_target_for_options_only() {
    let target = |method| [("REQUEST_METHOD", method), ("REQUEST_URI", "*")];
    assert_eq!(seen(uri, &target("OPTIONS")).await, "*");
    assert_eq!(seen(uri, &target("GET")).await, "Status: 400 Bad Request");
}

#[tokio::test]
async fn a_target_of_another_host_is_only_a_path() {
    let vars = [
        ("REQUEST_URI", "@evil.example/x"),
        ("PATH_INFO", "/x"),
        ("HTTP_HOST", "a.example"),
    ];
    assert_eq!(seen(uri, &vars).await, "/x");
    assert_eq!(seen(host, &vars).await, "Some(\"a.example\")");
}

#[tokio::test]
async fn the_host_is_the_clients_word_or_else_the_servers_name() {
    for (vars, expected) in [
        (
            &[("HTTP_HOST", "a.example:81"), ("SERVER_NAME", "b.example")][..],
            "Some(\"a.example:81\")",
        ),
        (&[("SERVER_NAME", "b.example")], "Some(\"b.example\")"),
        (
            &[("SERVER_NAME", "b.example"), ("SERVER_PORT", "8080")],
            "Some(\"b.example:8080\")",
        ),
        (
            &[("SERVER_NAME", "b.example"), ("SERVER_PORT", "443")],
            "Some(\"b.example\")",
        ),
        (
            &[("SERVER_NAME", "b.example"), ("SERVER_PORT", "abc")],
            "Some(\"b.example\")",
        ),
        (
            &[("SERVER_NAME", "::1"), ("SERVER_PORT", "81")],
            "Some(\"[::1]:81\")",
        ),
        (&[("SERVER_NAME", "[::1]")], "Some(\"[::1]\")"),
        (&[("HTTP_HOST", ""), ("SERVER_NAME", "")], "None"),
        // nginx passes the pattern that it matched names with.
        (&[("SERVER_NAME", "~^(www\\.)?x$")], "None"),
        (
            &[("HTTP_HOST", "user@a.example")],
            "Status: 400 Bad Request",
        ),
        (&[("HTTP_HOST", "a.example/x?")], "Status: 400 Bad Request"),
    ] {
        assert_eq!(seen(host, vars).await, expected, "{vars:?}");
    }
}

#[tokio::test]
async fn values_are_neither_split_nor_trimmed_of_their_bytes() {
    let agent = "Mozilla/5.0 (KHTML, like Gecko) \"q\"";
    let since = "Sat, 29 Oct 1994 19:43:31 GMT";
    let vars = [
        ("HTTP_USER_AGENT", agent),
        ("HTTP_IF_MODIFIED_SINCE", since),
        // Joined by Apache, and not ours to take apart.
        ("HTTP_COOKIE", "a=1, b=2; c=\"3\""),
        // A client may send an empty header, and may mean it.
        ("HTTP_X_EMPTY", ""),
    ];
    let expected = "cookie: a=1, b=2; c=\\\"3\\\"\nif-modified-since: Sat, 29 Oct 1994 19:43:31 GMT\n\
                    user-agent: Mozilla/5.0 (KHTML, like Gecko) \\\"q\\\"\nx-empty: ";
    assert_eq!(seen(headers, &vars).await, expected);
}

#[tokio::test]
async fn a_value_with_a_line_break_is_a_400_and_a_name_that_is_none_is_skipped() {
    for value in ["a\rb", "a\nb", "a\u{1}b"] {
        let reply = seen(headers, &[("HTTP_X", value)]).await;
        assert_eq!(reply, "Status: 400 Bad Request", "{value:?}");
    }
    let vars = [("HTTP_A@B", "1"), ("HTTP_", "2"), ("HTTP_X", "3")];
    assert_eq!(seen(headers, &vars).await, "x: 3");
}

#[tokio::test]
async fn headers_of_the_connection_and_a_proxy_header_are_none() {
    let vars = [
        ("HTTP_TRANSFER_ENCODING", "chunked"),
        ("HTTP_CONNECTION", "close"),
        ("HTTP_KEEP_ALIVE", "1"),
        ("HTTP_TE", "trailers"),
        ("HTTP_UPGRADE", "websocket"),
        ("HTTP_PROXY_CONNECTION", "close"),
        ("HTTP_EXPECT", "100-continue"),
        ("HTTP_PROXY", "http://evil.example"),
        ("HTTP_X_A", "1"),
    ];
    assert_eq!(seen(headers, &vars).await, "x-a: 1");
}

#[tokio::test]
async fn type_and_length_are_the_servers_word_and_said_once() {
    let vars = [
        ("CONTENT_TYPE", "text/plain"),
        ("CONTENT_LENGTH", "0"),
        ("HTTP_CONTENT_TYPE", "text/wrong"),
        ("HTTP_CONTENT_LENGTH", "7"),
    ];
    assert_eq!(
        seen(headers, &vars).await,
        "content-length: 0\ncontent-type: text/plain"
    );
    // nginx sets them empty if the client did not, lighttpd sets a length of 0 for every GET.
    let vars = [("CONTENT_TYPE", ""), ("CONTENT_LENGTH", "")];
    assert_eq!(seen(headers, &vars).await, "");
    let vars = [("REQUEST_METHOD", "GET"), ("CONTENT_LENGTH", "0")];
    assert_eq!(seen(headers, &vars).await, "");
}

#[tokio::test]
async fn an_authorization_that_a_redirect_renamed_is_found() {
    let authorization = |request: &Request| header("authorization")(request);
    for name in [
        "HTTP_AUTHORIZATION",
        "REDIRECT_HTTP_AUTHORIZATION",
        "REDIRECT_REDIRECT_HTTP_AUTHORIZATION",
        "Authorization",
        "X_HTTP_AUTHORIZATION",
    ] {
        let found = seen(authorization, &[(name, "Basic eDp5")]).await;
        assert_eq!(found, "Some(\"Basic eDp5\")", "{name}");
    }
    let empty = [
        ("HTTP_AUTHORIZATION", ""),
        ("REDIRECT_HTTP_AUTHORIZATION", "Basic eDp5"),
    ];
    assert_eq!(seen(authorization, &empty).await, "Some(\"Basic eDp5\")");
    let not = [("HTTP_AUTHORIZATION", ""), ("REDIRECT_HTTP_X", "y")];
    assert_eq!(seen(authorization, &not).await, "None");
}

#[tokio::test]
async fn variables_of_the_server_are_at_hand_and_no_headers() {
    let user = |request: &Request| {
        let vars = request.extensions().get::<Environment>().unwrap();
        let names = ["REMOTE_USER", "REDIRECT_URL", "SSL_CLIENT_S_DN"];
        format!(
            "{:?} {}",
            names.map(|name| vars.get(name)),
            headers(request)
        )
    };
    let vars = [
        ("REMOTE_USER", "ada"),
        ("REDIRECT_URL", "/before"),
        ("REDIRECT_STATUS", "200"),
        ("SSL_CLIENT_S_DN", "CN=ada"),
        ("AUTH_TYPE", "Basic"),
    ];
    assert_eq!(
        seen(user, &vars).await,
        "[Some(\"ada\"), Some(\"/before\"), Some(\"CN=ada\")] "
    );
}

#[tokio::test]
async fn values_that_the_server_got_wrong_are_not_the_clients_fault() {
    let peer = |request: &Request| format!("{:?}", request.context().peer());
    let vars = [
        ("REMOTE_ADDR", "foo"),
        ("REMOTE_PORT", "abc"),
        ("SERVER_PORT", "abc"),
        ("SCRIPT_NAME", "no path"),
    ];
    assert_eq!(seen(peer, &vars).await, "None");
    assert_eq!(
        seen(peer, &[("REMOTE_ADDR", "192.0.2.1")]).await,
        "Some(192.0.2.1)"
    );
}

#[tokio::test]
async fn a_repeated_variable_is_a_repeated_header_and_nothing_else() {
    let look = |request: &Request| format!("{} {}", uri(request), headers(request));
    let vars = [
        ("HTTP_X_FOO", "1"),
        ("HTTP_X_FOO", "2"),
        ("QUERY_STRING", "a"),
        ("QUERY_STRING", "b"),
    ];
    assert_eq!(seen(look, &vars).await, "/?a x-foo: 1\nx-foo: 2");
}

#[tokio::test]
async fn too_many_headers_are_a_431() {
    let names: Vec<_> = (0..40_000).map(|i| format!("HTTP_X_{i}")).collect();
    let vars: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let (reply, _) = run(|| async { "reached" }, &vars, std::io::empty()).await;
    assert!(reply.starts_with("Status: 431 "), "{reply}");
}
