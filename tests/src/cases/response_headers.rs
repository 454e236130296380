//! Which response headers reach the client, and with which values.

use serde_json::json;

use super::{BYTES, TEXT, chunks, described, get};
use crate::capability::Need::*;
use crate::case::{Case, same};

pub(super) const CASES: &[Case] = &[
    Case::new("each Set-Cookie header is a separate header").host_specific().sends(
        || get("/headers"),
        |response, _| {
            let mut cookies: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
            cookies.sort();
            let sent = ["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2; Path=/"];
            same(&cookies, &sent, "set-cookie")
        },
    ),
    Case::new("all values of a repeated response header reach the client").host_specific().sends(
        || get("/headers"),
        |response, _| {
            let members = |name: &str| -> Vec<String> {
                let value = response.header(name).unwrap_or_default();
                value.split(',').map(|member| member.trim().to_owned()).collect()
            };
            let mut multi = members("x-multi");
            multi.sort();
            same(&multi, &["one", "two"], "x-multi")?;
            let vary = members("vary");
            let both = ["accept", "origin"].iter().all(|name| vary.iter().any(|member| member == name));
            same(&both, &true, "vary")
        },
    ),
    Case::new("the values of a repeated response header keep their order").needs(&[ResponseHeaderOrder]).sends(
        || described(json!({"headers": [["x-multi", "b"], ["x-multi", "a"], ["x-multi", "c"]]})),
        |response, _| response.has_header("x-multi", "b, a, c"),
    ),
    Case::new("a response has exactly one Content-Type").sends(
        || chunks(json!({"headers": [["Content-Type", "text/css"]], "whole": true}), &["a{}"]),
        |response, _| {
            let types = response.headers.get_all("content-type").iter().count();
            same(&types, &1, "number of Content-Type headers")?;
            response.is(200, Some("text/css"), b"a{}")
        },
    ),
    Case::new("a response header with an empty value reaches the client").needs(&[EmptyResponseHeaders]).sends(
        || described(json!({"headers": [["x-empty", ""]]})),
        |response, _| response.has_header("x-empty", ""),
    ),
    Case::new("a line break in a response header becomes a 500").sends(
        || described(json!({"headers": [["x-split", "a\r\nset-cookie: evil=1"]]})),
        |response, _| {
            response.has_no_header("set-cookie")?;
            response.is(500, Some(TEXT), b"Internal Server Error")
        },
    ),
    Case::new("a response header value with Latin-1 bytes is unchanged").needs(&[ResponseHeaderBytes]).sends(
        || described(json!({"headers": [["x-latin1", "caf\u{e9}"]]})),
        |response, _| response.has_header("x-latin1", "caf\u{e9}"),
    ),
    Case::new("a response header value in UTF-8 is unchanged")
        .needs(&[ResponseHeaderUtf8])
        .sends(
            || described(json!({"headers": [["x-utf8", "caf\u{c3}\u{a9}"]]})),
            |response, _| response.has_header("x-utf8", "caf\u{c3}\u{a9}"),
        ),
    Case::new("hop-by-hop headers from the handler do not reach the client").sends(
        || get("/hop"),
        |response, _| {
            response.has_header("x-keep", "1")?;
            response.has_no_header("x-drop")?;
            match response.header("keep-alive").as_deref() {
                Some("timeout=1") => Err("the Keep-Alive header of the handler reached the client".to_owned()),
                _ => Ok(()),
            }
        },
    ),
    Case::new("Transfer-Encoding from the handler does not reach the client").sends(
        || chunks(json!({"headers": [["transfer-encoding", "chunked"]], "whole": true}), &["x"]),
        |response, _| response.is(200, Some(BYTES), b"x"),
    ),
    Case::new("a header named Status from the handler does not change the status").sends(
        || chunks(json!({"headers": [["status", "404 Not Found"]], "whole": true}), &["x"]),
        |response, _| {
            response.has_no_header("status")?;
            response.is(200, Some(BYTES), b"x")
        },
    ),
    Case::new("a redirect to a path reaches the client").sends(
        || get("/location/302"),
        |response, _| {
            response.has_header("location", "/elsewhere")?;
            response.is(302, None, b"")
        },
    ),
    Case::new("a redirect to another server reaches the client").sends(
        || described(json!({"status": 307, "headers": [["location", "https://b.example/x?y#z"]]})),
        |response, _| {
            response.has_header("location", "https://b.example/x?y#z")?;
            response.is(307, None, b"").or_else(|_| response.is(307, Some(BYTES), b""))
        },
    ),
    Case::new("a Location header in a 201 response reaches the client").sends(
        || get("/location/201"),
        |response, _| {
            response.has_header("location", "/elsewhere")?;
            response.is(201, None, b"")
        },
    ),
    Case::new("a Location header in a 200 response reaches the client without a redirect").needs(&[LocationWith200]).sends(
        || get("/location/200"),
        |response, _| {
            response.has_header("location", "/elsewhere")?;
            response.is(200, None, b"")
        },
    ),
    Case::new("a response has at most one Date and one Server header").sends(
        || get("/hello"),
        |response, _| {
            for name in ["date", "server"] {
                let count = response.headers.get_all(name).iter().count();
                same(&(count <= 1), &true, name)?;
            }
            Ok(())
        },
    ),
    Case::new("the WWW-Authenticate header reaches the client").needs(&[Authenticate]).sends(
        || described(json!({"status": 401, "headers": [["www-authenticate", "Basic realm=\"a, b\""]]})),
        |response, _| {
            response.has_status(401)?;
            response.has_header("www-authenticate", "Basic realm=\"a, b\"")
        },
    ),
    Case::new("a response header of 3 KB is complete").needs(&[ResponseHeader3k]).sends(
        || get("/header-size/3000"),
        |response, _| response.has_header("x-large", &"y".repeat(3000)),
    ),
    Case::new("a response header of 8,000 bytes is complete").needs(&[ResponseHeader8k]).sends(
        || get("/header-size/8000"),
        |response, _| response.has_header("x-large", &"y".repeat(8000)),
    ),
    Case::new("a response that the handler compressed is unchanged").sends(
        || get("/gzip"),
        |response, _| {
            response.has_header("content-encoding", "gzip")?;
            same(&response.body.len(), &33, "length")?;
            same(&&response.body[..4], &&[0x1f, 0x8b, 8, 0][..], "first bytes")
        },
    ),
];
