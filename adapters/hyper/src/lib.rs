//! Runs an [anyhost](https://docs.rs/anyhost) handler as a standalone HTTP server, on hyper.
//!
//! It speaks HTTP/1.0, HTTP/1.1 and HTTP/2 (over TLS and by prior knowledge) on the same port, listens on
//! several sockets at once, has [`Limits`] for what a client may take, and drains on SIGTERM and SIGINT.
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
//! # Features
//! `tls` for HTTPS with rustls, `metrics` for counters. Neither is on by default.

#![warn(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod accept;
mod access;
mod address;
mod connection;
mod counters;
mod detect;
mod environment;
mod handling;
mod io;
mod limits;
mod listener;
mod options;
mod proxy_protocol;
mod request;
mod request_id;
mod response;
mod server;
mod service;
mod shutdown;
#[cfg(feature = "tls")]
mod tls;
mod upload;
mod watch;
mod work;

pub use address::{Address, InvalidAddress};
pub use hyper;
pub use limits::Limits;
pub use listener::Inherited;
pub use server::Server;
pub use shutdown::Handle;
#[cfg(feature = "tls")]
pub use tls::Tls;
