//! The invocation loop, the handling of one invocation, and responses that are sent while they are produced.

mod replay;
mod respond;
mod run;
mod streaming;
mod trace_variable;

pub use replay::{Posted, Replay};
#[cfg(feature = "testing")]
pub(crate) use respond::handler_end;
pub(crate) use respond::{InvocationResult, respond};
pub(crate) use run::run;
