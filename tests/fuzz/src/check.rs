//! The rules that every request and every response must obey, on every host.

use anyhost_core::adapter::headers::{HOP_BY_HOP, content_length};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT, HOST, HeaderMap};
use http::request::Parts;
use http::{Method, StatusCode, Uri, Version};

/// Checks the rules for every request that reaches a handler.
pub fn check_admitted(request: &Parts) {
    let uri = &request.uri;
    assert!(
        uri.scheme().is_none() && uri.authority().is_none(),
        "{uri:?}"
    );
    let path = uri.path();
    let whole_server = path == "*" && request.method == Method::OPTIONS;
    assert!(path.starts_with('/') || whole_server, "{uri:?}");
    let target = uri.path_and_query().unwrap().as_str();
    assert!(target.bytes().all(|b| b.is_ascii_graphic()), "{target:?}");
    // A target that begins with two slashes is parsed as a path and never as an authority.
    let parsed = target.parse::<Uri>().unwrap();
    assert_eq!(
        (parsed.path(), parsed.query()),
        (path, uri.query()),
        "{target:?}"
    );
    let headers = &request.headers;
    assert!(headers.get_all(HOST).iter().count() <= 1);
    // RFC 9113 §8.2.3: browsers split the field over HTTP/2.
    assert!(headers.get_all(COOKIE).iter().count() <= 1);
    assert!(!headers.contains_key(EXPECT));
    let upgrade = request.version == Version::HTTP_11 && headers.contains_key("upgrade");
    for name in HOP_BY_HOP {
        let kept = match *name {
            "connection" | "upgrade" => upgrade,
            "te" => request.version == Version::HTTP_2,
            _ => false,
        };
        assert!(
            kept || !headers.contains_key(*name),
            "{name} reached the handler"
        );
    }
}

/// Checks the rules for every response. `body` is `None` if the response was aborted.
pub fn check_response(
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
    body: Option<&[u8]>,
) {
    assert!(!status.is_informational(), "{status}");
    let length = headers.get_all(CONTENT_LENGTH).iter().count();
    assert!(length <= 1, "{headers:?}");
    let declared = content_length(headers);
    assert_eq!(length == 1, declared.is_some(), "{headers:?}");
    if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        assert!(!headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(CONTENT_TYPE));
        assert_eq!(body, Some(&b""[..]));
    } else if *method == Method::HEAD || status == StatusCode::RESET_CONTENT {
        assert_eq!(body, Some(&b""[..]));
    } else if let (Some(declared), Some(body)) = (declared, body) {
        assert_eq!(declared, body.len() as u64);
    }
    for name in HOP_BY_HOP {
        // A server may send `Connection: close` to announce that it closes the connection.
        let close =
            *name == "connection" && headers.get(*name).is_some_and(|value| value == "close");
        assert!(
            close || !headers.contains_key(*name),
            "{name} in {headers:?}"
        );
    }
}

/// Splits the output of a CGI program into its status, headers and body, with the syntax of RFC 3875 §6.2.
pub fn split_output(output: &[u8]) -> (StatusCode, HeaderMap, &[u8]) {
    let end = output
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("expected an empty line after the head");
    let (head, body) = (&output[..end], &output[end + 4..]);
    let (mut status, mut headers) = (None, HeaderMap::new());
    for (index, line) in head.split(|&b| b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(
            !line.contains(&b'\r') && !line.contains(&0),
            "{:?}",
            line.escape_ascii()
        );
        if index == 0 {
            let line = line
                .strip_prefix(b"Status: ")
                .or(line.strip_prefix(b"HTTP/1.1 "));
            let line = line
                .or(output.strip_prefix(b"HTTP/1.0 "))
                .expect("expected the status in the first line");
            status = StatusCode::from_bytes(&line[..3]).ok();
            assert!(
                line[3] == b' ' && line.len() > 4,
                "the status has no reason phrase"
            );
            continue;
        }
        let colon = line
            .iter()
            .position(|&b| b == b':')
            .expect("expected a header in each line");
        let name =
            http::HeaderName::from_bytes(&line[..colon]).expect("expected a valid header name");
        let value = http::HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).unwrap();
        headers.append(name, value);
    }
    (status.expect("expected a status number"), headers, body)
}
