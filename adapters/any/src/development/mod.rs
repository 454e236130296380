//! Development mode: a log of requests and responses with their headers and bodies.

mod body;
mod logged;
mod record;
mod style;
mod text;

pub(crate) use logged::serve_logged;
pub(crate) use record::REQUEST_TARGET;
pub(crate) use style::Style;
