//! A request that can be sent several times.

use anyhost::{Body, Request};
use anyhost_conformance::Need;

/// A request, and the capabilities that a host needs to carry it.
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) target: &'static str,
    pub(crate) needs: Vec<Need>,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
}

impl Sent {
    pub(crate) fn new(method: &'static str, target: &'static str) -> Self {
        Self {
            method,
            target,
            needs: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub(crate) fn json(self, body: &'static str) -> Self {
        self.body("application/json", body)
    }

    pub(crate) fn form(self, body: &'static str) -> Self {
        self.body("application/x-www-form-urlencoded", body)
    }

    pub(crate) fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    pub(crate) fn request(&self) -> Request {
        let mut request = http::Request::builder()
            .method(self.method)
            .uri(self.target);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        request.body(Body::from(self.body.clone())).unwrap()
    }
}

pub(crate) fn get(target: &'static str) -> Sent {
    Sent::new("GET", target)
}

pub(crate) fn post(target: &'static str) -> Sent {
    Sent::new("POST", target)
}
