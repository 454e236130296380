//! The process: its descriptors, environment and signals.

mod isolate;
mod terminate;
mod variables;

pub use isolate::isolate;
pub(crate) use isolate::{detach, take_response_file};
pub(crate) use terminate::{Terminate, set_alarm};
pub(crate) use variables::for_each_variable;
