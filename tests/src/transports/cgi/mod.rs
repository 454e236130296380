//! A CGI program: what a web server hands to it, and what it makes of its reply.

mod child;
mod environment;
mod in_process;
mod reply;

pub use child::CgiChild;
pub use in_process::CgiInProcess;
