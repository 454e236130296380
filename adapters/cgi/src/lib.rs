//! Runs an [anyhost](https://docs.rs/anyhost) handler as a CGI program (RFC 3875): one process serves one
//! request, from the environment and stdin, and writes the response to stdout.
//!
//! ```no_run
//! # fn example() -> Result<(), anyhost_cgi::ServeError> {
//! // Before the first thread: reserves stdout for the response, and removes HTTP_PROXY.
//! anyhost_cgi::isolate()?;
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! runtime.block_on(anyhost_cgi::serve(|| async { "Hello, world!" }))?;
//! # Ok(()) }
//! ```
//!
//! Web servers differ in how they start CGI programs. This adapter handles these differences:
//!
//! - Apache and fcgiwrap write the whole request body before they read the response. A response longer
//!   than 4 KiB therefore waits until the body was read (to disk, if it is long), and the rest of the body
//!   is discarded before the process ends.
//! - A variable can contain any bytes, and can occur twice.
//! - PATH_INFO is decoded, and often normalized. REQUEST_URI is raw, and may differ after a rewrite. The raw
//!   path is used only if it decodes to PATH_INFO.
//! - Most servers pass on an aborted response as if it were complete. The adapter sends Content-Length whenever the
//!   length is known, because behind some of these servers only Content-Length shows the client that the response was
//!   aborted.

#![warn(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod body;
mod context;
mod environment;
mod error;
mod exchange;
mod options;
mod path;
mod process;
mod program;
mod request;
mod response;

pub use anyhost_core::adapter::Outcome;
pub use anyhost_core::adapter::settings::InvalidSetting;

pub use environment::Environment;
pub use error::ServeError;
pub use options::ProgramOptions;
pub use process::isolate;
pub use program::{Program, fail, serve};
