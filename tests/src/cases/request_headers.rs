//! Which request headers reach the handler, and with which values.

use serde_json::json;

use super::{echo, get, has, has_no, post, values, with};
use crate::capability::Need::*;
use crate::case::{Case, same};

pub(super) const CASES: &[Case] = &[
    Case::new("a request header of 7 KB reaches the handler")
        .needs(&[LongHeaders])
        .sends(
            || with(get("/echo"), "x-long", "v".repeat(7000)),
            |response, _| has(response, "x-long", &"v".repeat(7000)),
        ),
    Case::new("a request header of 200 bytes reaches the handler").sends(
        || with(get("/echo"), "x-long", "v".repeat(200)),
        |response, _| has(response, "x-long", &"v".repeat(200)),
    ),
    Case::new("all values of a repeated request header reach the handler")
        .needs(&[RepeatedHeaders])
        .sends(
            || with(with(get("/echo"), "x-multi", "one"), "x-multi", "two"),
            |response, _| {
                let joined = values(&echo(response)?, "x-multi").join(",");
                let members: Vec<_> = joined.split(',').map(str::trim).collect();
                same(&members, &["one", "two"], "x-multi")
            },
        ),
    Case::new("commas, quotes and spaces in a request header are unchanged").sends(
        || with(get("/echo"), "x-list", "a, b,c \"d, e\""),
        |response, _| has(response, "x-list", "a, b,c \"d, e\""),
    ),
    Case::new("User-Agent and Accept-Encoding reach the handler unchanged")
        .needs(&[AcceptEncoding])
        .sends(
            || {
                let request = with(get("/echo"), "user-agent", "A/1 (KHTML, like G) \"q\"");
                with(request, "accept-encoding", "gzip;q=0.5, br")
            },
            |response, _| {
                has(response, "user-agent", "A/1 (KHTML, like G) \"q\"")?;
                has(response, "accept-encoding", "gzip;q=0.5, br")
            },
        ),
    Case::new("a Cookie header reaches the handler unchanged").sends(
        || with(get("/echo"), "cookie", "a=\"1, 2\"; b=%2C"),
        |response, _| has(response, "cookie", "a=\"1, 2\"; b=%2C"),
    ),
    Case::new("cookies from two Cookie headers all reach the handler")
        .needs(&[RepeatedCookies])
        .sends(
            || with(with(get("/echo"), "cookie", "a=1"), "cookie", "b=2"),
            |response, _| {
                same(
                    &values(&echo(response)?, "cookie").join("; "),
                    &"a=1; b=2",
                    "cookie",
                )
            },
        ),
    Case::new("the Authorization header reaches the handler")
        .needs(&[Authorization])
        .sends(
            || with(get("/echo"), "authorization", "Basic eDp5"),
            |response, _| has(response, "authorization", "Basic eDp5"),
        ),
    Case::new("a request without an Authorization header reaches the handler without one").sends(
        || get("/echo"),
        |response, _| has_no(response, "authorization"),
    ),
    Case::new("a request header value with Latin-1 bytes is unchanged")
        .needs(&[HeaderBytes])
        .sends(
            || with(get("/echo"), "x-latin1", b"caf\xE9"),
            |response, _| has(response, "x-latin1", "caf\u{e9}"),
        ),
    Case::new("a request header with an empty value reaches the handler")
        .needs(&[EmptyHeaders])
        .sends(
            || with(get("/echo"), "x-empty", ""),
            |response, _| has(response, "x-empty", ""),
        ),
    Case::new("a header name with an underscore reaches the handler, possibly with a dash instead")
        .needs(&[UnderscoreHeaders])
        .host_specific()
        .sends(
            || with(get("/echo"), "x_under_score", "1"),
            |response, _| {
                let seen = echo(response)?;
                let either = ["x_under_score", "x-under-score"];
                let found: Vec<_> = either.iter().flat_map(|name| values(&seen, name)).collect();
                same(&found, &["1"], "x_under_score")
            },
        ),
    Case::new("the Proxy header is an ordinary request header")
        .needs(&[ProxyHeader])
        .sends(
            || with(get("/echo"), "proxy", "http://evil.example"),
            |response, _| has(response, "proxy", "http://evil.example"),
        ),
    Case::new("Content-Type and Content-Length reach the handler exactly once").sends(
        || with(post("/echo", "{}"), "content-type", "application/json"),
        |response, _| {
            has(response, "content-type", "application/json")?;
            has(response, "content-length", "2")
        },
    ),
    Case::new("hop-by-hop request headers do not reach the handler").sends(
        || with(with(get("/echo"), "te", "trailers"), "x-a", "1"),
        |response, profile| {
            for name in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
                has_no(response, name)?;
            }
            // HTTP/2 allows `TE: trailers` (RFC 9113 §8.2.2).
            if echo(response)?["version"] != "HTTP/2.0" {
                has_no(response, "te")?;
            }
            same(&echo(response)?["host"], &json!(profile.host), "host")
        },
    ),
    Case::new("90 request headers reach the handler")
        .needs(&[ManyHeaders])
        .sends(
            || {
                let mut request = get("/echo");
                for index in 0..90 {
                    let name = format!("x-{index}").parse::<http::HeaderName>();
                    let name = name.expect("expected a valid header name");
                    request.headers_mut().insert(name, index.into());
                }
                request
            },
            |response, _| {
                for index in 0..90 {
                    has(response, &format!("x-{index}"), &index.to_string())?;
                }
                Ok(())
            },
        ),
    Case::new("forwarding headers from an untrusted client are ignored").sends(
        || {
            let request = with(get("/echo"), "x-forwarded-for", "203.0.113.9");
            let request = with(request, "forwarded", "for=203.0.113.9;proto=gopher");
            let request = with(request, "x-forwarded-host", "evil.example");
            with(request, "x-forwarded-proto", "gopher")
        },
        |response, _| {
            let seen = echo(response)?;
            for (field, forged) in [
                ("peer", "203.0.113.9"),
                ("scheme", "gopher"),
                ("authority", "evil.example"),
            ] {
                if seen[field] == forged {
                    return Err(format!("{field}: the forged value {forged} was accepted"));
                }
            }
            Ok(())
        },
    ),
];
