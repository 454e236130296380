//! Runs an [anyhost](https://docs.rs/anyhost) handler as a standalone HTTP server, on hyper.
//!
//! The server supports HTTP/1.0, HTTP/1.1 and HTTP/2 (over TLS, and without TLS by prior knowledge) on the same port,
//! listens on several sockets at once, applies [`Limits`] to clients, and drains on SIGTERM and SIGINT.
//!
//! ```no_run
//! use anyhost_hyper::{Limits, Server};
//!
//! # async fn example() -> std::io::Result<()> {
//! let server = Server::bind("127.0.0.1:0").await?.with_limits(Limits::strict());
//! println!("listening on {}", server.url());
//! server.serve(|| async { "Hello, world!" }).await
//! # }
//! ```
//!
//! Operators configure a server with flags and environment variables: see [`ServerOptions`] and [`ListenOptions`].
//!
//! # Features
//! All features are off by default.
//!
//! - `tls`: TLS, with rustls.
//! - `metrics`: counters, gauges and a histogram, through the `metrics` facade.
//! - `prometheus`: these metrics at `/metrics`, for Prometheus.
//! - `websocket`: WebSockets, with tungstenite.
//!
//! # Platforms
//! The crate supports Unix. It is tested on Linux.
//!
//! # Re-exports
//! [`hyper`], [`TokioExecutor`] and `rustls` are part of the signatures of [`Server::with_http1`],
//! [`Server::with_http2`] and `Tls::from_config`. [`ServerOptions`] and [`ListenOptions`] implement traits of [`clap`].

#![warn(clippy::expect_used, clippy::unwrap_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod alarm;
mod connection;
mod context;
mod event_rate;
mod listen;
mod metrics;
#[cfg(feature = "prometheus")]
mod prometheus;
mod request;
mod server;
mod settings;
mod shutdown;
mod signals;
mod state;
mod timeouts;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use clap;
pub use hyper;
pub use hyper_util::rt::TokioExecutor;
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;

pub use anyhost_core::adapter::settings::InvalidSetting;
pub use anyhost_core::{IntoHandler, Proxies};
#[cfg(feature = "tls")]
pub use listen::Tls;
pub use listen::{Address, Inherited, InvalidAddress};
pub use request::AccessRecord;
pub use server::Server;
pub use settings::{Limits, ListenOptions, ServerOptions, invalid_setting};
pub use shutdown::Handle;
pub use signals::{ExitAfter, ShutdownSignals};
