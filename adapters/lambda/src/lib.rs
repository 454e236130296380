//! Runs an [anyhost](https://docs.rs/anyhost) handler as an AWS Lambda function.
//!
//! The adapter accepts the events of all sources that send HTTP requests: Function URLs, API Gateway REST APIs and
//! HTTP APIs (both payload formats), Application Load Balancers in both header modes, VPC Lattice, and API Gateway
//! WebSocket APIs. The adapter recognizes the [source](Source) of each event. [`Function`] has the settings of the
//! deployment, which can also be environment variables ([`FunctionOptions`]).
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! anyhost_lambda::serve(|| async { "Hello, world!" }).await
//! # }
//! ```
//!
//! Beyond the rules for all hosts:
//!
//! - The path and query are as the client sent them, byte for byte, unless AWS changes them. Repeated headers and
//!   cookies are kept in both directions.
//! - A response body is in base64 if it is not valid UTF-8 or has a Content-Encoding. The bytes of a body never
//!   change.
//! - Errors, panics, invalid requests and responses that are too large become HTTP responses. No event can end the
//!   process. An event that may not be an HTTP request never gets an HTTP response, because for a queue a response
//!   means that the message was processed.
//!
//! # Features
//! | feature | meaning |
//! |---|---|
//! | `testing` | [`front_door`]: the event sources in-process, for tests |
//! | `lambda_http` | [`compat`]: runs handlers written for the crate `lambda_http` |

#![warn(clippy::expect_used, clippy::unwrap_used, clippy::panic)]
// The docs link to the modules of both features.
#![cfg_attr(
    not(all(feature = "testing", feature = "lambda_http")),
    allow(rustdoc::broken_intra_doc_links)
)]

mod body;
#[cfg(feature = "lambda_http")]
pub mod compat;
mod context;
mod event;
#[cfg(feature = "testing")]
pub mod front_door;
mod function;
mod header_text;
mod invocation;
pub mod log;
mod options;
mod request;
mod response;
mod runtime;

pub use anyhost_core::adapter::settings::InvalidSetting;
pub use {serde_json, tracing_subscriber};

pub use context::LambdaContext;
pub use event::Source;
pub use function::{Function, invoke, report_init_error, serve};
pub use invocation::{Posted, Replay};
pub use options::{FunctionOptions, Mode, UrlPath};
pub use runtime::snapstart::{BoxFuture, SnapStartResource, register_resource};
