//! A response as the client received it.

use std::time::{Duration, Instant};

use anyhost::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::case::{Check, same};

/// A response as the client received it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// The status.
    pub status: StatusCode,
    /// The headers, as the transport delivered them.
    pub headers: HeaderMap,
    /// The body, or the part of it that arrived before the response was aborted.
    pub body: Bytes,
    /// The time from the request to the head, if it was measured.
    pub head_time: Option<Duration>,
    /// The times from the head to the first chunk and to the last chunk of the body.
    pub chunk_times: Option<(Duration, Duration)>,
    /// The trailers.
    pub trailers: Option<HeaderMap>,
    /// Whether the response was aborted.
    pub aborted: bool,
}

impl Received {
    /// Reads a response until it ends or is aborted.
    pub async fn read(response: Response) -> Self {
        let (parts, mut body) = response.into_parts();
        let head = Instant::now();
        let (mut bytes, mut chunk_times, mut trailers) = (Vec::new(), None, None);
        let aborted = loop {
            match body.frame().await {
                None => break false,
                Some(Err(_)) => break true,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let now = head.elapsed();
                        chunk_times = Some((chunk_times.map_or(now, |(first, _)| first), now));
                        bytes.extend_from_slice(&data);
                    }
                    Err(frame) => trailers = frame.into_trailers().ok(),
                },
            }
        };
        Self {
            chunk_times,
            trailers,
            aborted,
            ..Self::new(parts.status, parts.headers, bytes.into())
        }
    }

    /// A complete response without trailers.
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            status,
            headers,
            body,
            head_time: None,
            chunk_times: None,
            trailers: None,
            aborted: false,
        }
    }

    /// The value of a header; the values of a repeated header are joined with commas (RFC 9110 §5.3).
    pub fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| latin1(value.as_bytes())).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Checks the status.
    ///
    /// # Errors
    /// The status of the response and the expected one.
    pub fn has_status(&self, status: u16) -> Check {
        same(&self.status.as_u16(), &status, "status")
    }

    /// Checks a header; the values of a repeated header are joined with commas.
    ///
    /// # Errors
    /// The value in the response and the expected one.
    pub fn has_header(&self, name: &str, value: &str) -> Check {
        same(&self.header(name).as_deref(), &Some(value), name)
    }

    /// Checks that the response does not have a header.
    ///
    /// # Errors
    /// The value in the response.
    pub fn has_no_header(&self, name: &str) -> Check {
        same(&self.header(name), &None::<String>, name)
    }

    /// Checks the status, the Content-Type and the complete body. Checks the Content-Length if the
    /// response has one and has a body.
    ///
    /// # Errors
    /// The first difference.
    pub fn is(&self, status: u16, content_type: Option<&str>, body: &[u8]) -> Check {
        self.has_status(status)?;
        let actual = self.header("content-type");
        same(&actual.as_deref(), &content_type, "content-type")?;
        same(&self.aborted, &false, "aborted")?;
        if self.body != body {
            let (got, want) = (self.body.len(), body.len());
            let start = latin1(&self.body[..got.min(200)]);
            return Err(format!("body: got {got} bytes, want {want}: {start}"));
        }
        match self.header("content-length") {
            Some(length) if !body.is_empty() => {
                same(&length, &body.len().to_string(), "content-length")
            }
            _ => Ok(()),
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// The body is not valid JSON.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let start = latin1(&self.body[..self.body.len().min(200)]);
            format!("status {}, invalid JSON: {error}: {start:?}", self.status)
        })
    }
}

/// Decodes each byte as one character, so that any value can be shown.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}
