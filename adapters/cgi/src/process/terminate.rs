//! SIGTERM and SIGALRM.
//!
//! Handling these signals costs almost nothing if the response is ready at once, and both signals end the process
//! even if a handler blocks its thread.

#![allow(unsafe_code)]

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::SIGTERM;
use signal_hook::low_level::{pipe, register};

/// SIGALRM ends the process this many seconds after SIGTERM or the deadline, if the process still runs. Apache sends
/// SIGKILL after 3 seconds.
const ALARM: u32 = 3;

/// Catches SIGTERM. Once this value exists, the signal does not end the process directly.
///
/// Tokio's signal handling allocates tables and registers with the I/O driver at start-up. A process that serves one
/// request would pay that cost for each request. Here, the socket is registered with the runtime only when
/// [`recv`](Self::recv) is polled.
pub(crate) struct Terminate {
    signals: UnixStream,
    response_sent: ResponseSent,
}

/// A flag for the signal handler. After the flag is set, SIGTERM is ignored.
#[derive(Clone)]
pub(crate) struct ResponseSent(Arc<AtomicBool>);

impl ResponseSent {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Terminate {
    pub(crate) fn new() -> io::Result<Self> {
        let (signals, notify) = UnixStream::pair()?;
        pipe::register(SIGTERM, notify)?;
        let response_sent = ResponseSent(Arc::default());
        let is_sent = response_sent.0.clone();
        let start_alarm = move || {
            if !is_sent.load(Ordering::Relaxed) {
                // SAFETY: alarm is async-signal-safe (POSIX.1-2017, 2.4.3).
                unsafe { libc::alarm(ALARM) };
            }
        };
        // SAFETY: the handler only loads an atomic and calls alarm. Both are async-signal-safe.
        unsafe { register(SIGTERM, start_alarm) }?;
        Ok(Self {
            signals,
            response_sent,
        })
    }

    pub(crate) fn response_sent(&self) -> ResponseSent {
        self.response_sent.clone()
    }

    /// Waits for SIGTERM.
    pub(crate) async fn recv(self) -> io::Result<()> {
        self.signals.set_nonblocking(true)?;
        let signals = tokio::net::UnixStream::from_std(self.signals)?;
        signals.readable().await
    }
}

/// Ends the process with SIGALRM 4 seconds after the deadline, if a handler blocks its thread.
pub(crate) fn set_alarm(deadline: Duration) {
    let seconds = u32::try_from(deadline.as_secs()).unwrap_or(u32::MAX);
    // SAFETY: alarm has no preconditions.
    unsafe { libc::alarm(seconds.saturating_add(1 + ALARM)) };
}
