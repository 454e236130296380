//! Faults of a multipart body as errors with a status.

use http::StatusCode;

use super::chunks::HeadersTooLarge;
use super::limits::MultipartLimits;
use crate::error::{Error, bad_request};

/// The error for a fault that the parser found.
pub(super) fn from_parser(error: multer::Error, limits: &MultipartLimits) -> Error {
    match error {
        multer::Error::StreamSizeExceeded { .. } => body_too_large(limits),
        multer::Error::FieldSizeExceeded { ref field_name, .. } => {
            let name = field_name.as_deref().unwrap_or_default();
            part_too_large(name, limits.part)
        }
        multer::Error::StreamReadFailed(source) if source.is::<HeadersTooLarge>() => {
            too_large("Headers of a part exceeded 16kb limit".to_owned())
        }
        multer::Error::StreamReadFailed(source) => Error::broken_body(source),
        error => bad_request("Invalid multipart body").with_source(error),
    }
}

pub(super) fn body_too_large(limits: &MultipartLimits) -> Error {
    too_large(format!("Body exceeded {} limit", limits.total))
}

/// `name` comes from the client. It is quoted and escaped, so that it cannot be mistaken for a part of the message.
pub(super) fn part_too_large(name: &str, limit: crate::Limit) -> Error {
    too_large(format!("Part {name:?} exceeded {limit} limit"))
}

pub(super) fn too_many_parts(limits: &MultipartLimits) -> Error {
    too_large(format!("Body exceeded {} parts limit", limits.parts))
}

fn too_large(message: String) -> Error {
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}
