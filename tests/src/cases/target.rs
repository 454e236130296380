//! What stands in the first line of a request: its method, its path, its query; and what names the server.

use http::Method;
use serde_json::json;

use super::{echo, get, path, post, query, request, with};
use crate::capability::Need::*;
use crate::case::{Case, Check, same};
use crate::received::Received;

fn method(reply: &Received, method: &str) -> Check {
    same(&echo(reply)?["method"], &json!(method), "method")
}

pub(super) const CASES: &[Case] = &[
    Case::new("the handler sees the request as it was sent").sends(
        || with(post("/echo/a/b?x=1&y=2", "hi"), "x-a", "1"),
        |reply, profile| {
            let seen = echo(reply)?;
            same(&seen["host"], &json!(profile.host), "host")?;
            same(&seen["method"], &json!("POST"), "method")?;
            same(&seen["path"], &json!("/echo/a/b"), "path")?;
            same(&seen["base_path"], &json!(profile.base_path), "base path")?;
            let body = json!({"length": 2, "base64": "aGk="});
            same(&seen["body"], &body, "body")?;
            super::has(reply, "x-a", "1")
        },
    ),
    Case::new("GET arrives as what it is").sends(|| get("/echo"), |reply, _| method(reply, "GET")),
    Case::new("so does PUT").sends(
        || request(Method::PUT, "/echo", "x"),
        |reply, _| method(reply, "PUT"),
    ),
    Case::new("so does PATCH").sends(
        || request(Method::PATCH, "/echo", "x"),
        |reply, _| method(reply, "PATCH"),
    ),
    Case::new("so does DELETE").sends(
        || request(Method::DELETE, "/echo", "x"),
        |reply, _| method(reply, "DELETE"),
    ),
    Case::new("so does OPTIONS").needs(&[OptionsMethod]).sends(
        || request(Method::OPTIONS, "/echo", ""),
        |reply, _| method(reply, "OPTIONS"),
    ),
    Case::new("the method QUERY arrives with its body")
        .needs(&[QueryMethod])
        .sends(
            || {
                request(
                    Method::from_bytes(b"QUERY").expect("it is a token"),
                    "/echo",
                    "q",
                )
            },
            |reply, _| method(reply, "QUERY"),
        ),
    Case::new("a method that nobody registered arrives")
        .needs(&[AnyMethod])
        .sends(
            || {
                request(
                    Method::from_bytes(b"PURGE").expect("it is a token"),
                    "/echo",
                    "",
                )
            },
            |reply, _| method(reply, "PURGE"),
        ),
    Case::new("a method keeps its case")
        .needs(&[AnyMethod, MethodCase])
        .sends(
            || {
                request(
                    Method::from_bytes(b"Purge").expect("it is a token"),
                    "/echo",
                    "",
                )
            },
            |reply, _| method(reply, "Purge"),
        ),
    Case::new("a path is not decoded").needs(&[RawPath]).sends(
        || get("/echo/a%2Cb%3Bc"),
        |reply, _| path(reply, "/echo/a%2Cb%3Bc"),
    ),
    Case::new("least of all twice").sends(
        || get("/echo/%252c%25"),
        |reply, _| path(reply, "/echo/%252c%25"),
    ),
    Case::new("a path in UTF-8 arrives").sends(
        || get("/echo/%E3%81%82"),
        |reply, _| path(reply, "/echo/%E3%81%82"),
    ),
    Case::new("a path that is no UTF-8 arrives")
        .needs(&[PathBytes])
        .sends(|| get("/echo/%FF"), |reply, _| path(reply, "/echo/%FF")),
    Case::new("a plus in a path is no space")
        .sends(|| get("/echo/a+b"), |reply, _| path(reply, "/echo/a+b")),
    Case::new("a space in a path is no plus")
        .sends(|| get("/echo/a%20b"), |reply, _| path(reply, "/echo/a%20b")),
    Case::new("an encoded question mark begins no query")
        .needs(&[EncodedQuestionMark])
        .sends(
            || get("/echo/a%3Fb"),
            |reply, _| {
                path(reply, "/echo/a%3Fb")?;
                same(&echo(reply)?["query"], &json!(null), "query")
            },
        ),
    Case::new("an encoded slash stays within its segment")
        .needs(&[EncodedSlash])
        .sends(|| get("/echo/a%2Fb"), |reply, _| path(reply, "/echo/a%2Fb")),
    Case::new("slashes are not merged")
        .needs(&[DoubleSlash])
        .sends(
            || get("/echo//foo///bar"),
            |reply, _| path(reply, "/echo//foo///bar"),
        ),
    Case::new("a path of two slashes names no host")
        .needs(&[DoubleSlash])
        .sends(|| get("//echo/x"), |reply, _| reply.has_status(404)),
    Case::new("dots in a path are the handler's business")
        .needs(&[DotSegments])
        .sends(
            || get("/echo/a/../b/./c"),
            |reply, _| path(reply, "/echo/a/../b/./c"),
        ),
    Case::new("a line break in a path cuts nothing off")
        .needs(&[ControlInPath])
        .sends(|| get("/echo/a%0Ab"), |reply, _| path(reply, "/echo/a%0Ab")),
    Case::new("the authority of a whole URL replaces the Host")
        .needs(&[AbsoluteTarget])
        .sends(
            || with(get("http://b.example/echo/x?q=1"), "host", "a.example"),
            |reply, _| {
                same(&echo(reply)?["authority"], &json!("b.example"), "authority")?;
                query(reply, "q=1")?;
                path(reply, "/echo/x")
            },
        ),
    Case::new("OPTIONS * is answered")
        .needs(&[AsteriskTarget])
        .sends(
            || request(Method::OPTIONS, "*", ""),
            |reply, _| reply.has_status(404),
        ),
    Case::new("a query arrives as it was spelled")
        .needs(&[RawQuery])
        .sends(
            || get("/echo?a=%20&b=c+d&e=%2B&f=%2C,&g"),
            |reply, _| query(reply, "a=%20&b=c+d&e=%2B&f=%2C,&g"),
        ),
    Case::new("a percent sign that encodes nothing is let through")
        .needs(&[LonePercent])
        .sends(|| get("/echo?x=%"), |reply, _| query(reply, "x=%")),
    Case::new("a query of nothing is no query, or an empty one")
        .unlike()
        .sends(
            || get("/echo?"),
            |reply, _| match &echo(reply)?["query"] {
                query if query.is_null() || query == "" => Ok(()),
                query => Err(format!("query: {query}")),
            },
        ),
    Case::new("repeated keys of a query arrive, each of them")
        .needs(&[RepeatedQuery])
        .sends(|| get("/echo?k=1&k=2"), |reply, _| query(reply, "k=1&k=2")),
    Case::new("a query keeps its order")
        .needs(&[RepeatedQuery, QueryOrder])
        .sends(
            || get("/echo?b=1&a=2&b=3"),
            |reply, _| query(reply, "b=1&a=2&b=3"),
        ),
    Case::new("a path of 7 KB arrives")
        .needs(&[LongPath])
        .sends(
            || get(&format!("/echo/{}", "a".repeat(7000))),
            |reply, _| path(reply, &format!("/echo/{}", "a".repeat(7000))),
        ),
    Case::new("the version, the scheme and the address are what the host says").sends(
        || get("/echo"),
        |reply, _| {
            let seen = echo(reply)?;
            let known = |field: &str, values: &[&str]| match seen[field].as_str() {
                Some(value) if values.contains(&value) => Ok(()),
                _ => Err(format!("{field}: {}", seen[field])),
            };
            known("version", &["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"])?;
            known("scheme", &["http", "https"])
        },
    ),
    Case::new("the client's address is known")
        .needs(&[Peer])
        .sends(
            || get("/echo"),
            |reply, _| {
                let seen = echo(reply)?;
                match seen["peer"].as_str().map(str::parse::<std::net::IpAddr>) {
                    Some(Ok(_)) => Ok(()),
                    _ => Err(format!("peer: {}", seen["peer"])),
                }
            },
        ),
    Case::new("a Host with a port keeps it")
        .needs(&[HostPort])
        .sends(
            || with(get("/echo"), "host", "a.example:8080"),
            |reply, _| {
                same(
                    &echo(reply)?["authority"],
                    &json!("a.example:8080"),
                    "authority",
                )
            },
        ),
    Case::new("a Host can be an IPv6 address")
        .needs(&[HostPort])
        .sends(
            || with(get("/echo"), "host", "[::1]:3000"),
            |reply, _| {
                same(
                    &echo(reply)?["authority"],
                    &json!("[::1]:3000"),
                    "authority",
                )
            },
        ),
    Case::new("a Host with a user in it is refused")
        .unlike()
        .sends(
            || with(get("/hello"), "host", "user@a.example"),
            |reply, _| reply.has_status(400),
        ),
    Case::new("a Host with a path in it is refused")
        .unlike()
        .sends(
            || with(get("/hello"), "host", "a.example/foo?"),
            |reply, _| reply.has_status(400),
        ),
];
