//! The values of path parameters such as `{name}`.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::Result;
use crate::error::bad_request;

/// The names and values of a request's path parameters. The values are still percent-encoded.
#[derive(Clone)]
pub(crate) struct Params(Arc<[(Box<str>, Box<str>)]>);

impl Params {
    pub(crate) fn new<'a>(params: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            params
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the percent-decoded value, a 400 if it is not UTF-8, or `None` for an unknown name.
    pub(super) fn get(&self, name: &str) -> Option<Result<String>> {
        let (_, encoded) = self.0.iter().find(|(known, _)| **known == *name)?;
        let decoded = percent_decode_str(encoded).decode_utf8();
        Some(match decoded {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(bad_request(format!("Invalid path parameter {name}"))),
        })
    }
}
