//! For authors of adapters: everything that has to be the same on every host.
//!
//! An adapter connects a host to handlers. It does three things:
//!
//! 1. It **decodes** the input from the host into a [`Request`](crate::Request), and puts a
//!    [`Context`](crate::Context) into the request's extensions.
//! 2. It calls [`exchange`](exchange()), which runs the handler and applies all rules for requests, errors and
//!    responses.
//! 3. It **encodes** the response for the host, and then calls [`finish_after_response`].
//!
//! This module makes the decisions that every adapter needs. An adapter rejects input that it cannot decode with
//! [`reject`]. The following code is a complete adapter for a host that supplies a path and accepts a string:
//!
//! ```
//! use std::sync::Arc;
//!
//! use anyhost_core::adapter::{self, Deadline, RequestInfo};
//! use anyhost_core::{Context, Handler, Host, Request, handler};
//! use http_body_util::BodyExt;
//!
//! const TOY: Host = Host::new("toy");
//!
//! async fn serve(handler: Arc<dyn Handler>, path: &[u8]) -> String {
//!     let context = Context::new(TOY);
//!     let response = match adapter::path::target(path, None) {
//!         Ok(target) => {
//!             let mut request = Request::default();
//!             *request.uri_mut() = target.into();
//!             request.extensions_mut().insert(context.clone());
//!             adapter::exchange(handler, request, Deadline::none()).await.response
//!         }
//!         Err(error) => adapter::reject(error, &RequestInfo::unknown(context.clone())),
//!     };
//!     let (head, body) = response.into_parts();
//!     let text = match body.collect().await {
//!         Ok(body) => format!("{} {:?}", head.status.as_u16(), body.to_bytes()),
//!         Err(_) => "aborted".to_owned(),
//!     };
//!     adapter::finish_after_response(&context, std::future::pending()).await;
//!     text
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let hello = Arc::new(handler(|| async { "Hello!" }));
//! assert_eq!(serve(hello.clone(), b"/").await, "200 b\"Hello!\"");
//! assert_eq!(serve(hello, b"no path").await, "400 b\"Invalid request target\"");
//! # }
//! ```
//!
//! The conformance suite, `anyhost-conformance`, checks that an adapter follows all rules.

mod after_response;
pub(crate) mod authority;
mod deadline;
mod drain;
mod error_response;
mod exchange;
pub mod forwarded;
pub mod headers;
#[cfg(feature = "json_log")]
pub mod json_log;
mod log;
mod outcome;
pub mod path;
mod request_info;
mod request_rules;
mod response_body;
mod response_rules;
pub mod settings;

pub use after_response::{finish_after_response, has_work_after_response, request_context};
pub use deadline::{Deadline, DeadlineExceeded, Timer};
pub use drain::DrainSignal;
#[cfg(feature = "tower")]
pub(crate) use error_response::error_response;
pub use exchange::{
    Exchange, Exchanged, exchange, exchange_in, finish_response, log_aborted, reject, report_error,
    response_to, timed_out,
};
#[cfg(feature = "tower")]
pub(crate) use log::handler_error as log_handler_error;
pub use outcome::Outcome;
pub use request_info::RequestInfo;

pub use crate::context::is_development;

/// Converts panics into errors.
pub mod panic {
    pub use crate::origin::backtrace;
    pub use crate::panic::{Panic, catch_panic, message, record_location};
}
