//! The probe's contract: each route, and what must come back on every host.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};

use crate::transport::{Can, Cut, Received, Transport};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
const BYTES: &str = "application/octet-stream";

/// A deadlock ends here, as a failure.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A request, and what must come back.
pub struct Case {
    /// What it shows, as a sentence.
    pub name: &'static str,
    request: fn() -> Request<Bytes>,
    check: fn(&Received, &Can) -> Check,
}

type Check = Result<(), String>;

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Runs every case, in order, and gives the failures, one line each.
pub async fn run(transport: &impl Transport) -> Vec<String> {
    let can = transport.can();
    let mut failures = Vec::new();
    for case in CASES {
        let reply = tokio::time::timeout(PATIENCE, transport.send((case.request)())).await;
        let result = match reply.unwrap_or_else(|_| Err(format!("none in {PATIENCE:?}"))) {
            Ok(received) => (case.check)(&received, &can),
            Err(error) => Err(format!("no reply: {error}")),
        };
        if let Err(why) = result {
            failures.push(format!("{}: {why}", case.name));
        }
    }
    failures
}

/// The whole contract.
pub const CASES: &[Case] = &[
    Case {
        name: "the handler sees the request as it was sent",
        request: || {
            let request = Request::post("/echo/a%2Cb%252c//x?x=1&x=%20&y").header("x-a", "1");
            request.body("hi".into()).unwrap()
        },
        check: |reply, can| {
            let seen = echo(reply)?;
            same(&seen["host"], &json!(can.host), "host")?;
            same(&seen["method"], &json!("POST"), "method")?;
            let path = match can.raw_path {
                true => "/echo/a%2Cb%252c//x",
                // Decoded and merged by the server, and encoded again.
                false => "/echo/a,b%252c/x",
            };
            same(&seen["path"], &json!(path), "path")?;
            same(&seen["query"], &json!("x=1&x=%20&y"), "query")?;
            same(&seen["base_path"], &json!(can.base_path), "base path")?;
            same(
                &seen["body"],
                &json!({"length": 2, "base64": "aGk="}),
                "body",
            )?;
            has(&seen, "x-a", "1")
        },
    },
    Case {
        name: "an encoded slash stays within its segment",
        request: || get("/echo/a%2Fb"),
        check: |reply, can| {
            if !can.encoded_slash {
                return same(&reply.status.as_u16(), &404, "status");
            }
            same(&echo(reply)?["path"], &json!("/echo/a%2Fb"), "path")
        },
    },
    Case {
        name: "a line break in a path cuts nothing off",
        request: || get("/echo/a%0Ab"),
        check: |reply, can| match can.control_in_path {
            true => same(&echo(reply)?["path"], &json!("/echo/a%0Ab"), "path"),
            false => same(&reply.status.as_u16(), &400, "status"),
        },
    },
    Case {
        name: "a header keeps its commas, its quotes and its spaces",
        request: || {
            let request = Request::get("/echo").header("user-agent", "A/1 (K, like G) \"q\"");
            request
                .header("x-list", "a, b,c")
                .body(Bytes::new())
                .unwrap()
        },
        check: |reply, _| {
            let seen = echo(reply)?;
            has(&seen, "user-agent", "A/1 (K, like G) \"q\"")?;
            has(&seen, "x-list", "a, b,c")
        },
    },
    Case {
        name: "repeated headers of a request arrive, each of them",
        request: || {
            let request = Request::get("/echo").header("x-multi", "one");
            request.header("x-multi", "two").body(Bytes::new()).unwrap()
        },
        check: |reply, can| {
            let seen = echo(reply)?;
            let headers = seen["headers"].as_array().ok_or("no headers")?;
            let values: Vec<_> = headers
                .iter()
                .filter(|header| header[0] == "x-multi")
                .filter_map(|header| header[1].as_str())
                .flat_map(|value| value.split(", "))
                .collect();
            if can.repeated_headers {
                same(&values, &["one", "two"], "x-multi")
            } else {
                same(&values.len(), &1, "x-multi")
            }
        },
    },
    Case {
        name: "a cookie and an authorization arrive",
        request: || {
            let request = Request::get("/echo").header("cookie", "a=1; b=2");
            request
                .header("authorization", "Basic eDp5")
                .body(Bytes::new())
                .unwrap()
        },
        check: |reply, can| {
            let seen = echo(reply)?;
            has(&seen, "cookie", "a=1; b=2")?;
            let found = has(&seen, "authorization", "Basic eDp5");
            match can.authorization {
                true => found,
                false if found.is_ok() => Err("it arrived all the same".to_owned()),
                false => Ok(()),
            }
        },
    },
    Case {
        name: "header bytes beyond ASCII arrive as they are",
        request: || {
            let latin1 = HeaderValue::from_bytes(b"caf\xE9").unwrap();
            Request::get("/echo")
                .header("x-latin1", latin1)
                .body(Bytes::new())
                .unwrap()
        },
        check: |reply, can| {
            if can.header_bytes {
                has(&echo(reply)?, "x-latin1", "caf\u{e9}")
            } else {
                Ok(())
            }
        },
    },
    Case {
        name: "headers of the connection are not the handler's business",
        request: || {
            let request = Request::get("/echo")
                .header("keep-alive", "1")
                .header("te", "trailers");
            request.body(Bytes::new()).unwrap()
        },
        check: |reply, can| {
            let seen = echo(reply)?;
            let names = seen["headers"].as_array().ok_or("no headers")?;
            let hop = names
                .iter()
                .find(|header| header[0] == "keep-alive" || header[0] == "connection");
            hop.map_or(Ok(()), |hop| Err(format!("{hop} arrived on {}", can.host)))
        },
    },
    Case {
        name: "a forged forwarding header is not believed",
        request: || {
            let request = Request::get("/echo").header("x-forwarded-for", "203.0.113.9");
            request
                .header("x-forwarded-proto", "gopher")
                .body(Bytes::new())
                .unwrap()
        },
        check: |reply, _| {
            let seen = echo(reply)?;
            if seen["peer"] == "203.0.113.9" || seen["scheme"] == "gopher" {
                return Err(format!("believed: {seen}"));
            }
            Ok(())
        },
    },
    Case {
        name: "every registered method arrives",
        request: || request(Method::PATCH, "/echo", "x"),
        check: |reply, _| same(&echo(reply)?["method"], &json!("PATCH"), "method"),
    },
    Case {
        name: "a method that nobody registered arrives",
        request: || request(Method::from_bytes(b"PURGE").unwrap(), "/echo", ""),
        check: |reply, can| {
            if !can.any_method {
                return same(&reply.status.as_u16(), &501, "status");
            }
            same(&echo(reply)?["method"], &json!("PURGE"), "method")
        },
    },
    Case {
        name: "bytes come back as they went",
        request: || {
            let all: Vec<u8> = (0..=255).collect();
            Request::post("/raw")
                .header("content-type", "image/png")
                .body(all.into())
                .unwrap()
        },
        check: |reply, _| {
            let all: Vec<u8> = (0..=255).collect();
            reply.is(200, Some("image/png"), &all)
        },
    },
    Case {
        name: "a body without a type comes back as bytes",
        request: || request(Method::POST, "/raw", "x"),
        check: |reply, _| reply.is(200, Some(BYTES), b"x"),
    },
    Case {
        name: "a megabyte is echoed piece by piece",
        request: || post_megabyte("/pipe"),
        check: |reply, _| reply.is(200, Some(BYTES), &megabyte()),
    },
    Case {
        name: "a megabyte is digested",
        request: || post_megabyte("/digest"),
        check: |reply, _| {
            let sha256 = "631b84027d6b9e52b539c4e8373622d23032dfadc64d60af87339c9037e4f769";
            same(
                &json_of(reply)?,
                &json!({"length": 1 << 20, "sha256": sha256}),
                "digest",
            )
        },
    },
    Case {
        name: "JSON is read and written",
        request: || request(Method::POST, "/json", r#"{"a": [1, "é"]}"#),
        check: |reply, _| {
            same(
                &json_of(reply)?,
                &json!({"received": {"a": [1, "é"]}}),
                "body",
            )?;
            reply.header("content-type", JSON)
        },
    },
    Case {
        name: "broken JSON is a 400",
        request: || request(Method::POST, "/json", "{"),
        check: |reply, _| reply.is(400, Some(TEXT), b"Invalid JSON"),
    },
    Case {
        name: "no JSON at all is a 400",
        request: || request(Method::POST, "/json", ""),
        check: |reply, can| match can.bodiless_post {
            true => reply.is(400, Some(TEXT), b"Invalid JSON"),
            false => same(&reply.status.as_u16(), &411, "status"),
        },
    },
    Case {
        name: "more than the default limit is a 413",
        request: || {
            let body = vec![b' '; (1 << 20) + 1];
            Request::post("/json").body(body.into()).unwrap()
        },
        check: |reply, _| reply.is(413, Some(TEXT), b"Body exceeded 1mb limit"),
    },
    Case {
        name: "text is decoded by its charset",
        request: || {
            let request =
                Request::post("/text").header("content-type", "text/plain; charset=iso-8859-1");
            request.body(Bytes::from_static(b"caf\xE9")).unwrap()
        },
        check: |reply, can| {
            if can.text_bytes {
                reply.is(200, Some(TEXT), "café".as_bytes())
            } else {
                Ok(())
            }
        },
    },
    Case {
        name: "text of the wrong charset is a 400",
        request: || {
            let request = Request::post("/text").header("content-type", "text/plain");
            request.body(Bytes::from_static(b"\xFF\xFD\xFE")).unwrap()
        },
        check: |reply, can| {
            if can.text_bytes {
                reply.is(400, Some(TEXT), b"Invalid body")
            } else {
                Ok(())
            }
        },
    },
    Case {
        name: "a form keeps repeated keys",
        request: || {
            let request =
                Request::post("/form").header("content-type", "application/x-www-form-urlencoded");
            request.body("k=v1&k=v2".into()).unwrap()
        },
        check: |reply, _| same(&json_of(reply)?, &json!({"k": ["v1", "v2"]}), "body"),
    },
    Case {
        name: "a body of just the limit is read",
        request: || request(Method::POST, "/limit/5", "hello"),
        check: |reply, _| reply.is(200, Some(TEXT), b"5"),
    },
    Case {
        name: "one byte over the limit is a 413",
        request: || request(Method::POST, "/limit/4", "hello"),
        check: |reply, _| reply.is(413, Some(TEXT), b"Body exceeded 4b limit"),
    },
    Case {
        name: "a 413 arrives although a megabyte was never read",
        request: || post_megabyte("/limit/10"),
        check: |reply, _| reply.is(413, Some(TEXT), b"Body exceeded 10b limit"),
    },
    Case {
        name: "a reply that begins before its request was read arrives whole",
        request: || post_megabyte("/before/300000"),
        check: |reply, _| {
            same(&reply.body.len(), &300_007, "length")?;
            same(&&reply.body[300_000..], &&b"1048576"[..], "end")
        },
    },
    Case {
        name: "a body can be read twice",
        request: || request(Method::POST, "/twice", "[1]"),
        check: |reply, _| same(&json_of(reply)?, &json!({"same": true}), "body"),
    },
    Case {
        name: "a body that nobody reads does no harm",
        request: || post_megabyte("/ignore"),
        check: |reply, _| reply.is(200, Some(TEXT), b"ignored"),
    },
    Case {
        name: "hello is a text of known length",
        request: || get("/hello"),
        check: |reply, _| reply.is(200, Some(TEXT), b"Hello, world!"),
    },
    Case {
        name: "HEAD is GET without its body",
        request: || request(Method::HEAD, "/hello", ""),
        check: |reply, _| reply.is(200, Some(TEXT), b""),
    },
    Case {
        name: "a number is JSON",
        request: || get("/number"),
        check: |reply, _| reply.is(200, Some(JSON), b"4"),
    },
    Case {
        name: "an object is JSON",
        request: || get("/object"),
        check: |reply, _| reply.is(200, Some(JSON), br#"{"a":"b"}"#),
    },
    Case {
        name: "bytes are not text",
        request: || get("/bytes"),
        check: |reply, _| {
            let all: Vec<u8> = (0..=255).collect();
            reply.is(200, Some(BYTES), &all)
        },
    },
    Case {
        name: "an empty reply is empty",
        request: || get("/empty"),
        check: |reply, _| reply.is(200, None, b""),
    },
    Case {
        name: "nothing is a 204",
        request: || get("/null"),
        check: |reply, _| reply.is(204, None, b""),
    },
    Case {
        name: "a type that the handler set survives",
        request: || get("/html"),
        check: |reply, _| reply.is(200, Some("text/html"), b"<b>hi</b>"),
    },
    Case {
        name: "a 304 has no body",
        request: || get("/status/304"),
        check: |reply, _| reply.is(304, None, b""),
    },
    Case {
        name: "any status gets through",
        request: || get("/status/418"),
        check: |reply, _| same(&reply.status.as_u16(), &418, "status"),
    },
    Case {
        name: "so does one that nobody registered",
        request: || get("/status/599"),
        check: |reply, _| same(&reply.status.as_u16(), &599, "status"),
    },
    Case {
        name: "an informational status is a 500",
        request: || get("/status/101"),
        check: |reply, _| same(&reply.status.as_u16(), &500, "status"),
    },
    Case {
        name: "repeated headers and cookies arrive, each of them",
        request: || get("/headers"),
        check: |reply, can| {
            let cookies: Vec<_> = reply.headers.get_all("set-cookie").iter().collect();
            same(
                &cookies,
                &vec!["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2; Path=/"],
                "cookies",
            )?;
            same(&reply.list("x-multi"), &vec!["one", "two"], "x-multi")?;
            same(
                &reply.list("vary")[..2],
                &["accept".to_owned(), "origin".to_owned()][..],
                "vary",
            )?;
            let latin1 = reply
                .headers
                .get("x-latin1")
                .ok_or("no x-latin1")?
                .as_bytes();
            if can.header_bytes {
                same(&latin1, &&b"caf\xE9"[..], "x-latin1")
            } else {
                Ok(())
            }
        },
    },
    Case {
        name: "of a connection's headers only the handler's own get through",
        request: || get("/hop"),
        check: |reply, _| {
            reply.header("x-keep", "1")?;
            match ["keep-alive", "x-drop"]
                .iter()
                .find(|name| reply.headers.contains_key(**name))
            {
                Some(name) if reply.headers[*name] == "timeout=1" || *name == "x-drop" => {
                    Err(format!("{name} got through"))
                }
                _ => Ok(()),
            }
        },
    },
    Case {
        name: "a redirect is a redirect",
        request: || get("/location/302"),
        check: |reply, _| {
            same(&reply.status.as_u16(), &302, "status")?;
            reply.header("location", "/elsewhere")
        },
    },
    Case {
        name: "a Location beside 201 gets through",
        request: || get("/location/201"),
        check: |reply, _| {
            same(&reply.status.as_u16(), &201, "status")?;
            reply.header("location", "/elsewhere")
        },
    },
    Case {
        name: "a Location beside 200 redirects nobody",
        request: || get("/location/200"),
        check: |reply, can| {
            same(&reply.status.as_u16(), &200, "status")?;
            if can.location_with_200 {
                reply.header("location", "/elsewhere")
            } else {
                Ok(())
            }
        },
    },
    Case {
        name: "what is compressed stays as it is",
        request: || get("/gzip"),
        check: |reply, _| {
            reply.header("content-encoding", "gzip")?;
            same(&reply.body.len(), &33, "length")?;
            same(&&reply.body[..4], &&[0x1f, 0x8b, 8, 0][..], "first bytes")
        },
    },
    Case {
        name: "a large reply arrives whole",
        request: || get("/large/1000000"),
        check: |reply, _| {
            same(&reply.body.len(), &1_000_000, "length")?;
            same(&reply.cut, &false, "cut")
        },
    },
    Case {
        name: "a long header arrives whole",
        request: || get("/header-size/3000"),
        check: |reply, _| reply.header("x-large", &"y".repeat(3000)),
    },
    Case {
        name: "a stream arrives whole",
        request: || get("/stream?chunks=20&size=1000&delay_ms=1"),
        check: |reply, _| reply.is(200, Some(BYTES), "z".repeat(20_000).as_bytes()),
    },
    Case {
        name: "events arrive",
        request: || get("/sse?n=2"),
        check: |reply, _| reply.is(200, Some("text/event-stream"), b"data: 0\n\ndata: 1\n\n"),
    },
    Case {
        name: "an error has its status and message",
        request: || get("/error/409?message=already%20there"),
        check: |reply, _| reply.is(409, Some(TEXT), b"already there"),
    },
    Case {
        name: "a plain error keeps its secrets",
        request: || get("/fail"),
        check: |reply, _| reply.is(500, Some(TEXT), b"Internal Server Error"),
    },
    Case {
        name: "a panic is a 500",
        request: || get("/panic"),
        check: |reply, _| reply.is(500, Some(TEXT), b"Internal Server Error"),
    },
    Case {
        name: "and the next request works",
        request: || get("/hello"),
        check: |reply, _| reply.is(200, Some(TEXT), b"Hello, world!"),
    },
    Case {
        name: "a panic in the body cuts the reply",
        request: || get("/panic-late"),
        check: cut,
    },
    Case {
        name: "an error in the body cuts the reply",
        request: || get("/stream-error"),
        check: cut,
    },
    Case {
        name: "waiting is possible",
        request: || get("/sleep/20"),
        check: |reply, _| reply.is(200, Some(TEXT), b"slept"),
    },
    Case {
        name: "no route is a 404",
        request: || get("/nowhere"),
        check: |reply, _| reply.is(404, Some(TEXT), b"Not Found"),
    },
    Case {
        name: "the wrong method is a 405 that names the right ones",
        request: || request(Method::DELETE, "/hello", ""),
        check: |reply, _| {
            reply.header("allow", "GET, HEAD")?;
            reply.is(405, Some(TEXT), b"Method Not Allowed")
        },
    },
    Case {
        name: "a hostile Host is a 400",
        request: || {
            Request::get("/hello")
                .header("host", "user@a.example")
                .body(Bytes::new())
                .unwrap()
        },
        check: |reply, _| same(&reply.status.as_u16(), &400, "status"),
    },
    Case {
        name: "work after the reply is taken on",
        request: || request(Method::POST, "/after/1", ""),
        check: |reply, can| {
            let status = if can.bodiless_post { 200 } else { 411 };
            same(&reply.status.as_u16(), &status, "status")
        },
    },
    Case {
        name: "and done",
        request: || get("/after"),
        check: |reply, can| {
            same(&reply.status.as_u16(), &200, "status")?;
            // The server does it beside the next request, the others before.
            if can.remembers && can.host != "http" {
                reply.is(200, Some(TEXT), b"1")
            } else {
                Ok(())
            }
        },
    },
];

fn cut(reply: &Received, can: &Can) -> Check {
    match can.cut {
        Cut::Visible => reply.is_cut_after(b"first"),
        Cut::Replaced => reply.is(500, Some(TEXT), b"Internal Server Error"),
        Cut::Invisible => reply.is(200, Some(BYTES), b"first"),
    }
}

fn get(target: &str) -> Request<Bytes> {
    request(Method::GET, target, "")
}

fn request(method: Method, target: &str, body: &'static str) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(target)
        .body(body.into())
        .unwrap()
}

fn post_megabyte(target: &str) -> Request<Bytes> {
    let request = Request::post(target).header("content-type", BYTES);
    request.body(megabyte()).unwrap()
}

fn megabyte() -> Bytes {
    (0..1 << 20).map(|i: u32| (i % 251) as u8).collect()
}

fn json_of(reply: &Received) -> Result<Value, String> {
    let shown = || String::from_utf8_lossy(&reply.body[..reply.body.len().min(200)]).into_owned();
    serde_json::from_slice(&reply.body)
        .map_err(|error| format!("{} {error}: {:?}", reply.status, shown()))
}

/// What `/echo` saw, with its body decoded.
fn echo(reply: &Received) -> Result<Value, String> {
    same(&reply.status.as_u16(), &200, "status")?;
    let seen = json_of(reply)?;
    let body = seen["body"]["base64"]
        .as_str()
        .and_then(|body| BASE64.decode(body).ok());
    same(
        &body.map(|body| json!(body.len())),
        &Some(seen["body"]["length"].clone()),
        "body length",
    )?;
    Ok(seen)
}

fn has(seen: &Value, name: &str, value: &str) -> Check {
    let headers = seen["headers"].as_array().ok_or("no headers")?;
    if headers.iter().any(|header| *header == json!([name, value])) {
        return Ok(());
    }
    Err(format!("no {name}: {value} in {headers:?}"))
}

fn same<T: PartialEq<U> + std::fmt::Debug + ?Sized, U: std::fmt::Debug + ?Sized>(
    got: &T,
    want: &U,
    what: &str,
) -> Check {
    if got == want {
        Ok(())
    } else {
        Err(format!("{what}: got {got:?}, want {want:?}"))
    }
}

impl Received {
    /// Checks status, Content-Type and body; and Content-Length, where there is one.
    fn is(&self, status: u16, content_type: Option<&str>, body: &[u8]) -> Check {
        same(&self.status.as_u16(), &status, "status")?;
        let found = self
            .headers
            .get("content-type")
            .map(|value| value.to_str().unwrap_or("?"));
        same(&found, &content_type, "content-type")?;
        same(&self.cut, &false, "cut")?;
        if self.body != body {
            let (got, want) = (self.body.len(), body.len());
            let shown = String::from_utf8_lossy(&self.body[..got.min(200)]);
            return Err(format!("body: got {got} bytes, want {want}: {shown:?}"));
        }
        match self
            .headers
            .get("content-length")
            .and_then(|length| length.to_str().ok())
        {
            Some(length) if !body.is_empty() => {
                same(length, body.len().to_string().as_str(), "content-length")
            }
            _ => Ok(()),
        }
    }

    fn is_cut_after(&self, body: &[u8]) -> Check {
        same(&self.status.as_u16(), &200, "status")?;
        same(&&self.body[..], &body, "body")?;
        same(&self.cut, &true, "cut")
    }

    fn header(&self, name: &str, value: &str) -> Check {
        let found = self
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("?"));
        same(&found, &Some(value), name)
    }

    /// The members of a header that is a list, however it was split (RFC 9110 §5.3).
    fn list(&self, name: &str) -> Vec<String> {
        let values = self
            .headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .map(|member| member.trim().to_owned())
            .collect()
    }
}
