//! The core of [anyhost](https://docs.rs/anyhost): write one HTTP handler, run it on any host.
//!
//! Applications depend on `anyhost`, which re-exports the application API of this crate. Authors of adapters
//! for other hosts depend on this crate and begin with [`adapter`].
//!
//! This crate contains handlers, requests, responses, bodies, errors and the router, and the rules that are
//! the same on every host. It depends on no socket, runtime or clock, and compiles for
//! `wasm32-unknown-unknown`.
//!
//! ```
//! use anyhost_core::{Request, RequestExt, Result, handler};
//!
//! async fn greet(mut request: Request) -> Result<String> {
//!     Ok(format!("Hello, {}!", request.text().await?))
//! }
//!
//! let greet = handler(greet);
//! ```

#![warn(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

pub mod adapter;
mod body;
mod body_limit;
mod conditional;
mod context;
#[cfg(feature = "cookies")]
mod cookies;
mod error;
mod error_hook;
mod error_mapping;
pub mod handler;
mod host;
mod limit;
mod middleware;
#[cfg(feature = "multipart")]
pub mod multipart;
mod origin;
mod panic;
mod pending_work;
mod problem;
mod request;
mod response;
mod router;
pub mod sse;
mod state;
mod status;

#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;

pub use async_trait::async_trait;
#[cfg(feature = "cookies")]
pub use cookie;
pub use {bytes, http};

pub use adapter::forwarded::{InvalidProxies, Proxies};
pub use body::Body;
pub use body_limit::{WithBodyLimit, with_body_limit};
pub use conditional::conditional;
pub use context::Context;
pub use error::{BoxError, Error};
pub use error_hook::{ErrorKind, ErrorReport, set_error_hook};
pub use error_mapping::{WithErrorMapping, with_error_mapping};
pub use handler::{Handler, HandlerSource, IntoHandler, handler};
pub use host::Host;
pub use limit::{InvalidLimit, Limit};
pub use middleware::{Next, WithMiddleware, with_middleware};
pub use problem::problem_json;
pub use request::{IntoLimit, RequestExt};
pub use response::{Html, IntoResponse, Json, Redirect, send};
pub use router::Router;
pub use state::{WithState, with_state};
pub use status::IntoStatus;

/// A request: the type of the [`http`] crate with this crate's body.
pub type Request = http::Request<Body>;
/// A response: the type of the [`http`] crate with this crate's body.
pub type Response = http::Response<Body>;
/// The result of a handler, and of functions that handlers call.
pub type Result<T = Response, E = Error> = std::result::Result<T, E>;
