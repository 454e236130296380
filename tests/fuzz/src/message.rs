//! The text form of most inputs, which is easy to write as a seed and easy to mutate.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

/// A first line, lines `name: value`, an empty line, and a body. Lines end with `\n`.
#[derive(Debug)]
pub struct Message<'a> {
    pub start: &'a [u8],
    pub lines: Vec<&'a [u8]>,
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    pub fn parse(input: &'a [u8]) -> Self {
        let (head, body) = match input.windows(2).position(|two| two == b"\n\n") {
            Some(end) => (&input[..end], &input[end + 2..]),
            None => (input, &b""[..]),
        };
        let mut lines = head.split(|&b| b == b'\n');
        Self {
            start: lines.next().unwrap_or_default(),
            lines: lines.collect(),
            body,
        }
    }

    /// The words of the first line.
    pub fn words(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.start.split(|&b| b == b' ')
    }

    /// The headers, without the lines that are invalid headers.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in &self.lines {
            let Some(colon) = line.iter().position(|&b| b == b':') else {
                continue;
            };
            let value = line[colon + 1..].trim_ascii();
            if let Ok(name) = HeaderName::from_bytes(&line[..colon])
                && let Ok(value) = HeaderValue::from_bytes(value)
            {
                headers.append(name, value);
            }
        }
        headers
    }

    /// The message as a request: its first line is the method and the target, which may contain spaces.
    /// `None` if the types of the crate `http` reject the method or the target.
    pub fn request(&self) -> Option<Request<Bytes>> {
        let space = self.start.iter().position(|&b| b == b' ')?;
        let (method, target) = (&self.start[..space], &self.start[space + 1..]);
        let mut request = Request::new(Bytes::copy_from_slice(self.body));
        *request.method_mut() = Method::from_bytes(method).ok()?;
        *request.uri_mut() = http::Uri::from_maybe_shared(Bytes::copy_from_slice(target)).ok()?;
        *request.headers_mut() = self.headers();
        Some(request)
    }
}
