//! Runs an [anyhost](https://docs.rs/anyhost) handler as an AWS Lambda function.
//!
//! It answers every front door that speaks HTTP: Function URLs, API Gateway REST and HTTP APIs (both
//! payload formats), Application Load Balancers in both header modes, VPC Lattice, and API Gateway
//! WebSockets. Which one an event came from is read off the event. What a deployment decides is said to
//! [`Function`], or to its environment.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! anyhost_lambda::serve(|| async { "Hello, world!" }).await
//! # }
//! ```
//!
//! What it promises beyond the rules that all hosts share:
//!
//! - Paths and queries are what the client sent, byte for byte, wherever AWS kept them; repeated headers
//!   and cookies arrive and leave as many.
//! - A reply is base64 if its bytes are no UTF-8 or have a Content-Encoding, and is never altered.
//! - Errors, panics, malformed events and oversized replies are HTTP replies. Nothing that an event
//!   holds ends the process.

#![warn(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod context;
mod event;
mod extension;
#[cfg(feature = "testing")]
pub mod front_door;
mod function;
mod invoke;
pub mod log;
mod options;
mod path;
mod request;
mod response;
mod restore;
mod runtime;
mod stream;
mod worker;

pub use context::LambdaContext;
pub use event::Source;
pub use function::{Function, invoke, report_init_error, serve};
pub use lambda_http::SnapStartResource;
pub use lambda_http::request::RequestContext;
pub use options::Mode;
