//! Events, and telling where they come from.

mod json;
mod source;

pub(crate) use json::Json;
pub use source::Source;
