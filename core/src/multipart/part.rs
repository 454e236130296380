//! One part of a multipart body.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;

use super::MultipartLimits;
use super::error::{from_parser, part_too_large};
use super::file_name::sanitized;
use crate::request::charset;
use crate::{Error, IntoLimit, Limit, Result};

/// One part of a multipart body: a field of the form, or a file.
///
/// The name, the file name and the Content-Type come from the client and can have any value.
pub struct Part<'a> {
    field: &'a mut multer::Field<'static>,
    limits: &'a MultipartLimits,
}

impl<'a> Part<'a> {
    pub(super) fn new(field: &'a mut multer::Field<'static>, limits: &'a MultipartLimits) -> Self {
        Self { field, limits }
    }

    /// The name of the field in the form.
    pub fn name(&self) -> &str {
        self.field.name().unwrap_or_default()
    }

    /// The name of the file on the client's computer, changed so that it is the name of one ordinary file: without folders,
    /// without dots at its start, only letters, digits, spaces and `.-_()`, and at most 200 bytes. `None` if
    /// the part is not a file, or if nothing of the name is left.
    ///
    /// Two clients can send the same name, and the name can end with any extension. A program that stores files
    /// should make up their names itself, and store this name beside them.
    pub fn file_name(&self) -> Option<String> {
        self.field.file_name().and_then(sanitized)
    }

    /// The name of the file as the client sent it, for example `../../etc/passwd`. It must not be used as a path.
    pub fn raw_file_name(&self) -> Option<&str> {
        self.field.file_name()
    }

    /// The Content-Type as the client sent it. Browsers derive it from the extension of the file.
    pub fn content_type(&self) -> Option<&str> {
        self.field.headers().get(CONTENT_TYPE)?.to_str().ok()
    }

    /// Waits for the next chunk of the content. Returns `None` at the end.
    ///
    /// # Errors
    /// As for [`Multipart::next_part`](super::Multipart::next_part).
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            let chunk = self.field.chunk().await;
            match chunk.map_err(|error| from_parser(error, self.limits))? {
                Some(chunk) if chunk.is_empty() => {}
                chunk => return Ok(chunk),
            }
        }
    }

    /// Reads the rest of the content into memory, at most 1 MiB.
    ///
    /// # Errors
    /// 413 if the content exceeds the limit; otherwise as for [`Multipart::next_part`](super::Multipart::next_part).
    pub async fn buffer(&mut self) -> Result<Bytes> {
        self.buffer_limit(Limit::DEFAULT).await
    }

    /// Reads the rest of the content into memory, at most `limit`.
    ///
    /// # Errors
    /// As for [`buffer`](Self::buffer).
    pub async fn buffer_limit(&mut self, limit: impl IntoLimit) -> Result<Bytes> {
        let limit = limit.into_limit()?;
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if (bytes.len() + chunk.len()) as u64 > limit.bytes() {
                return Err(part_too_large(self.name(), limit));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// Reads the rest of the content as text, at most 1 MiB, in the charset of its Content-Type or in UTF-8.
    ///
    /// # Errors
    /// 400 if the text is not valid in its charset; otherwise as for [`buffer`](Self::buffer).
    pub async fn text(&mut self) -> Result<String> {
        self.text_limit(Limit::DEFAULT).await
    }

    /// Reads the rest of the content as text, at most `limit`.
    ///
    /// # Errors
    /// As for [`text`](Self::text).
    pub async fn text_limit(&mut self, limit: impl IntoLimit) -> Result<String> {
        let bytes = self.buffer_limit(limit).await?;
        let text = charset::decode(self.field.headers(), &bytes).map_err(Error::broken_body)?;
        Ok(text.into_owned())
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
