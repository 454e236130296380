//! What came back.

use std::time::{Duration, Instant};

use anyhost::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::case::{Check, same};

/// A reply as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The status.
    pub status: StatusCode,
    /// The headers, as the transport delivered them.
    pub headers: HeaderMap,
    /// The body, as far as it came.
    pub body: Bytes,
    /// The time from the head to the first piece of the body, and to the last.
    pub pieces: Option<(Duration, Duration)>,
    /// What came behind the body.
    pub trailers: Option<HeaderMap>,
    /// Whether it broke off.
    pub cut: bool,
}

impl Received {
    /// Reads a reply to its end, or to where it breaks off.
    pub async fn read(response: Response) -> Self {
        let (parts, mut body) = response.into_parts();
        let begun = Instant::now();
        let (mut bytes, mut pieces, mut trailers) = (Vec::new(), None, None);
        let cut = loop {
            match body.frame().await {
                None => break false,
                Some(Err(_)) => break true,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let now = begun.elapsed();
                        pieces = Some((pieces.map_or(now, |(first, _)| first), now));
                        bytes.extend_from_slice(&data);
                    }
                    Err(frame) => trailers = frame.into_trailers().ok(),
                },
            }
        };
        Self {
            status: parts.status,
            headers: parts.headers,
            body: bytes.into(),
            pieces,
            trailers,
            cut,
        }
    }

    /// The value of a header, with those of several joined (RFC 9110 §5.3).
    pub fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| latin1(value.as_bytes())).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Checks the status.
    pub fn has_status(&self, status: u16) -> Check {
        same(&self.status.as_u16(), &status, "status")
    }

    /// Checks a header, with the values of several joined.
    pub fn has_header(&self, name: &str, value: &str) -> Check {
        same(&self.header(name).as_deref(), &Some(value), name)
    }

    /// Checks that there is no such header.
    pub fn has_no_header(&self, name: &str) -> Check {
        same(&self.header(name), &None::<String>, name)
    }

    /// Checks status, Content-Type and the whole body; and Content-Length, where there is one.
    pub fn is(&self, status: u16, content_type: Option<&str>, body: &[u8]) -> Check {
        self.has_status(status)?;
        same(
            &self.header("content-type").as_deref(),
            &content_type,
            "content-type",
        )?;
        same(&self.cut, &false, "cut")?;
        if self.body != body {
            let (got, want) = (self.body.len(), body.len());
            let shown = &self.body[..got.min(200)];
            return Err(format!(
                "body: got {got} bytes, want {want}: {}",
                latin1(shown)
            ));
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
    /// When it is none.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let shown = &self.body[..self.body.len().min(200)];
            format!("{} {error}: {:?}", self.status, latin1(shown))
        })
    }
}

/// Bytes as a text of as many characters.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}
