//! A CGI program: what a web server hands to it, and what it makes of its response.

mod child;
mod environment;
mod in_process;
mod response;

pub use child::CgiChild;
pub use in_process::CgiInProcess;
