//! Which headers of a request the handler sees, and as what.

use serde_json::json;

use super::{echo, get, has, has_no, post, values, with};
use crate::capability::Need::*;
use crate::case::{Case, same};

pub(super) const CASES: &[Case] = &[
    Case::new("a header of 7 KB arrives")
        .needs(&[LongHeaders])
        .sends(
            || with(get("/echo"), "x-long", "v".repeat(7000)),
            |reply, _| has(reply, "x-long", &"v".repeat(7000)),
        ),
    Case::new("a header of 200 bytes arrives").sends(
        || with(get("/echo"), "x-long", "v".repeat(200)),
        |reply, _| has(reply, "x-long", &"v".repeat(200)),
    ),
    Case::new("repeated headers arrive, each of them")
        .needs(&[RepeatedHeaders])
        .sends(
            || with(with(get("/echo"), "x-multi", "one"), "x-multi", "two"),
            |reply, _| {
                let joined = values(&echo(reply)?, "x-multi").join(",");
                let members: Vec<_> = joined.split(',').map(str::trim).collect();
                same(&members, &["one", "two"], "x-multi")
            },
        ),
    Case::new("a header keeps its commas, its quotes and its spaces").sends(
        || with(get("/echo"), "x-list", "a, b,c \"d, e\""),
        |reply, _| has(reply, "x-list", "a, b,c \"d, e\""),
    ),
    Case::new("User-Agent and Accept-Encoding are the client's")
        .needs(&[AcceptEncoding])
        .sends(
            || {
                let request = with(get("/echo"), "user-agent", "A/1 (KHTML, like G) \"q\"");
                with(request, "accept-encoding", "gzip;q=0.5, br")
            },
            |reply, _| {
                has(reply, "user-agent", "A/1 (KHTML, like G) \"q\"")?;
                has(reply, "accept-encoding", "gzip;q=0.5, br")
            },
        ),
    Case::new("a cookie arrives verbatim, and under no other name").sends(
        || with(get("/echo"), "cookie", "a=\"1, 2\"; b=%2C"),
        |reply, _| has(reply, "cookie", "a=\"1, 2\"; b=%2C"),
    ),
    Case::new("cookies of two headers are cookies of one")
        .needs(&[RepeatedCookies])
        .sends(
            || with(with(get("/echo"), "cookie", "a=1"), "cookie", "b=2"),
            |reply, _| {
                same(
                    &values(&echo(reply)?, "cookie").join("; "),
                    &"a=1; b=2",
                    "cookie",
                )
            },
        ),
    Case::new("an Authorization arrives")
        .needs(&[Authorization])
        .sends(
            || with(get("/echo"), "authorization", "Basic eDp5"),
            |reply, _| has(reply, "authorization", "Basic eDp5"),
        ),
    Case::new("no Authorization is made up")
        .sends(|| get("/echo"), |reply, _| has_no(reply, "authorization")),
    Case::new("a header of bytes beyond ASCII arrives")
        .needs(&[HeaderBytes])
        .sends(
            || with(get("/echo"), "x-latin1", b"caf\xE9"),
            |reply, _| has(reply, "x-latin1", "caf\u{e9}"),
        ),
    Case::new("a header without a value arrives")
        .needs(&[EmptyHeaders])
        .sends(
            || with(get("/echo"), "x-empty", ""),
            |reply, _| has(reply, "x-empty", ""),
        ),
    Case::new("a name with an underscore arrives, or one with a dash")
        .needs(&[UnderscoreHeaders])
        .unlike()
        .sends(
            || with(get("/echo"), "x_under_score", "1"),
            |reply, _| {
                let seen = echo(reply)?;
                let either = ["x_under_score", "x-under-score"];
                let found: Vec<_> = either.iter().flat_map(|name| values(&seen, name)).collect();
                same(&found, &["1"], "x_under_score")
            },
        ),
    Case::new("a header by the name of Proxy is a header")
        .needs(&[ProxyHeader])
        .sends(
            || with(get("/echo"), "proxy", "http://evil.example"),
            |reply, _| has(reply, "proxy", "http://evil.example"),
        ),
    Case::new("type and length of a body stand there once").sends(
        || with(post("/echo", "{}"), "content-type", "application/json"),
        |reply, _| {
            has(reply, "content-type", "application/json")?;
            has(reply, "content-length", "2")
        },
    ),
    Case::new("headers of the connection are not the handler's business").sends(
        || with(with(get("/echo"), "te", "trailers"), "x-a", "1"),
        |reply, profile| {
            for name in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
                has_no(reply, name)?;
            }
            // HTTP/2 keeps its TE.
            if echo(reply)?["version"] != "HTTP/2.0" {
                has_no(reply, "te")?;
            }
            same(&echo(reply)?["host"], &json!(profile.host), "host")
        },
    ),
    Case::new("90 headers arrive").needs(&[ManyHeaders]).sends(
        || {
            let mut request = get("/echo");
            for index in 0..90 {
                let name = format!("x-{index}").parse::<http::HeaderName>();
                let name = name.expect("it is a name");
                request.headers_mut().insert(name, index.into());
            }
            request
        },
        |reply, _| {
            for index in 0..90 {
                has(reply, &format!("x-{index}"), &index.to_string())?;
            }
            Ok(())
        },
    ),
    Case::new("a forged forwarding header is not believed").sends(
        || {
            let request = with(get("/echo"), "x-forwarded-for", "203.0.113.9");
            let request = with(request, "forwarded", "for=203.0.113.9;proto=gopher");
            let request = with(request, "x-forwarded-host", "evil.example");
            with(request, "x-forwarded-proto", "gopher")
        },
        |reply, _| {
            let seen = echo(reply)?;
            for (field, forged) in [
                ("peer", "203.0.113.9"),
                ("scheme", "gopher"),
                ("authority", "evil.example"),
            ] {
                if seen[field] == forged {
                    return Err(format!("{field}: {forged} was believed"));
                }
            }
            Ok(())
        },
    ),
];
