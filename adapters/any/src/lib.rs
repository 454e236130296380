//! Write one HTTP handler; run it on any host.
//!
//! A handler is an async function from a request to a reply. The same binary is a standalone
//! server, an AWS Lambda function behind any of its front doors, a CGI program under Apache and
//! others, and, in tests, a plain call with no socket.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use anyhost::{Request, RequestExt, Result};
//!
//! async fn greet(mut request: Request) -> Result<String> {
//!     let name = request.text_limit("1kb").await?;
//!     Ok(format!("Hello, {name}!"))
//! }
//!
//! fn main() -> ExitCode {
//!     anyhost::run(greet)
//! }
//! ```
//!
//! [`run`] finds out which host woke the process; see there for the order. What handlers take and
//! return is in [`RequestExt`] and [`IntoResponse`]; errors are [`Error`]; choosing between handlers
//! is [`Router`]; testing them is `testing::Client`.
//!
//! # Features
//! One for each host (`http`, `lambda`, `cgi`), `tls` for HTTPS, and `testing` and `tower`; all are on by
//! default. `metrics` gives the standalone server counters.

#![warn(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

#[cfg(feature = "http")]
mod args;
mod detect;
#[cfg(any(feature = "cgi", feature = "http", feature = "lambda"))]
mod hosts;
mod log;
mod run;

pub use anyhost_core::*;
pub use run::{run, run_with, serve};

/// The standalone server, for those who want to hold it in their hands.
#[cfg(feature = "http")]
pub use anyhost_hyper as server;

/// The Lambda function: what handlers can learn of their invocation.
#[cfg(feature = "lambda")]
pub use anyhost_lambda as lambda;

/// The CGI program: what handlers can learn of their environment.
#[cfg(feature = "cgi")]
pub use anyhost_cgi as cgi;

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
