//! The transports: in-process, HTTP, CGI and Lambda.

mod cgi;
mod emulator;
mod front_door;
mod hostile;
mod http_transport;
mod in_process;
mod local;
mod local_hosts;
mod rie;
mod server;

pub use cgi::{CgiChild, CgiInProcess};
pub use emulator::Emulator;
use emulator::emulated;
pub use front_door::Lambda;
pub use hostile::HostileCgi;
pub use http_transport::HttpTransport;
pub use in_process::InProcess;
pub use local::{LocalTransport, local_transports};
pub use local_hosts::local_hosts;
use rie::under_rie;
