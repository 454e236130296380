//! How a handler reads a body, and what it is told of one that is wrong.

use anyhost::Body;
use futures_util::stream;
use serde_json::json;

use super::{BYTES, JSON, TEXT, echo, has_no, patterned, post, request, with};
use crate::capability::Need::*;
use crate::case::{Case, same};
use crate::received::Received;
use http::Method;

/// A body of these pieces, whose length nobody declares.
fn unknown(pieces: &'static [&'static str]) -> Body {
    Body::from_stream(stream::iter(
        pieces.iter().map(|piece| Ok::<_, std::io::Error>(*piece)),
    ))
}

fn multipart() -> &'static [u8] {
    b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\xC3\xA9.bin\"\r\n\r\n\
      --c\r\n\0\xFF--b\r\n--bb\r\n\r\n--b--\r\n"
}

pub(super) const CASES: &[Case] = &[
    Case::new("a form keeps repeated keys").sends(
        || {
            let form = post("/form", "k=v1&k=v+2&%C3%A9=%26");
            with(form, "content-type", "application/x-www-form-urlencoded")
        },
        |reply, _| {
            same(
                &reply.json()?,
                &json!({"k": ["v1", "v 2"], "é": ["&"]}),
                "body",
            )
        },
    ),
    Case::new("an empty body is empty, and not missing")
        .needs(&[BodilessPost])
        .sends(
            || post("/echo", ""),
            |reply, _| {
                let body = json!({"length": 0, "base64": ""});
                same(&echo(reply)?["body"], &body, "body")
            },
        ),
    Case::new("a body whose length is declared as 0 is empty").sends(
        || with(post("/raw", ""), "content-length", "0"),
        |reply, _| {
            reply
                .is(200, Some(BYTES), b"")
                .or_else(|_| reply.is(200, None, b""))
        },
    ),
    Case::new("a GET can have a body").needs(&[GetBody]).sends(
        || request(Method::GET, "/echo", "hi"),
        |reply, _| same(&echo(reply)?["body"]["base64"], &json!("aGk="), "body"),
    ),
    Case::new("bytes come back as they went").sends(
        || with(post("/raw", patterned(256)), "content-type", "image/png"),
        |reply, _| reply.is(200, Some("image/png"), &patterned(256)),
    ),
    Case::new("a body without a type comes back as bytes").sends(
        || post("/raw", "x"),
        |reply, _| reply.is(200, Some(BYTES), b"x"),
    ),
    Case::new("a length is counted in bytes, and not in letters").sends(
        || post("/text", "あé"),
        |reply, _| reply.is(200, Some(TEXT), "あé".as_bytes()),
    ),
    Case::new("a body of unknown length arrives whole")
        .needs(&[UnknownLength])
        .sends(
            || post("/raw", unknown(&["one ", "", "two"])),
            |reply, _| reply.is(200, Some(BYTES), b"one two"),
        ),
    Case::new("an unknown length is unknown, or counted")
        .needs(&[UnknownLength])
        .unlike()
        .sends(
            || post("/echo", unknown(&["one ", "two"])),
            |reply, _| {
                has_no(reply, "transfer-encoding")?;
                let seen = echo(reply)?;
                match super::values(&seen, "content-length")[..] {
                    [] | ["7"] => same(&seen["body"]["length"], &json!(7), "length"),
                    ref lengths => Err(format!("content-length: {lengths:?}")),
                }
            },
        ),
    Case::new("a limit holds for a body of unknown length")
        .needs(&[UnknownLength])
        .sends(
            || post("/limit/4", unknown(&["hel", "lo"])),
            |reply, _| reply.is(413, Some(TEXT), b"Body exceeded 4b limit"),
        ),
    Case::new("a body can be read twice").sends(
        || post("/twice", "[1]"),
        |reply, _| same(&reply.json()?, &json!({"same": true}), "body"),
    ),
    Case::new("a body of just the limit is read").sends(
        || post("/limit/5", "hello"),
        |reply, _| reply.is(200, Some(TEXT), b"5"),
    ),
    Case::new("one byte over the limit is a 413").sends(
        || post("/limit/4", "hello"),
        |reply, _| reply.is(413, Some(TEXT), b"Body exceeded 4b limit"),
    ),
    Case::new("JSON is read and written").sends(
        || post("/json", r#"{"a": [1, "é"]}"#),
        |reply, _| {
            same(
                &reply.json()?,
                &json!({"received": {"a": [1, "é"]}}),
                "body",
            )?;
            reply.has_header("content-type", JSON)
        },
    ),
    Case::new("broken JSON is a 400").sends(|| post("/json", "{"), invalid_json),
    Case::new("JSON that is no UTF-8 is a 400")
        .needs(&[UntypedBytes])
        .sends(|| post("/json", &b"\"\xFF\""[..]), invalid_json),
    Case::new("no JSON at all is a 400")
        .needs(&[BodilessPost])
        .sends(|| post("/json", ""), invalid_json),
    Case::new("text is decoded by its charset")
        .needs(&[TextBytes])
        .sends(
            || {
                let text = post("/text", &b"caf\xE9"[..]);
                with(text, "content-type", "text/plain; charset=iso-8859-1")
            },
            |reply, _| reply.is(200, Some(TEXT), "café".as_bytes()),
        ),
    Case::new("text of the wrong charset is a 400")
        .needs(&[TextBytes])
        .sends(
            || {
                with(
                    post("/text", &b"\xFF\xFD\xFE"[..]),
                    "content-type",
                    "text/plain",
                )
            },
            |reply, _| reply.is(400, Some(TEXT), b"Invalid body"),
        ),
    Case::new("a multipart body is not touched").sends(
        || {
            let kind = "multipart/form-data; boundary=b";
            with(post("/raw", multipart()), "content-type", kind)
        },
        |reply, _| reply.is(200, Some("multipart/form-data; boundary=b"), multipart()),
    ),
    Case::new("a compressed body is not touched")
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
            |reply, _| reply.is(200, Some("text/plain"), b"\x1f\x8b\x08\x00not really\xff"),
        ),
];

fn invalid_json(reply: &Received, _: &crate::Profile) -> crate::Check {
    reply.is(400, Some(TEXT), b"Invalid JSON")
}
