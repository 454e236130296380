//! Calls a handler in a test, without a socket.
//!
//! [`Client`] calls the handler in the runtime of the test. [`lint`] wraps a handler, and reports each
//! rule of HTTP that the handler or its host breaks.

mod client;
mod lint;
mod response;

pub use client::{Client, RequestBuilder};
pub use lint::{Lint, Violation, lint};
pub use response::TestResponse;
