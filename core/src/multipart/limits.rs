//! The limits of a multipart body.

use crate::{IntoLimit, Limit, Result};

/// The limits of a multipart body. A request that exceeds a limit gets a 413 response that names the limit.
///
/// | limit | default |
/// |---|---|
/// | the whole body, with the headers of its parts | 10 MiB |
/// | the content of one part | 10 MiB |
/// | the number of parts | 100 |
/// | the headers of one part | 16 KiB; this limit is fixed |
#[derive(Clone, Copy, Debug)]
pub struct MultipartLimits {
    pub(super) total: Limit,
    pub(super) part: Limit,
    pub(super) parts: usize,
}

impl MultipartLimits {
    /// The default limits.
    pub const fn new() -> Self {
        Self {
            total: Limit::mib(10),
            part: Limit::mib(10),
            parts: 100,
        }
    }

    /// Sets the limit of the whole body.
    ///
    /// # Errors
    /// 500 if the limit is invalid, because the application and not the client sets the limit.
    pub fn with_total(mut self, limit: impl IntoLimit) -> Result<Self> {
        self.total = limit.into_limit()?;
        Ok(self)
    }

    /// Sets the limit of the content of each part.
    ///
    /// # Errors
    /// 500 if the limit is invalid.
    pub fn with_part(mut self, limit: impl IntoLimit) -> Result<Self> {
        self.part = limit.into_limit()?;
        Ok(self)
    }

    /// Sets the limit of the number of parts.
    #[must_use]
    pub const fn with_parts(mut self, parts: usize) -> Self {
        self.parts = parts;
        self
    }
}

impl Default for MultipartLimits {
    fn default() -> Self {
        Self::new()
    }
}
