//! The types that handlers can use as a status.

use http::StatusCode;

use crate::{Error, Result};

/// A status: a [`StatusCode`], or its number.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a status",
    note = "a status is a `StatusCode` such as `StatusCode::CREATED`, or a `u16` such as `201`"
)]
pub trait IntoStatus {
    /// Converts the value into a status.
    ///
    /// # Errors
    /// 500 for a number that is not from 100 to 999, which is an error in the application.
    fn into_status(self) -> Result<StatusCode>;
}

impl IntoStatus for StatusCode {
    fn into_status(self) -> Result<StatusCode> {
        Ok(self)
    }
}

impl IntoStatus for u16 {
    fn into_status(self) -> Result<StatusCode> {
        StatusCode::from_u16(self).map_err(|_| {
            let source = format!("invalid status {self}: expected a number from 100 to 999");
            Error::from_status(StatusCode::INTERNAL_SERVER_ERROR).with_source(source)
        })
    }
}
