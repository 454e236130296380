//! How the return value of a handler becomes a response, and the rules for responses without a body.

use http::Method;
use serde_json::json;

use super::{BYTES, JSON, TEXT, chunks, described, get, patterned, request};
use crate::capability::Need::*;
use crate::case::{Case, same};
use crate::received::Received;

pub(super) const CASES: &[Case] = &[
    Case::new("a string becomes text/plain with at most one Content-Length").sends(
        || get("/hello"),
        |response, _| {
            let lengths = response.headers.get_all("content-length").iter().count();
            same(&(lengths <= 1), &true, "at most one Content-Length")?;
            response.is(200, Some(TEXT), b"Hello, world!")
        },
    ),
    Case::new("a number becomes JSON").sends(
        || get("/number"),
        |response, _| response.is(200, Some(JSON), b"4"),
    ),
    Case::new("a JSON value becomes JSON").sends(
        || get("/object"),
        |response, _| response.is(200, Some(JSON), br#"{"a":"b"}"#),
    ),
    Case::new("a vector of bytes becomes application/octet-stream").sends(
        || get("/bytes"),
        |response, _| {
            let all: Vec<u8> = (0..=255).collect();
            response.is(200, Some(BYTES), &all)
        },
    ),
    Case::new("a status without a body becomes an empty response")
        .sends(|| get("/empty"), |response, _| response.is(200, None, b"")),
    Case::new("the unit value becomes a 204")
        .sends(|| get("/null"), |response, _| response.is(204, None, b"")),
    Case::new("a Content-Type set by the handler is unchanged").sends(
        || get("/html"),
        |response, _| response.is(200, Some("text/html"), b"<b>hi</b>"),
    ),
    Case::new("a body without Content-Type is never labelled as HTML").sends(
        || chunks(json!({"whole": true}), &["<script>alert(1)</script>"]),
        |response, _| response.is(200, Some(BYTES), b"<script>alert(1)</script>"),
    ),
    Case::new("registered status codes are unchanged").scenario(|transport| {
        Box::pin(async move {
            for code in [
                200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 404, 405, 409,
                413, 418, 422, 429, 500, 501, 502, 503, 504,
            ] {
                let response = transport.send(get(&format!("/status/{code}"))).await?;
                Received::read(response).await.has_status(code)?;
            }
            Ok(())
        })
    }),
    Case::new("the unregistered status 599 is unchanged")
        .needs(&[AnyStatus])
        .sends(
            || get("/status/599"),
            |response, _| response.is(599, None, b""),
        ),
    Case::new("the unregistered status 299 is unchanged")
        .needs(&[AnyStatus])
        .sends(
            || get("/status/299"),
            |response, _| response.is(299, None, b""),
        ),
    Case::new("an informational status from a handler becomes a 500").sends(
        || get("/status/101"),
        |response, _| response.is(500, Some(TEXT), b"Internal Server Error"),
    ),
    Case::new("a status above 999 is rejected by the handler with 400").sends(
        || get("/status/1000"),
        |response, _| response.is(400, Some(TEXT), b"No such status"),
    ),
    Case::new("a 304 without a body is unchanged").sends(
        || get("/status/304"),
        |response, _| response.is(304, None, b""),
    ),
    Case::new("a 204 has no body and no content headers even if the handler gave them").sends(
        || {
            let headers = json!([["content-type", "text/html"], ["x-a", "1"]]);
            chunks(
                json!({"status": 204, "headers": headers}),
                &["not", " empty"],
            )
        },
        |response, _| {
            response.has_header("x-a", "1")?;
            response.has_no_header("content-length")?;
            response.is(204, None, b"")
        },
    ),
    Case::new("a 304 has no body and no content headers even if the handler gave them").sends(
        || {
            let headers = json!([["content-type", "text/html"], ["etag", "\"1\""]]);
            chunks(
                json!({"status": 304, "headers": headers, "whole": true}),
                &["not empty"],
            )
        },
        |response, _| {
            response.has_header("etag", "\"1\"")?;
            response.is(304, None, b"")
        },
    ),
    Case::new("a 205 has no body even if the handler gave one").sends(
        || chunks(json!({"status": 205}), &["not empty"]),
        |response, _| response.is(205, None, b""),
    ),
    Case::new("a body that looks like a response head is unchanged").sends(
        || {
            chunks(
                json!({"whole": true}),
                &["Foo: Bar\r\n\r\nStatus: 404\r\n\r\n"],
            )
        },
        |response, _| response.is(200, Some(BYTES), b"Foo: Bar\r\n\r\nStatus: 404\r\n\r\n"),
    ),
    Case::new("line breaks in a body are unchanged").sends(
        || chunks(json!({"whole": true}), &["a\nb\r\nc\r"]),
        |response, _| response.is(200, Some(BYTES), b"a\nb\r\nc\r"),
    ),
    Case::new("NUL bytes in a body are unchanged").sends(
        || chunks(json!({"whole": true}), &["a\0b", "\0"]),
        |response, _| response.is(200, Some(BYTES), b"a\0b\0"),
    ),
    Case::new("a response of 14,750 bytes is complete").sends(
        || get("/large/14750"),
        |response, _| response.is(200, Some(BYTES), "x".repeat(14_750).as_bytes()),
    ),
    Case::new("a response of 1 MB is complete").sends(
        || get("/large/1000000"),
        |response, _| response.is(200, Some(BYTES), "x".repeat(1_000_000).as_bytes()),
    ),
    Case::new("a response of 2 MB is complete")
        .needs(&[LargeResponse])
        .sends(
            || get("/large/2000000"),
            |response, _| response.is(200, Some(BYTES), "x".repeat(2_000_000).as_bytes()),
        ),
    Case::new("256 KB of binary data are echoed unchanged").sends(
        || {
            super::with(
                super::post("/raw", patterned(256 * 1024)),
                "content-type",
                BYTES,
            )
        },
        |response, _| response.is(200, Some(BYTES), &patterned(256 * 1024)),
    ),
    Case::new("a wrong Content-Length on a buffered body is corrected").sends(
        || {
            let headers = json!([["content-length", "3"]]);
            chunks(json!({"headers": headers, "whole": true}), &["four"])
        },
        |response, _| response.is(200, Some(BYTES), b"four"),
    ),
    Case::new("a stream longer than its Content-Length is truncated at this length and aborted")
        .needs(&[ExcessBody])
        .sends(
            || chunks(json!({"headers": [["content-length", "3"]]}), &["fo", "ur"]),
            |response, _| {
                same(&&response.body[..], &&b"fou"[..], "body")?;
                same(&response.aborted, &true, "aborted")
            },
        ),
    Case::new("a stream shorter than its Content-Length is aborted")
        .needs(&[AbortWithinLength])
        .sends(
            || chunks(json!({"headers": [["content-length", "9"]]}), &["first"]),
            |response, _| {
                same(&&response.body[..], &&b"first"[..], "body")?;
                same(&response.aborted, &true, "aborted")
            },
        ),
    Case::new("a HEAD request gets the headers of GET without the body").sends(
        || request(Method::HEAD, "/hello", ""),
        |response, _| response.is(200, Some(TEXT), b""),
    ),
    Case::new("a HEAD request gets the Content-Length that a GET request would get")
        .needs(&[HeadLength])
        .sends(
            || request(Method::HEAD, "/large/1000", ""),
            |response, _| {
                response.has_header("content-length", "1000")?;
                response.is(200, Some(BYTES), b"")
            },
        ),
    Case::new("a HEAD request for a streamed response gets no body").sends(
        || request(Method::HEAD, "/stream", ""),
        |response, _| response.is(200, Some(BYTES), b""),
    ),
    Case::new("a HEAD request for an error response gets no body").sends(
        || request(Method::HEAD, "/nowhere", ""),
        |response, _| response.is(404, Some(TEXT), b""),
    ),
    Case::new("a 503 keeps its headers and its body").sends(
        || {
            let headers = json!([["retry-after", "5"], ["content-type", TEXT]]);
            let mut description = json!({"status": 503, "headers": headers, "whole": true});
            description["chunks"] = json!(["YnVzeQ=="]);
            described(description)
        },
        |response, _| {
            response.has_header("retry-after", "5")?;
            response.is(503, Some(TEXT), b"busy")
        },
    ),
];
