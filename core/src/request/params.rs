//! The values of path parameters such as `{name}`.

use percent_encoding::percent_decode_str;

use crate::Result;
use crate::error::bad_request;

/// The names and values of a request's path parameters. The values are still percent-encoded.
#[derive(Clone)]
pub(crate) struct Params {
    /// All names and values, without separators, so that they need only one allocation.
    text: String,
    /// Where each name and each value ends in the text.
    ends: Vec<(usize, usize)>,
}

impl Params {
    /// `None` if there are no parameters. `empty` is the name of a parameter whose value is empty.
    pub(crate) fn new(params: &matchit::Params<'_, '_>, empty: Option<&str>) -> Option<Self> {
        if params.is_empty() && empty.is_none() {
            return None;
        }
        // 48 bytes are enough for one or two parameters. Computing the exact length would need a second pass over
        // matchit's slow iterator.
        let mut text = String::with_capacity(48);
        let mut ends = Vec::with_capacity(params.len());
        for (name, value) in params.iter().chain(empty.map(|name| (name, ""))) {
            text.push_str(name);
            let name_end = text.len();
            text.push_str(value);
            ends.push((name_end, text.len()));
        }
        Some(Self { text, ends })
    }

    /// Returns the percent-decoded value, a 400 if it is not UTF-8, or `None` for an unknown name.
    pub(super) fn get(&self, name: &str) -> Option<Result<String>> {
        let mut start = 0;
        let encoded = self.ends.iter().find_map(|&(name_end, value_end)| {
            let known = &self.text[start..name_end];
            start = value_end;
            (known == name).then(|| &self.text[name_end..value_end])
        })?;
        let decoded = percent_decode_str(encoded).decode_utf8();
        Some(match decoded {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(bad_request(format!(
                "Invalid path parameter {name}: expected UTF-8"
            ))),
        })
    }
}
