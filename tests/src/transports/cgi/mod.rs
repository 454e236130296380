//! The probe as a CGI program, in this process or in a new one.

mod child;
mod environment;
mod in_process;
mod response;

pub use child::CgiChild;
pub use in_process::CgiInProcess;
