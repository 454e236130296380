//! The environment variable with the X-Ray trace header of the invocation.
#![allow(unsafe_code)]

/// "Building a custom runtime for AWS Lambda": AWS SDKs send the value of this variable with their requests. Without
/// it, traces end at the function, and Lambda cannot detect a function that invokes itself in a loop.
const VARIABLE: &str = "_X_AMZN_TRACE_ID";

/// The variable as the last invocation left it.
#[derive(Default)]
pub(super) struct TraceVariable {
    is_removed: bool,
}

impl TraceVariable {
    /// Sets the variable for an invocation, or removes it if the invocation has no trace.
    ///
    /// The process has only one such variable, so only functions with one invocation at a time may call this. The
    /// invocation loop calls it between two invocations, when the handler and its `wait_until` work have ended.
    pub(super) fn set(&mut self, trace_id: Option<&str>) {
        let was_removed = std::mem::replace(&mut self.is_removed, trace_id.is_none());
        if was_removed && self.is_removed {
            return;
        }
        // SAFETY: no other thread may access the environment without the lock of the standard library. Between two
        // invocations only threads that the application has started can run, and Rust code in them reads the environment
        // through the standard library. The remaining risk is C code that calls `getenv` in such a thread at this moment,
        // such as the resolver of the C library. glibc keeps the memory of replaced values, so that `getenv` reads the old or
        // the new value there. AWS's own runtimes set the variable in the same way.
        unsafe {
            match trace_id {
                Some(trace_id) => std::env::set_var(VARIABLE, trace_id),
                None => std::env::remove_var(VARIABLE),
            }
        }
    }
}
