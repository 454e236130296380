//! Errors and panics become responses that do not reveal internals.

use http::Method;

use super::{TEXT, get, post, request};
use crate::case::Case;

pub(super) const CASES: &[Case] = &[
    Case::new("an error from a handler has its status and message").sends(
        || get("/error/409?message=already%20there"),
        |response, _| response.is(409, Some(TEXT), b"already there"),
    ),
    Case::new("an error without a message has the reason phrase as its body").sends(
        || get("/error/429"),
        |response, _| response.is(429, Some(TEXT), b"Too Many Requests"),
    ),
    Case::new("the text of an internal error does not reach the client").sends(
        || get("/fail"),
        |response, _| response.is(500, Some(TEXT), b"Internal Server Error"),
    ),
    Case::new("a panic before the response becomes a 500").sends(
        || get("/panic"),
        |response, _| response.is(500, Some(TEXT), b"Internal Server Error"),
    ),
    Case::new("the request after a panic succeeds")
        .sends(
            || get("/hello"),
            |response, _| response.is(200, Some(TEXT), b"Hello, world!"),
        )
        .after(&[|| get("/panic")]),
    Case::new("an invalid percent-encoding does not reveal internals")
        .host_specific()
        .sends(
            || get("/nowhere/%zz%"),
            |response, _| {
                let text = String::from_utf8_lossy(&response.body).into_owned();
                let reveals = ["panicked", ".rs", "backtrace", "anyhost"]
                    .iter()
                    .any(|part| text.contains(part));
                match response.status.is_client_error() && !reveals {
                    true => Ok(()),
                    false => Err(format!("{}: {text}", response.status)),
                }
            },
        ),
    Case::new("a path without a route gets a 404").sends(
        || get("/nowhere"),
        |response, _| response.is(404, Some(TEXT), b"Not Found"),
    ),
    Case::new("an invalid path parameter gets a 400").sends(
        || get("/large/many"),
        |response, _| response.has_status(400),
    ),
    Case::new("a wrong method gets a 405 with an Allow header").sends(
        || request(Method::DELETE, "/hello", "x"),
        |response, _| {
            response.has_header("allow", "GET, HEAD")?;
            response.is(405, Some(TEXT), b"Method Not Allowed")
        },
    ),
    Case::new("a wrong method with an unread body gets a 405").sends(
        || post("/hello", "a body"),
        |response, _| response.is(405, Some(TEXT), b"Method Not Allowed"),
    ),
    Case::new("a response that violates the contract becomes a 500 under lint").sends(
        || get("/violation"),
        |response, _| response.is(500, Some(TEXT), b"Internal Server Error"),
    ),
];
