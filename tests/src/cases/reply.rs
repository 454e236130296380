//! What a reply is made of, and the rules for statuses and methods that have no body.

use http::Method;
use serde_json::json;

use super::{BYTES, JSON, TEXT, described, get, patterned, pieces, request};
use crate::capability::Need::*;
use crate::case::{Case, same};
use crate::received::Received;

pub(super) const CASES: &[Case] = &[
    Case::new("hello is a text of known length").sends(
        || get("/hello"),
        |reply, _| {
            let lengths = reply.headers.get_all("content-length").iter().count();
            same(&(lengths <= 1), &true, "one length at most")?;
            reply.is(200, Some(TEXT), b"Hello, world!")
        },
    ),
    Case::new("a number is JSON").sends(
        || get("/number"),
        |reply, _| reply.is(200, Some(JSON), b"4"),
    ),
    Case::new("an object is JSON").sends(
        || get("/object"),
        |reply, _| reply.is(200, Some(JSON), br#"{"a":"b"}"#),
    ),
    Case::new("bytes are not text").sends(
        || get("/bytes"),
        |reply, _| {
            let all: Vec<u8> = (0..=255).collect();
            reply.is(200, Some(BYTES), &all)
        },
    ),
    Case::new("an empty reply is empty")
        .sends(|| get("/empty"), |reply, _| reply.is(200, None, b"")),
    Case::new("nothing is a 204").sends(|| get("/null"), |reply, _| reply.is(204, None, b"")),
    Case::new("a type that the handler set survives").sends(
        || get("/html"),
        |reply, _| reply.is(200, Some("text/html"), b"<b>hi</b>"),
    ),
    Case::new("bytes without a type are never taken for HTML").sends(
        || pieces(json!({"whole": true}), &["<script>alert(1)</script>"]),
        |reply, _| reply.is(200, Some(BYTES), b"<script>alert(1)</script>"),
    ),
    Case::new("every registered status gets through").tells(|transport| {
        Box::pin(async move {
            for code in [
                200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 404, 405, 409,
                413, 418, 422, 429, 500, 501, 502, 503, 504,
            ] {
                let reply = transport.send(get(&format!("/status/{code}"))).await?;
                Received::read(reply).await.has_status(code)?;
            }
            Ok(())
        })
    }),
    Case::new("so does one that nobody registered")
        .needs(&[AnyStatus])
        .sends(|| get("/status/599"), |reply, _| reply.is(599, None, b"")),
    Case::new("even if it means success")
        .needs(&[AnyStatus])
        .sends(|| get("/status/299"), |reply, _| reply.is(299, None, b"")),
    Case::new("an informational status is a 500").sends(
        || get("/status/101"),
        |reply, _| reply.is(500, Some(TEXT), b"Internal Server Error"),
    ),
    Case::new("a status that is none is the client's mistake here").sends(
        || get("/status/1000"),
        |reply, _| reply.is(400, Some(TEXT), b"No such status"),
    ),
    Case::new("a 304 has no body")
        .sends(|| get("/status/304"), |reply, _| reply.is(304, None, b"")),
    Case::new("a 204 has no body, even if the handler gave one").sends(
        || {
            let headers = json!([["content-type", "text/html"], ["x-a", "1"]]);
            pieces(
                json!({"status": 204, "headers": headers}),
                &["not", " empty"],
            )
        },
        |reply, _| {
            reply.has_header("x-a", "1")?;
            reply.has_no_header("content-length")?;
            reply.is(204, None, b"")
        },
    ),
    Case::new("nor has a 304, or anything that describes one").sends(
        || {
            let headers = json!([["content-type", "text/html"], ["etag", "\"1\""]]);
            pieces(
                json!({"status": 304, "headers": headers, "whole": true}),
                &["not empty"],
            )
        },
        |reply, _| {
            reply.has_header("etag", "\"1\"")?;
            reply.is(304, None, b"")
        },
    ),
    Case::new("a 205 has no body").sends(
        || pieces(json!({"status": 205}), &["not empty"]),
        |reply, _| reply.is(205, None, b""),
    ),
    Case::new("what looks like a head in a body is body").sends(
        || {
            pieces(
                json!({"whole": true}),
                &["Foo: Bar\r\n\r\nStatus: 404\r\n\r\n"],
            )
        },
        |reply, _| reply.is(200, Some(BYTES), b"Foo: Bar\r\n\r\nStatus: 404\r\n\r\n"),
    ),
    Case::new("line breaks are not mended").sends(
        || pieces(json!({"whole": true}), &["a\nb\r\nc\r"]),
        |reply, _| reply.is(200, Some(BYTES), b"a\nb\r\nc\r"),
    ),
    Case::new("a NUL is a byte like any other").sends(
        || pieces(json!({"whole": true}), &["a\0b", "\0"]),
        |reply, _| reply.is(200, Some(BYTES), b"a\0b\0"),
    ),
    Case::new("14,750 bytes arrive whole").sends(
        || get("/large/14750"),
        |reply, _| reply.is(200, Some(BYTES), "x".repeat(14_750).as_bytes()),
    ),
    Case::new("a megabyte arrives whole").sends(
        || get("/large/1000000"),
        |reply, _| reply.is(200, Some(BYTES), "x".repeat(1_000_000).as_bytes()),
    ),
    Case::new("two megabytes arrive whole")
        .needs(&[LargeReply])
        .sends(
            || get("/large/2000000"),
            |reply, _| reply.is(200, Some(BYTES), "x".repeat(2_000_000).as_bytes()),
        ),
    Case::new("256 KB of bytes come back").sends(
        || {
            super::with(
                super::post("/raw", patterned(256 * 1024)),
                "content-type",
                BYTES,
            )
        },
        |reply, _| reply.is(200, Some(BYTES), &patterned(256 * 1024)),
    ),
    Case::new("a wrong length for a body in memory is mended").sends(
        || {
            let headers = json!([["content-length", "3"]]);
            pieces(json!({"headers": headers, "whole": true}), &["four"])
        },
        |reply, _| reply.is(200, Some(BYTES), b"four"),
    ),
    Case::new("a stream that is longer than it said ends where it said, cut")
        .needs(&[CutAtLength])
        .sends(
            || pieces(json!({"headers": [["content-length", "3"]]}), &["fo", "ur"]),
            |reply, _| {
                same(&&reply.body[..], &&b"fou"[..], "body")?;
                same(&reply.cut, &true, "cut")
            },
        ),
    Case::new("a stream that is shorter than it said is cut")
        .needs(&[CutOfKnownLength])
        .sends(
            || pieces(json!({"headers": [["content-length", "9"]]}), &["first"]),
            |reply, _| {
                same(&&reply.body[..], &&b"first"[..], "body")?;
                same(&reply.cut, &true, "cut")
            },
        ),
    Case::new("HEAD is GET without its body").sends(
        || request(Method::HEAD, "/hello", ""),
        |reply, _| reply.is(200, Some(TEXT), b""),
    ),
    Case::new("HEAD declares the length that GET would have")
        .needs(&[HeadLength])
        .sends(
            || request(Method::HEAD, "/large/1000", ""),
            |reply, _| {
                reply.has_header("content-length", "1000")?;
                reply.is(200, Some(BYTES), b"")
            },
        ),
    Case::new("HEAD of a stream has no body").sends(
        || request(Method::HEAD, "/stream", ""),
        |reply, _| reply.is(200, Some(BYTES), b""),
    ),
    Case::new("HEAD of an error has no body").sends(
        || request(Method::HEAD, "/nowhere", ""),
        |reply, _| reply.is(404, Some(TEXT), b""),
    ),
    Case::new("a reply to POST may be described in full").sends(
        || {
            let headers = json!([["retry-after", "5"], ["content-type", TEXT]]);
            let mut description = json!({"status": 503, "headers": headers, "whole": true});
            description["chunks"] = json!(["YnVzeQ=="]);
            described(description)
        },
        |reply, _| {
            reply.has_header("retry-after", "5")?;
            reply.is(503, Some(TEXT), b"busy")
        },
    ),
];
