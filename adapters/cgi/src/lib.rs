//! Runs an [anyhost](https://docs.rs/anyhost) handler as a CGI program (RFC 3875): one process, one
//! request from environment and stdin, one reply on stdout.
//!
//! ```no_run
//! # fn example() -> std::io::Result<()> {
//! // Before the first thread: stdout becomes the reply's alone, and HTTP_PROXY goes.
//! anyhost_cgi::isolate()?;
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! runtime.block_on(anyhost_cgi::serve(|| async { "Hello, world!" }))
//! # }
//! ```
//!
//! What web servers do to their children differs a lot. This adapter is built for these facts:
//!
//! - Apache and fcgiwrap write the whole request body before they read any output. So a reply of
//!   more than 4 KiB waits until the body has been taken in, on disk if need be, and what nobody
//!   reads of it is drained before the process ends.
//! - A variable may hold any bytes, and may be there twice.
//! - PATH_INFO is decoded and often normalised; REQUEST_URI is raw and may be rewritten. They are
//!   reconciled (see the module `path`).
//! - Most servers show a reply that was cut as a whole one. Content-Length is sent when it is known,
//!   since it is the only sign that some of them heed.

#![warn(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod context;
mod environment;
mod exchange;
mod input;
mod isolate;
mod output;
mod path;
mod program;
mod request;
mod response;
mod spool;
mod terminate;

pub use environment::Environment;
pub use isolate::isolate;
pub use program::{Program, fail, serve};
