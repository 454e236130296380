//! Errors as replies: what they tell, and what they keep to themselves.

use http::Method;

use super::{TEXT, get, post, request};
use crate::case::Case;

pub(super) const CASES: &[Case] = &[
    Case::new("an error has its status and message").sends(
        || get("/error/409?message=already%20there"),
        |reply, _| reply.is(409, Some(TEXT), b"already there"),
    ),
    Case::new("an error without a message has the status's own").sends(
        || get("/error/429"),
        |reply, _| reply.is(429, Some(TEXT), b"Too Many Requests"),
    ),
    Case::new("a plain error keeps its secrets").sends(
        || get("/fail"),
        |reply, _| reply.is(500, Some(TEXT), b"Internal Server Error"),
    ),
    Case::new("a panic is a 500").sends(
        || get("/panic"),
        |reply, _| reply.is(500, Some(TEXT), b"Internal Server Error"),
    ),
    Case::new("and the next request works")
        .sends(
            || get("/hello"),
            |reply, _| reply.is(200, Some(TEXT), b"Hello, world!"),
        )
        .after(&[|| get("/panic")]),
    Case::new("an encoding that is none shows nothing of the inside")
        .unlike()
        .sends(
            || get("/nowhere/%zz%"),
            |reply, _| {
                let text = String::from_utf8_lossy(&reply.body).into_owned();
                let tells = ["panicked", ".rs", "backtrace", "anyhost"]
                    .iter()
                    .any(|part| text.contains(part));
                match reply.status.is_client_error() && !tells {
                    true => Ok(()),
                    false => Err(format!("{}: {text}", reply.status)),
                }
            },
        ),
    Case::new("no route is a 404").sends(
        || get("/nowhere"),
        |reply, _| reply.is(404, Some(TEXT), b"Not Found"),
    ),
    Case::new("a parameter that cannot be understood is a 400")
        .sends(|| get("/large/many"), |reply, _| reply.has_status(400)),
    Case::new("the wrong method is a 405 that names the right ones").sends(
        || request(Method::DELETE, "/hello", "x"),
        |reply, _| {
            reply.has_header("allow", "GET, HEAD")?;
            reply.is(405, Some(TEXT), b"Method Not Allowed")
        },
    ),
    Case::new("so it is with a body that nobody wanted").sends(
        || post("/hello", "a body"),
        |reply, _| reply.is(405, Some(TEXT), b"Method Not Allowed"),
    ),
    Case::new("the contract is checked on both sides").sends(
        || get("/violation"),
        |reply, _| reply.is(500, Some(TEXT), b"Internal Server Error"),
    ),
];
