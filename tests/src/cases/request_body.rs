//! How handlers read request bodies, and the responses to invalid bodies.

use anyhost::Body;
use futures_util::stream;
use serde_json::json;

use super::{BYTES, JSON, TEXT, echo, has_no, patterned, post, request, with};
use crate::capability::Need::*;
use crate::case::{Case, same};
use crate::received::Received;
use http::Method;

/// A body of these chunks, without a declared length.
fn unknown(chunks: &'static [&'static str]) -> Body {
    Body::from_stream(stream::iter(
        chunks.iter().map(|chunk| Ok::<_, std::io::Error>(*chunk)),
    ))
}

fn multipart() -> &'static [u8] {
    b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\xC3\xA9.bin\"\r\n\r\n\
      --c\r\n\0\xFF--b\r\n--bb\r\n\r\n--b--\r\n"
}

pub(super) const CASES: &[Case] = &[
    Case::new("a form keeps all values of a repeated key").sends(
        || {
            let form = post("/form", "k=v1&k=v+2&%C3%A9=%26");
            with(form, "content-type", "application/x-www-form-urlencoded")
        },
        |response, _| {
            same(
                &response.json()?,
                &json!({"k": ["v1", "v 2"], "é": ["&"]}),
                "body",
            )
        },
    ),
    Case::new("a request without a body has an empty body")
        .needs(&[BodilessPost])
        .sends(
            || post("/echo", ""),
            |response, _| {
                let body = json!({"length": 0, "base64": ""});
                same(&echo(response)?["body"], &body, "body")
            },
        ),
    Case::new("a request with Content-Length 0 has an empty body").sends(
        || with(post("/raw", ""), "content-length", "0"),
        |response, _| {
            response
                .is(200, Some(BYTES), b"")
                .or_else(|_| response.is(200, None, b""))
        },
    ),
    Case::new("a GET request can have a body")
        .needs(&[GetBody])
        .sends(
            || request(Method::GET, "/echo", "hi"),
            |response, _| same(&echo(response)?["body"]["base64"], &json!("aGk="), "body"),
        ),
    Case::new("a body with all byte values is unchanged").sends(
        || with(post("/raw", patterned(256)), "content-type", "image/png"),
        |response, _| response.is(200, Some("image/png"), &patterned(256)),
    ),
    Case::new("a body without Content-Type is echoed as application/octet-stream").sends(
        || post("/raw", "x"),
        |response, _| response.is(200, Some(BYTES), b"x"),
    ),
    Case::new("the length of a body is counted in bytes, not characters").sends(
        || post("/text", "あé"),
        |response, _| response.is(200, Some(TEXT), "あé".as_bytes()),
    ),
    Case::new("a body of unknown length is received completely")
        .needs(&[UnknownLength])
        .sends(
            || post("/raw", unknown(&["one ", "", "two"])),
            |response, _| response.is(200, Some(BYTES), b"one two"),
        ),
    Case::new("a body of unknown length has either no Content-Length or the correct one")
        .needs(&[UnknownLength])
        .host_specific()
        .sends(
            || post("/echo", unknown(&["one ", "two"])),
            |response, _| {
                has_no(response, "transfer-encoding")?;
                let seen = echo(response)?;
                match super::values(&seen, "content-length")[..] {
                    [] | ["7"] => same(&seen["body"]["length"], &json!(7), "length"),
                    ref lengths => Err(format!("content-length: got {lengths:?}, want none or 7")),
                }
            },
        ),
    Case::new("a body of unknown length is rejected with 413 above the limit")
        .needs(&[UnknownLength])
        .sends(
            || post("/limit/4", unknown(&["hel", "lo"])),
            |response, _| response.is(413, Some(TEXT), b"Body exceeded 4 limit"),
        ),
    Case::new("a body can be read twice").sends(
        || post("/twice", "[1]"),
        |response, _| same(&response.json()?, &json!({"same": true}), "body"),
    ),
    Case::new("a body exactly as long as the limit is accepted").sends(
        || post("/limit/5", "hello"),
        |response, _| response.is(200, Some(TEXT), b"5"),
    ),
    Case::new("a body one byte longer than the limit is rejected with 413").sends(
        || post("/limit/4", "hello"),
        |response, _| response.is(413, Some(TEXT), b"Body exceeded 4 limit"),
    ),
    Case::new("JSON in a request is parsed and JSON in a response is written").sends(
        || post("/json", r#"{"a": [1, "é"]}"#),
        |response, _| {
            same(
                &response.json()?,
                &json!({"received": {"a": [1, "é"]}}),
                "body",
            )?;
            response.has_header("content-type", JSON)
        },
    ),
    Case::new("invalid JSON is rejected with 400").sends(|| post("/json", "{"), invalid_json),
    Case::new("JSON that is not UTF-8 is rejected with 400")
        .needs(&[UntypedBytes])
        .sends(|| post("/json", &b"\"\xFF\""[..]), invalid_json),
    Case::new("an empty body read as JSON is rejected with 400")
        .needs(&[BodilessPost])
        .sends(|| post("/json", ""), invalid_json),
    Case::new("text is decoded with the charset of its Content-Type")
        .needs(&[TextBytes])
        .sends(
            || {
                let text = post("/text", &b"caf\xE9"[..]);
                with(text, "content-type", "text/plain; charset=iso-8859-1")
            },
            |response, _| response.is(200, Some(TEXT), "café".as_bytes()),
        ),
    Case::new("text that is invalid in its charset is rejected with 400")
        .needs(&[TextBytes])
        .sends(
            || {
                with(
                    post("/text", &b"\xFF\xFD\xFE"[..]),
                    "content-type",
                    "text/plain",
                )
            },
            |response, _| response.is(400, Some(TEXT), b"Invalid body"),
        ),
    Case::new("a multipart body is unchanged").sends(
        || {
            let kind = "multipart/form-data; boundary=b";
            with(post("/raw", multipart()), "content-type", kind)
        },
        |response, _| response.is(200, Some("multipart/form-data; boundary=b"), multipart()),
    ),
    Case::new("a compressed body is unchanged")
        .needs(&[EncodedBody])
        .sends(
            || {
                let gzip = post("/raw", &b"\x1f\x8b\x08\x00not really\xff"[..]);
                with(
                    with(gzip, "content-encoding", "gzip"),
                    "content-type",
                    "text/plain",
                )
            },
            |response, _| response.is(200, Some("text/plain"), b"\x1f\x8b\x08\x00not really\xff"),
        ),
];

fn invalid_json(response: &Received, _: &crate::Profile) -> crate::Check {
    response.is(400, Some(TEXT), b"Invalid JSON")
}
