//! Requests from environment variables (RFC 3875 §4.1).

use anyhost_cgi::Environment;
use anyhost_core::{Request, RequestExt};

use super::{inspect, run};

fn uri(request: &Request) -> String {
    request.uri().to_string()
}

/// All headers as lines, in alphabetical order.
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
async fn a_method_keeps_its_case_and_can_be_unknown() {
    let method = |request: &Request| request.method().to_string();
    for name in ["GET", "get", "PURGE", "X-y!"] {
        assert_eq!(inspect(method, &[("REQUEST_METHOD", name)]).await, name);
    }
    assert_eq!(
        inspect(method, &[("REQUEST_METHOD", "G T")]).await,
        "Status: 400 Bad Request"
    );
}

#[tokio::test]
async fn a_missing_method_is_a_500_and_an_invalid_method_is_a_400() {
    for method in ["", " "] {
        let status = if method.is_empty() { "500" } else { "400" };
        let response = inspect(uri, &[("REQUEST_METHOD", method)]).await;
        assert!(
            response.starts_with(&format!("Status: {status} ")),
            "{response}"
        );
    }
}

#[tokio::test]
async fn an_unknown_protocol_version_is_treated_as_http_1_0() {
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
        assert_eq!(inspect(version, &vars).await, expected, "{protocol}");
    }
}

#[tokio::test]
async fn the_query_comes_from_query_string_and_from_request_uri_only_if_query_string_is_missing() {
    for (vars, expected) in [
        (
            &[("REQUEST_URI", "/x?raw"), ("QUERY_STRING", "rewritten=1")][..],
            "/?rewritten=1",
        ),
        (&[("REQUEST_URI", "/x?a?b#c")], "/?a?b"),
        // QUERY_STRING is set, so its empty value is used.
        (&[("REQUEST_URI", "/x?a"), ("QUERY_STRING", "")], "/"),
        (&[("QUERY_STRING", "x=%&y=a+b&y=%20")], "/?x=%&y=a+b&y=%20"),
    ] {
        assert_eq!(inspect(uri, vars).await, expected, "{vars:?}");
    }
}

#[tokio::test]
async fn characters_that_are_invalid_in_a_uri_are_percent_encoded() {
    let vars = [("PATH_INFO", "/a b<c>\"é"), ("QUERY_STRING", "q=a b\"é")];
    assert_eq!(
        inspect(uri, &vars).await,
        "/a%20b%3Cc%3E%22%C3%A9?q=a%20b%22%C3%A9"
    );
}

#[tokio::test]
async fn a_uri_of_70000_bytes_is_a_414() {
    let long = format!("/{}", "a".repeat(70_000));
    assert_eq!(
        inspect(uri, &[("PATH_INFO", &long)]).await,
        "Status: 414 URI Too Long"
    );
}

#[tokio::test]
async fn an_asterisk_is_a_valid_target_only_for_options() {
    let target = |method| [("REQUEST_METHOD", method), ("REQUEST_URI", "*")];
    assert_eq!(inspect(uri, &target("OPTIONS")).await, "*");
    assert_eq!(
        inspect(uri, &target("GET")).await,
        "Status: 400 Bad Request"
    );
}

#[tokio::test]
async fn request_uri_cannot_change_the_host_name() {
    let vars = [
        ("REQUEST_URI", "@evil.example/x"),
        ("PATH_INFO", "/x"),
        ("HTTP_HOST", "a.example"),
    ];
    assert_eq!(inspect(uri, &vars).await, "/x");
    assert_eq!(inspect(host, &vars).await, "Some(\"a.example\")");
}

#[tokio::test]
async fn the_host_header_comes_from_http_host_and_from_server_name_only_if_http_host_is_missing() {
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
        // nginx passes the first name of its `server_name` directive, which can be a pattern.
        (&[("SERVER_NAME", "~^(www\\.)?x$")], "None"),
        (&[("SERVER_NAME", "_")], "None"),
        (&[("SERVER_NAME", "_"), ("SERVER_PORT", "8080")], "None"),
        (&[("SERVER_NAME", "--")], "None"),
        (&[("SERVER_NAME", "!@#")], "None"),
        (&[("SERVER_NAME", "*.a.example")], "None"),
        (&[("SERVER_NAME", ".a.example")], "None"),
        (&[("SERVER_NAME", "a.example.*")], "None"),
        (&[("SERVER_NAME", "a_b.example.")], "Some(\"a_b.example.\")"),
        (&[("SERVER_NAME", "192.0.2.1")], "Some(\"192.0.2.1\")"),
        (
            &[("HTTP_HOST", "user@a.example")],
            "Status: 400 Bad Request",
        ),
        (&[("HTTP_HOST", "a.example/x?")], "Status: 400 Bad Request"),
    ] {
        assert_eq!(inspect(host, vars).await, expected, "{vars:?}");
    }
}

