//! Invocations: the loop, one invocation, and a response that is sent while it is produced.

mod respond;
mod run;
mod streaming;

pub(crate) use respond::{InvocationResult, respond};
pub(crate) use run::run;
