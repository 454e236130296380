//! How an exchange ended.

/// How an exchange ended, for logs, metrics and exit codes.
///
/// [`exchange`](super::exchange()) reports the first four outcomes. The other three occur while the adapter sends
/// the response, and only the adapter can observe them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler returned a response or an error, and the client gets the response.
    Completed,
    /// The request was rejected before the handler was called.
    Rejected,
    /// The handler panicked; the client gets a 500.
    Panicked,
    /// The deadline passed before the head of the response was sent; the client gets a 504.
    TimedOut,
    /// The response was aborted after its head was sent: its body failed, or the deadline passed.
    Aborted,
    /// The client disconnected before the response was complete.
    ClientDisconnected,
    /// The process received SIGTERM before the response was complete.
    Terminated,
}
