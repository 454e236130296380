//! Calling a handler in a test, with no socket and no runtime of its own.

mod client;
mod reply;

pub use client::{Client, RequestBuilder};
pub use reply::Reply;
