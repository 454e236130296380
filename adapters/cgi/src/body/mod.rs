//! The request body on stdin and the response on stdout.

mod drain;
mod framing;
mod input;
mod output;
mod reader;
mod shared;
mod spool;

pub(crate) use drain::drain;
pub(crate) use framing::Framing;
pub(crate) use input::Input;
pub(crate) use output::Output;
