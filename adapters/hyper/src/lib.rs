//! Runs an [anyhost](https://docs.rs/anyhost) handler as a standalone HTTP server, on hyper.
//!
//! It speaks HTTP/1.0, HTTP/1.1 and, by prior knowledge, HTTP/2 on the same port, listens on several
//! TCP and Unix sockets at once, and drains on SIGTERM and SIGINT.
//!
//! ```no_run
//! use anyhost_hyper::Server;
//!
//! # async fn example() -> std::io::Result<()> {
//! let server = Server::bind("127.0.0.1:0").await?;
//! println!("listening on {}", server.url());
//! server.serve(|| async { "Hello, world!" }).await
//! # }
//! ```

#![warn(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod address;
mod connection;
mod context;
mod detect;
mod linger;
mod listener;
mod pulse;
mod request;
mod response;
mod server;
mod shutdown;
mod work;

pub use address::{Address, InvalidAddress};
pub use server::{Inherited, Server};
