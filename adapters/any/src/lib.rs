//! Write one HTTP handler; run it on any host.
//!
//! A handler is an async function from a request to a response. The same binary is a standalone server, an
//! AWS Lambda function (behind API Gateway, a function URL, an Application Load Balancer or VPC Lattice), a CGI
//! program under Apache and other web servers, and, in tests, a function call without a socket.
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
//! - [`run`] detects the host that started the process, and runs the handler there.
//! - [`RequestExt`] reads bodies and the [`Context`] of a request; [`IntoResponse`] lists the types that a handler
//!   can return; [`Error`] is an error with a status.
//! - [`Router`] chooses a handler by method and path. [`with_middleware`] puts a function around a handler,
//!   and [`with_state`] gives handlers shared state. [`with_body_limit`] and [`with_timeout`] limit a route, a router
//!   or a whole program.
//! - [`with_error_mapping`] gives an application's own error types a status, and [`set_error_hook`] passes every error
//!   to a function.
//! - `testing::Client` calls a handler in tests.
//! - The guides, such as [coming from micro](guides::coming_from_micro), show how to do one task each.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `http` | yes | the standalone server |
//! | `lambda` | yes | AWS Lambda |
//! | `cgi` | yes | CGI |
//! | `lambda_http` | no | handlers that were written for the crate `lambda_http`, on every host: `lambda::compat` |
//! | `tls` | yes | HTTPS for the standalone server, with rustls |
//! | `tower` | yes | tower services as handlers, handlers as tower services, and tower layers around handlers |
//! | `testing` | no | a client that calls a handler in tests, and a simulator of the Lambda event sources |
//! | `front-door` | no | the option `--as`, which serves as a Lambda event source would |
//! | `cookies` | no | cookies, also signed and encrypted: [`RequestExt::cookies`] |
//! | `multipart` | no | uploads of HTML forms: [`RequestExt::multipart`] |
//! | `websocket` | no | WebSockets, on the standalone server: [`websocket::upgrade`] |
//! | `metrics` | no | counters of the standalone server, with the `metrics` crate |
//! | `prometheus` | no | `/metrics` for Prometheus, at the address of the option `--metrics` |

#![warn(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

#[cfg(feature = "http")]
mod args;
#[cfg(feature = "http")]
mod commands;
mod detect;
#[cfg(feature = "http")]
mod development;
#[cfg(feature = "http")]
mod front_door;
#[cfg(doc)]
pub mod guides;
mod hosts;
mod log;
mod run;
mod timeout;
mod version;

pub use run::{run, run_with, serve};
pub use timeout::{WithTimeout, with_timeout};
pub use version::set_version;

pub use anyhost_core::handler::{Handler, HandlerSource, IntoHandler, handler};
pub use anyhost_core::{
    Body, BoxError, Context, Error, ErrorKind, ErrorReport, Host, Html, IntoLimit, IntoResponse,
    IntoStatus, InvalidLimit, InvalidProxies, Json, Limit, Next, Proxies, Redirect, Request,
    RequestExt, Response, Result, Router, WithBodyLimit, WithErrorMapping, WithMiddleware,
    WithState, async_trait, bytes, http, send, set_error_hook, with_body_limit, with_error_mapping,
    with_middleware, with_state,
};

pub use anyhost_core::{conditional, problem_json, sse};

#[cfg(feature = "cookies")]
pub use anyhost_core::cookie;
#[cfg(feature = "multipart")]
pub use anyhost_core::multipart;
#[cfg(feature = "websocket")]
pub use anyhost_hyper::websocket;

#[cfg(feature = "testing")]
pub use anyhost_core::testing;
#[cfg(feature = "tower")]
pub use anyhost_core::tower;

/// The standalone server, for programs that configure it in code.
#[cfg(feature = "http")]
pub use anyhost_hyper as server;

/// AWS Lambda: access to the invocation from a request, and the configuration of the function in code.
#[cfg(feature = "lambda")]
pub use anyhost_lambda as lambda;

/// CGI: access to the environment variables from a request, and the configuration of the program in code.
#[cfg(feature = "cgi")]
pub use anyhost_cgi as cgi;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
