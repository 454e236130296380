//! AWS's event sources in-process, for tests. A simulated source converts a request into an event, and the response
//! of the function into the response that the client gets.
//!
//! A [`Client`] sends requests to a handler through one event source. The code between the event and the response is
//! the code that runs on Lambda. So a test shows the behavior of a deployment, for example the headers that are
//! joined, the paths that are decoded, and the sizes that are too large.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use anyhost_core::Request;
//! use anyhost_lambda::Source;
//! use anyhost_lambda::front_door::Client;
//!
//! let echo = |request: Request| async move { request.uri().to_string() };
//! for (source, expected) in [
//!     (Source::FunctionUrl, "/users/a%2Fb?q=1"),
//!     // An HTTP API decodes the path, so an encoded slash becomes a separator.
//!     (Source::HttpApi, "/users/a/b?q=1"),
//! ] {
//!     let request = http::Request::get("/users/a%2Fb?q=1").body("")?;
//!     let seen = Client::new(source, echo).send(request).await.text().await;
//!     assert_eq!(seen.as_deref().ok(), Some(expected), "{source}");
//! }
//! # Ok(()) }
//! ```
//!
//! The behavior was recorded on AWS, or is in its documentation ("Lambda functions as targets", "Using AWS
//! Lambda with Amazon API Gateway", "Invoking Lambda function URLs", "Lambda functions as targets in VPC
//! Lattice", "Quotas for API Gateway", "Lambda quotas"). The decisions of authorizers, CORS, compression and the time
//! limits of streamed responses are not simulated.

pub(crate) mod claims;
mod client;
mod deployment;
mod event;
mod headers;
mod invocation;
mod response;
mod serve;
mod simulator;
mod stream;

pub use claims::Claims;
pub use client::Client;
pub use simulator::Simulator;
