//! Calling a handler in a test, with no socket and no runtime of its own.

mod client;
mod lint;
mod reply;

pub use client::{Client, RequestBuilder};
pub use lint::{Lint, Violation, lint};
pub use reply::Reply;
