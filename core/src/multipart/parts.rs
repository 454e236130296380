//! Reads a multipart body part by part.

use std::fmt;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body::Body as _;
use multer::{Constraints, SizeLimit, parse_boundary};

use super::chunks::{Allowance, Chunks};
use super::error::{body_too_large, from_parser, too_many_parts};
use super::{MultipartLimits, Part};
use crate::error::{Error, bad_request};
use crate::{Request, Result};

/// How many bytes the parser may read to find the end of the headers of a part. The parser may have read one more chunk before.
const MAX_HEADERS: usize = 16 * 1024;

/// RFC 2046 §5.1.1.
const MAX_BOUNDARY: usize = 70;

/// The parts of a `multipart/form-data` body, in the order in which the client sent them. Returned by
/// [`RequestExt::multipart`](crate::RequestExt::multipart).
///
/// The parts are read from the client as the handler asks for them, so that a body of any size needs about the same memory.
pub struct Multipart {
    parser: multer::Multipart<'static>,
    /// The part that was returned last. The parser does not continue while this value exists.
    current: Option<multer::Field<'static>>,
    allowance: Allowance,
    limits: MultipartLimits,
    parts: usize,
}

impl Multipart {
    /// Takes the body out of the request.
    pub(crate) fn of_request(request: &mut Request, limits: MultipartLimits) -> Result<Self> {
        let boundary = boundary(request)?;
        if request.body().size_hint().lower() > limits.total.bytes() {
            return Err(body_too_large(&limits));
        }
        let allowance = Allowance::unlimited();
        let chunks = Chunks::new(std::mem::take(request.body_mut()), allowance.clone());
        let size_limit = SizeLimit::new().whole_stream(limits.total.bytes());
        let size_limit = size_limit.per_field(limits.part.bytes());
        let constraints = Constraints::new().size_limit(size_limit);
        Ok(Self {
            parser: multer::Multipart::with_constraints(chunks, boundary, constraints),
            current: None,
            allowance,
            limits,
            parts: 0,
        })
    }

    /// Waits for the next part. Returns `None` after the last part. The rest of the part before is skipped; its size
    /// counts towards the limits.
    ///
    /// # Errors
    /// | cause | status | message |
    /// |---|---|---|
    /// | the body exceeds its limit | 413 | `Body exceeded 10mb limit` |
    /// | a part exceeds its limit | 413 | `Part "file" exceeded 10mb limit` |
    /// | the body has more parts than its limit | 413 | `Body exceeded 100 parts limit` |
    /// | the headers of a part exceed their limit | 413 | `Headers of a part exceeded 16kb limit` |
    /// | the body is not a valid multipart body, or a part has no name | 400 | `Invalid multipart body` |
    /// | the client aborted the body | 400 | `Invalid body` |
    pub async fn next_part(&mut self) -> Result<Option<Part<'_>>> {
        while self.chunk().await?.is_some() {}
        self.current = None;
        self.allowance.set(MAX_HEADERS);
        let field = self.parser.next_field().await;
        self.allowance.set(usize::MAX);
        let Some(field) = field.map_err(|error| from_parser(error, &self.limits))? else {
            return Ok(None);
        };
        self.parts += 1;
        if self.parts > self.limits.parts {
            return Err(too_many_parts(&self.limits));
        }
        // RFC 7578 §4.2: each part has a name.
        if field.name().is_none() {
            let source = "a part has no name";
            return Err(bad_request("Invalid multipart body").with_source(source));
        }
        Ok(Some(Part::new(self.current.insert(field), &self.limits)))
    }

    /// The next chunk of the current part.
    async fn chunk(&mut self) -> Result<Option<bytes::Bytes>> {
        match &mut self.current {
            Some(field) => {
                let chunk = field.chunk().await;
                chunk.map_err(|error| from_parser(error, &self.limits))
            }
            None => Ok(None),
        }
    }
}

/// # Errors
/// 415 for a request with another media type, 400 for an invalid boundary.
fn boundary(request: &Request) -> Result<String> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    match parse_boundary(content_type) {
        Ok(boundary) if (1..=MAX_BOUNDARY).contains(&boundary.len()) => Ok(boundary),
        _ if is_form_data(content_type) => Err(bad_request("Invalid multipart boundary")),
        _ => Err(Error::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expected multipart/form-data",
        )),
    }
}

fn is_form_data(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type
        .trim()
        .eq_ignore_ascii_case("multipart/form-data")
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
