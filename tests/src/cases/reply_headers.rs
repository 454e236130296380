//! Which headers of a reply the client sees, and as what.

use serde_json::json;

use super::{BYTES, TEXT, described, get, pieces};
use crate::capability::Need::*;
use crate::case::{Case, same};

pub(super) const CASES: &[Case] = &[
    Case::new("cookies arrive, each of them, and are never folded").unlike().sends(
        || get("/headers"),
        |reply, _| {
            let mut cookies: Vec<_> = reply.headers.get_all("set-cookie").iter().collect();
            cookies.sort();
            let sent = ["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2; Path=/"];
            same(&cookies, &sent, "set-cookie")
        },
    ),
    Case::new("repeated headers of a reply arrive, each of them").unlike().sends(
        || get("/headers"),
        |reply, _| {
            let members = |name: &str| -> Vec<String> {
                let value = reply.header(name).unwrap_or_default();
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
    Case::new("and in their order").needs(&[ReplyHeaderOrder]).sends(
        || described(json!({"headers": [["x-multi", "b"], ["x-multi", "a"], ["x-multi", "c"]]})),
        |reply, _| reply.has_header("x-multi", "b, a, c"),
    ),
    Case::new("there is one Content-Type").sends(
        || pieces(json!({"headers": [["Content-Type", "text/css"]], "whole": true}), &["a{}"]),
        |reply, _| {
            let types = reply.headers.get_all("content-type").iter().count();
            same(&types, &1, "types")?;
            reply.is(200, Some("text/css"), b"a{}")
        },
    ),
    Case::new("a reply header without a value arrives").needs(&[EmptyReplyHeaders]).sends(
        || described(json!({"headers": [["x-empty", ""]]})),
        |reply, _| reply.has_header("x-empty", ""),
    ),
    Case::new("a line break cannot get into a header").sends(
        || described(json!({"headers": [["x-split", "a\r\nset-cookie: evil=1"]]})),
        |reply, _| {
            reply.has_no_header("set-cookie")?;
            reply.is(500, Some(TEXT), b"Internal Server Error")
        },
    ),
    Case::new("a reply header of bytes beyond ASCII arrives").needs(&[ReplyHeaderBytes]).sends(
        || described(json!({"headers": [["x-latin1", "caf\u{e9}"]]})),
        |reply, _| reply.has_header("x-latin1", "caf\u{e9}"),
    ),
    Case::new("a reply header in UTF-8 arrives")
        .needs(&[ReplyHeaderUtf8])
        .sends(
            || described(json!({"headers": [["x-utf8", "caf\u{c3}\u{a9}"]]})),
            |reply, _| reply.has_header("x-utf8", "caf\u{c3}\u{a9}"),
        ),
    Case::new("the connection's headers are not the handler's to set").sends(
        || get("/hop"),
        |reply, _| {
            reply.has_header("x-keep", "1")?;
            reply.has_no_header("x-drop")?;
            match reply.header("keep-alive").as_deref() {
                Some("timeout=1") => Err("keep-alive got through".to_owned()),
                _ => Ok(()),
            }
        },
    ),
    Case::new("nor is its framing").sends(
        || pieces(json!({"headers": [["transfer-encoding", "chunked"]], "whole": true}), &["x"]),
        |reply, _| reply.is(200, Some(BYTES), b"x"),
    ),
    Case::new("a header by the name of Status is no status").sends(
        || pieces(json!({"headers": [["status", "404 Not Found"]], "whole": true}), &["x"]),
        |reply, _| {
            reply.has_no_header("status")?;
            reply.is(200, Some(BYTES), b"x")
        },
    ),
    Case::new("a redirect is a redirect").sends(
        || get("/location/302"),
        |reply, _| {
            reply.has_header("location", "/elsewhere")?;
            reply.is(302, None, b"")
        },
    ),
    Case::new("to another server, too").sends(
        || described(json!({"status": 307, "headers": [["location", "https://b.example/x?y#z"]]})),
        |reply, _| {
            reply.has_header("location", "https://b.example/x?y#z")?;
            reply.is(307, None, b"").or_else(|_| reply.is(307, Some(BYTES), b""))
        },
    ),
    Case::new("a Location beside 201 gets through").sends(
        || get("/location/201"),
        |reply, _| {
            reply.has_header("location", "/elsewhere")?;
            reply.is(201, None, b"")
        },
    ),
    Case::new("a Location beside 200 redirects nobody").needs(&[LocationWith200]).sends(
        || get("/location/200"),
        |reply, _| {
            reply.has_header("location", "/elsewhere")?;
            reply.is(200, None, b"")
        },
    ),
    Case::new("there is one Date and one Server, if any").sends(
        || get("/hello"),
        |reply, _| {
            for name in ["date", "server"] {
                let count = reply.headers.get_all(name).iter().count();
                same(&(count <= 1), &true, name)?;
            }
            Ok(())
        },
    ),
    Case::new("a WWW-Authenticate gets through").needs(&[Authenticate]).sends(
        || described(json!({"status": 401, "headers": [["www-authenticate", "Basic realm=\"a, b\""]]})),
        |reply, _| {
            reply.has_status(401)?;
            reply.has_header("www-authenticate", "Basic realm=\"a, b\"")
        },
    ),
    Case::new("a header of 3 KB arrives whole").needs(&[ReplyHeader3k]).sends(
        || get("/header-size/3000"),
        |reply, _| reply.has_header("x-large", &"y".repeat(3000)),
    ),
    Case::new("a header of 8,000 bytes arrives whole").needs(&[ReplyHeader8k]).sends(
        || get("/header-size/8000"),
        |reply, _| reply.has_header("x-large", &"y".repeat(8000)),
    ),
    Case::new("what is compressed stays as it is").sends(
        || get("/gzip"),
        |reply, _| {
            reply.has_header("content-encoding", "gzip")?;
            same(&reply.body.len(), &33, "length")?;
            same(&&reply.body[..4], &&[0x1f, 0x8b, 8, 0][..], "first bytes")
        },
    ),
];
