//! The values of path parameters such as `{name}`.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode;
use smallvec::SmallVec;

use crate::Result;
use crate::error::bad_request;

/// The names and values of a request's path parameters. The values are still percent-encoded.
#[derive(Clone)]
pub(crate) struct Params {
    /// The names, which all requests to a route share.
    names: Arc<[Box<str>]>,
    /// The values in the order of the names, each with a line break after it. A path cannot contain a line break.
    /// 64 bytes are enough for most requests, which then need no allocation for the values.
    values: SmallVec<[u8; 64]>,
}

impl Params {
    /// `value` returns the value of a parameter.
    pub(crate) fn new<'a>(names: &Arc<[Box<str>]>, value: impl Fn(&str) -> &'a str) -> Self {
        let mut values = SmallVec::new();
        for name in names.iter() {
            values.extend_from_slice(value(name).as_bytes());
            values.push(b'\n');
        }
        Self {
            names: names.clone(),
            values,
        }
    }

    /// Returns the percent-decoded value, a 400 if it is not UTF-8, or `None` for an unknown name.
    pub(super) fn get(&self, name: &str) -> Option<Result<Cow<'_, str>>> {
        let index = self.names.iter().position(|known| **known == *name)?;
        let encoded = self.values.split(|&b| b == b'\n').nth(index)?;
        let decoded = percent_decode(encoded).decode_utf8();
        Some(
            decoded
                .map_err(|_| bad_request(format!("Invalid path parameter {name}: expected UTF-8"))),
        )
    }
}