#[tokio::test]
async fn header_values_are_not_changed() {
    let agent = "Mozilla/5.0 (KHTML, like Gecko) \"q\"";
    let since = "Sat, 29 Oct 1994 19:43:31 GMT";
    let vars = [
        ("HTTP_USER_AGENT", agent),
        ("HTTP_IF_MODIFIED_SINCE", since),
        // Apache joins repeated cookies with a comma, which can also be part of a value.
        ("HTTP_COOKIE", "a=1, b=2; c=\"3\""),
        // An empty header can have a meaning.
        ("HTTP_X_EMPTY", ""),
    ];
    let expected = "cookie: a=1, b=2; c=\\\"3\\\"\nif-modified-since: Sat, 29 Oct 1994 19:43:31 GMT\n\
                    user-agent: Mozilla/5.0 (KHTML, like Gecko) \\\"q\\\"\nx-empty: ";
    assert_eq!(inspect(headers, &vars).await, expected);
}

#[tokio::test]
async fn a_variable_that_cannot_be_a_header_is_ignored() {
    for value in ["a\rb", "a\nb", "a\u{1}b"] {
        for name in [
            "HTTP_A",
            "CONTENT_TYPE",
            "HTTP_CONTENT_TYPE",
            "HTTP_AUTHORIZATION",
            "REDIRECT_HTTP_AUTHORIZATION",
        ] {
            let vars = [(name, value), ("HTTP_X", "1")];
            assert_eq!(inspect(headers, &vars).await, "x: 1", "{name} {value:?}");
        }
    }
    let vars = [("HTTP_A@B", "1"), ("HTTP_", "2"), ("HTTP_X", "3")];
    assert_eq!(inspect(headers, &vars).await, "x: 3");
}

#[tokio::test]
async fn an_empty_variable_is_missing_if_its_header_has_no_meaning_without_a_value() {
    // RFC 3875 §4.1. Python's CGIHTTPRequestHandler sets the last three of these variables for every request.
    let vars = [
        ("HTTP_HOST", ""),
        ("HTTP_AUTHORIZATION", ""),
        ("HTTP_USER_AGENT", ""),
        ("HTTP_COOKIE", ""),
        ("HTTP_REFERER", ""),
        // RFC 9110 §12.5.3: an empty Accept-Encoding means that no content coding is acceptable.
        ("HTTP_ACCEPT_ENCODING", ""),
    ];
    assert_eq!(inspect(headers, &vars).await, "accept-encoding: ");
}

#[tokio::test]
async fn path_info_without_a_leading_slash_gets_a_leading_slash() {
    let vars = [
        ("SCRIPT_NAME", "/app"),
        ("PATH_INFO", "echo/x"),
        ("REQUEST_URI", "/app/echo/x"),
    ];
    assert_eq!(inspect(uri, &vars).await, "/echo/x");
}

#[tokio::test]
async fn a_rewrite_in_a_folder_keeps_the_raw_path_and_the_folder_as_base_path() {
    let path = |request: &Request| format!("{} {}", uri(request), request.context().base_path());
    let vars = [
        ("SCRIPT_NAME", "/shop/app.cgi"),
        ("PATH_INFO", "/echo/a,b/c"),
        ("REQUEST_URI", "/shop/echo/a%2Cb//c"),
    ];
    assert_eq!(inspect(path, &vars).await, "/echo/a%2Cb//c /shop");
}

#[tokio::test]
async fn hop_by_hop_headers_and_the_proxy_header_are_removed() {
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
    assert_eq!(inspect(headers, &vars).await, "x-a: 1");
}

