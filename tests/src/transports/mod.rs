//! The ways to the probe: a call, a wire, a CGI program, a Lambda function.

mod cgi;
mod emulator;
mod in_process;
mod local;
mod server;
mod wire;

pub use cgi::{CgiChild, CgiInProcess};
pub use emulator::{Emulated, emulated};
pub use in_process::InProcess;
pub use local::{Start, local};
pub use wire::Wire;
