//! Invocations: the loop, one invocation, and a response that is sent while it is produced.

mod respond;
mod run;
mod streaming;
mod trace_variable;

#[cfg(feature = "testing")]
pub(crate) use respond::handler_end;
pub(crate) use respond::{InvocationResult, respond};
pub(crate) use run::run;