#[tokio::test]
async fn the_case_of_a_variable_does_not_change_how_its_header_is_treated() {
    let vars = [
        ("HTTP_Proxy", "http://evil.example"),
        ("HTTP_content-length", "7"),
        ("HTTP_Content_Type", "text/wrong"),
        ("HTTP_Host", ""),
        ("HTTP_Keep-Alive", "1"),
        ("HTTP_X_a", "1"),
    ];
    assert_eq!(inspect(headers, &vars).await, "x-a: 1");
}

#[tokio::test]
async fn content_type_and_content_length_take_precedence_over_their_http_variables() {
    let vars = [
        ("CONTENT_TYPE", "text/plain"),
        ("CONTENT_LENGTH", "0"),
        ("HTTP_CONTENT_TYPE", "text/wrong"),
        ("HTTP_CONTENT_LENGTH", "7"),
    ];
    assert_eq!(
        inspect(headers, &vars).await,
        "content-length: 0\ncontent-type: text/plain"
    );
    // If the client did not send the headers, nginx sets empty variables. lighttpd sets CONTENT_LENGTH to 0 for
    // every GET.
    let vars = [("CONTENT_TYPE", ""), ("CONTENT_LENGTH", "")];
    assert_eq!(inspect(headers, &vars).await, "");
    let vars = [("REQUEST_METHOD", "GET"), ("CONTENT_LENGTH", "0")];
    assert_eq!(inspect(headers, &vars).await, "");
}

#[tokio::test]
async fn authorization_is_found_under_every_name_that_servers_use() {
    let authorization = |request: &Request| header("authorization")(request);
    for name in [
        "HTTP_AUTHORIZATION",
        "REDIRECT_HTTP_AUTHORIZATION",
        "REDIRECT_REDIRECT_HTTP_AUTHORIZATION",
        "Authorization",
        "X_HTTP_AUTHORIZATION",
    ] {
        let found = inspect(authorization, &[(name, "Basic eDp5")]).await;
        assert_eq!(found, "Some(\"Basic eDp5\")", "{name}");
    }
    let empty = [
        ("HTTP_AUTHORIZATION", ""),
        ("REDIRECT_HTTP_AUTHORIZATION", "Basic eDp5"),
    ];
    assert_eq!(inspect(authorization, &empty).await, "Some(\"Basic eDp5\")");
    let absent = [("HTTP_AUTHORIZATION", ""), ("REDIRECT_HTTP_X", "y")];
    assert_eq!(inspect(authorization, &absent).await, "None");
}

#[tokio::test]
async fn the_environment_is_an_extension_of_the_request_and_not_in_its_headers() {
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
        inspect(user, &vars).await,
        "[Some(\"ada\"), Some(\"/before\"), Some(\"CN=ada\")] "
    );
}

#[tokio::test]
async fn an_invalid_address_or_port_from_the_server_is_ignored() {
    let peer = |request: &Request| format!("{:?}", request.context().peer());
    let vars = [
        ("REMOTE_ADDR", "foo"),
        ("REMOTE_PORT", "abc"),
        ("SERVER_PORT", "abc"),
        ("SCRIPT_NAME", "no path"),
    ];
    assert_eq!(inspect(peer, &vars).await, "None");
    assert_eq!(
        inspect(peer, &[("REMOTE_ADDR", "192.0.2.1")]).await,
        "Some(192.0.2.1)"
    );
}

#[tokio::test]
async fn a_repeated_http_variable_becomes_a_repeated_header() {
    let target_and_headers = |request: &Request| format!("{} {}", uri(request), headers(request));
    let vars = [
        ("HTTP_X_FOO", "1"),
        ("HTTP_X_FOO", "2"),
        ("QUERY_STRING", "a"),
        ("QUERY_STRING", "b"),
    ];
    assert_eq!(
        inspect(target_and_headers, &vars).await,
        "/?a x-foo: 1\nx-foo: 2"
    );
}

#[tokio::test]
async fn more_headers_than_a_header_map_can_hold_are_a_431() {
    let names: Vec<_> = (0..40_000).map(|i| format!("HTTP_X_{i}")).collect();
    let vars: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let (response, _) = run(|| async { "reached" }, &vars, std::io::empty()).await;
    assert!(response.starts_with("Status: 431 "), "{response}");
}
