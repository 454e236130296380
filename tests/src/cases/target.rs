//! The request line and the Host: method, path, query and authority.

use http::Method;
use serde_json::json;

use super::{echo, get, path, post, query, request, with};
use crate::capability::Need::*;
use crate::case::{Case, Check, same};
use crate::received::Received;

fn method(response: &Received, method: &str) -> Check {
    same(&echo(response)?["method"], &json!(method), "method")
}

pub(super) const CASES: &[Case] = &[
    Case::new("the handler receives the method, path, query, headers and body of the request")
        .sends(
            || with(post("/echo/a/b?x=1&y=2", "hi"), "x-a", "1"),
            |response, profile| {
                let seen = echo(response)?;
                same(&seen["host"], &json!(profile.host), "host")?;
                same(&seen["method"], &json!("POST"), "method")?;
                same(&seen["path"], &json!("/echo/a/b"), "path")?;
                same(&seen["base_path"], &json!(profile.base_path), "base path")?;
                let body = json!({"length": 2, "base64": "aGk="});
                same(&seen["body"], &body, "body")?;
                super::has(response, "x-a", "1")
            },
        ),
    Case::new("a GET request reaches the handler as GET")
        .sends(|| get("/echo"), |response, _| method(response, "GET")),
    Case::new("a PUT request reaches the handler as PUT").sends(
        || request(Method::PUT, "/echo", "x"),
        |response, _| method(response, "PUT"),
    ),
    Case::new("a PATCH request reaches the handler as PATCH").sends(
        || request(Method::PATCH, "/echo", "x"),
        |response, _| method(response, "PATCH"),
    ),
    Case::new("a DELETE request reaches the handler as DELETE").sends(
        || request(Method::DELETE, "/echo", "x"),
        |response, _| method(response, "DELETE"),
    ),
    Case::new("an OPTIONS request reaches the handler as OPTIONS")
        .needs(&[OptionsMethod])
        .sends(
            || request(Method::OPTIONS, "/echo", ""),
            |response, _| method(response, "OPTIONS"),
        ),
    Case::new("a QUERY request reaches the handler as QUERY")
        .needs(&[QueryMethod])
        .sends(
            || {
                request(
                    Method::from_bytes(b"QUERY").expect("expected a valid method"),
                    "/echo",
                    "q",
                )
            },
            |response, _| method(response, "QUERY"),
        ),
    Case::new("an unregistered method reaches the handler")
        .needs(&[AnyMethod])
        .sends(
            || {
                request(
                    Method::from_bytes(b"PURGE").expect("expected a valid method"),
                    "/echo",
                    "",
                )
            },
            |response, _| method(response, "PURGE"),
        ),
    Case::new("a method in mixed case keeps its case")
        .needs(&[AnyMethod, MethodCase])
        .sends(
            || {
                request(
                    Method::from_bytes(b"Purge").expect("expected a valid method"),
                    "/echo",
                    "",
                )
            },
            |response, _| method(response, "Purge"),
        ),
    Case::new("percent-encoded characters in a path stay encoded")
        .needs(&[RawPath])
        .sends(
            || get("/echo/a%2Cb%3Bc"),
            |response, _| path(response, "/echo/a%2Cb%3Bc"),
        ),
    Case::new("a double-encoded path is not decoded even once").sends(
        || get("/echo/%252c%25"),
        |response, _| path(response, "/echo/%252c%25"),
    ),
    Case::new("a percent-encoded UTF-8 path is unchanged").sends(
        || get("/echo/%E3%81%82"),
        |response, _| path(response, "/echo/%E3%81%82"),
    ),
    Case::new("a percent-encoded path that is not UTF-8 is unchanged")
        .needs(&[PathBytes])
        .sends(
            || get("/echo/%FF"),
            |response, _| path(response, "/echo/%FF"),
        ),
    Case::new("a plus sign in a path is not decoded as a space").sends(
        || get("/echo/a+b"),
        |response, _| path(response, "/echo/a+b"),
    ),
    Case::new("an encoded space in a path does not become a plus sign").sends(
        || get("/echo/a%20b"),
        |response, _| path(response, "/echo/a%20b"),
    ),
    Case::new("an encoded question mark in a path does not begin the query")
        .needs(&[EncodedQuestionMark])
        .sends(
            || get("/echo/a%3Fb"),
            |response, _| {
                path(response, "/echo/a%3Fb")?;
                same(&echo(response)?["query"], &json!(null), "query")
            },
        ),
    Case::new("an encoded slash in a path does not become a separator")
        .needs(&[EncodedSlash])
        .sends(
            || get("/echo/a%2Fb"),
            |response, _| path(response, "/echo/a%2Fb"),
        ),
    Case::new("consecutive slashes in a path are not merged")
        .needs(&[DoubleSlash])
        .sends(
            || get("/echo//foo///bar"),
            |response, _| path(response, "/echo//foo///bar"),
        ),
    Case::new("a path that begins with two slashes is not treated as an authority")
        .needs(&[DoubleSlash])
        .sends(|| get("//echo/x"), |response, _| response.has_status(404)),
    Case::new("dot segments in a path reach the handler unresolved")
        .needs(&[DotSegments])
        .sends(
            || get("/echo/a/../b/./c"),
            |response, _| path(response, "/echo/a/../b/./c"),
        ),
    Case::new("an encoded line break in a path does not truncate it")
        .needs(&[ControlInPath])
        .sends(
            || get("/echo/a%0Ab"),
            |response, _| path(response, "/echo/a%0Ab"),
        ),
    Case::new("the authority of an absolute request target overrides the Host header")
        .needs(&[AbsoluteTarget])
        .sends(
            || with(get("http://b.example/echo/x?q=1"), "host", "a.example"),
            |response, _| {
                same(
                    &echo(response)?["authority"],
                    &json!("b.example"),
                    "authority",
                )?;
                query(response, "q=1")?;
                path(response, "/echo/x")
            },
        ),
    Case::new("OPTIONS * reaches the router")
        .needs(&[AsteriskTarget])
        .sends(
            || request(Method::OPTIONS, "*", ""),
            |response, _| response.has_status(404),
        ),
    Case::new("a query keeps its percent-encoding")
        .needs(&[RawQuery])
        .sends(
            || get("/echo?a=%20&b=c+d&e=%2B&f=%2C,&g"),
            |response, _| query(response, "a=%20&b=c+d&e=%2B&f=%2C,&g"),
        ),
    Case::new("a lone percent sign in a query is unchanged")
        .needs(&[LonePercent])
        .sends(|| get("/echo?x=%"), |response, _| query(response, "x=%")),
    Case::new("an empty query is either empty or absent")
        .host_specific()
        .sends(
            || get("/echo?"),
            |response, _| match &echo(response)?["query"] {
                query if query.is_null() || query == "" => Ok(()),
                query => Err(format!("query: got {query}, want none or an empty one")),
            },
        ),
    Case::new("all values of a repeated query parameter reach the handler")
        .needs(&[RepeatedQuery])
        .sends(
            || get("/echo?k=1&k=2"),
            |response, _| query(response, "k=1&k=2"),
        ),
    Case::new("query parameters keep their order")
        .needs(&[RepeatedQuery, QueryOrder])
        .sends(
            || get("/echo?b=1&a=2&b=3"),
            |response, _| query(response, "b=1&a=2&b=3"),
        ),
    Case::new("a path of 7 KB reaches the handler")
        .needs(&[LongPath])
        .sends(
            || get(&format!("/echo/{}", "a".repeat(7000))),
            |response, _| path(response, &format!("/echo/{}", "a".repeat(7000))),
        ),
    Case::new("the HTTP version and the scheme have valid values").sends(
        || get("/echo"),
        |response, _| {
            let seen = echo(response)?;
            let known = |field: &str, values: &[&str]| match seen[field].as_str() {
                Some(value) if values.contains(&value) => Ok(()),
                _ => Err(format!("{field}: {}", seen[field])),
            };
            known("version", &["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"])?;
            known("scheme", &["http", "https"])
        },
    ),
    Case::new("the handler sees the IP address of the client")
        .needs(&[Peer])
        .sends(
            || get("/echo"),
            |response, _| {
                let seen = echo(response)?;
                match seen["peer"].as_str().map(str::parse::<std::net::IpAddr>) {
                    Some(Ok(_)) => Ok(()),
                    _ => Err(format!("peer: {}", seen["peer"])),
                }
            },
        ),
    Case::new("a Host header keeps its port")
        .needs(&[HostPort])
        .sends(
            || with(get("/echo"), "host", "a.example:8080"),
            |response, _| {
                same(
                    &echo(response)?["authority"],
                    &json!("a.example:8080"),
                    "authority",
                )
            },
        ),
    Case::new("a Host header can hold an IPv6 address")
        .needs(&[HostPort])
        .sends(
            || with(get("/echo"), "host", "[::1]:3000"),
            |response, _| {
                same(
                    &echo(response)?["authority"],
                    &json!("[::1]:3000"),
                    "authority",
                )
            },
        ),
    Case::new("a Host header with a user name is rejected with 400")
        .host_specific()
        .sends(
            || with(get("/hello"), "host", "user@a.example"),
            |response, _| response.has_status(400),
        ),
    Case::new("a Host header with a path is rejected with 400")
        .host_specific()
        .sends(
            || with(get("/hello"), "host", "a.example/foo?"),
            |response, _| response.has_status(400),
        ),
];
