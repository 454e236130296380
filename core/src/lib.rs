//! The core of [anyhost](https://docs.rs/anyhost): write one HTTP handler, run it on any host.
//!
//! This crate holds what a handler is and what every reply obeys. It knows no host: no socket, no
//! runtime, no clock. Applications depend on `anyhost`; those who write an adapter for another
//! host depend on this crate, make a [`Request`] with a [`Context`] in its extensions, and call
//! [`dispatch`].
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
mod context;
mod error;
mod handler;
mod host;
mod limit;
mod panic;
mod pending_work;
mod reply;
mod request;
mod router;
mod state;

#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;

pub use async_trait::async_trait;
pub use {bytes, http};

pub use adapter::forwarded::{InvalidProxies, Origin, Proxies};
pub use body::Body;
pub use context::Context;
pub use error::{BoxError, Error};
pub use handler::{Function, Handler, IntoHandler, IsHandler, TakesNothing, TakesRequest, handler};
pub use host::Host;
pub use limit::{InvalidLimit, Limit};
pub use reply::{IntoResponse, Json, send};
pub use request::{IntoLimit, RequestExt};
pub use router::Router;
pub use state::{WithState, with_state};

#[doc(hidden)]
pub use adapter::panic::record_location as logs_panic;
#[doc(hidden)]
pub use adapter::path::{encode_path, target};

/// The former name of [`adapter::exchange`](adapter::exchange()); goes away once all adapters use that.
#[doc(hidden)]
pub async fn dispatch<H: Handler + ?Sized>(handler: &H, request: Request) -> Response {
    adapter::dispatch_borrowed(handler, request).await
}

/// The former name of [`adapter::response_to`].
#[doc(hidden)]
pub fn refuse(error: Error, context: &Context) -> Response {
    adapter::response_to(error, &adapter::RequestInfo::unknown(context.clone()))
}

/// A request, as [`http`] has it.
pub type Request = http::Request<Body>;
/// A reply, as [`http`] has it.
pub type Response = http::Response<Body>;
/// What a handler returns.
pub type Result<T = Response, E = Error> = std::result::Result<T, E>;
