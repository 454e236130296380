//! SIGTERM and SIGALRM.
//!
//! Handling these signals costs almost nothing if the response is ready at once, and both signals end the process
//! even if a handler blocks its thread.

#![allow(unsafe_code)]

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::net::{SendFlags, send};
use signal_hook::consts::SIGTERM;
use signal_hook::low_level::register;

/// SIGALRM ends the process this many seconds after SIGTERM or the deadline, if the process still runs. Apache sends
/// SIGKILL after 3 seconds.
const ALARM: u32 = 3;

/// Catches SIGTERM. Once this value exists, the signal does not end the process directly.
///
/// Tokio's signal handling allocates tables and registers with the I/O driver at start-up. A process that serves one
/// request would pay that cost for each request. Here, sockets are created and registered with the runtime only when
/// [`recv`](Self::recv) is polled.
pub(crate) struct Terminate(Arc<State>);

/// What the signal handler reads and writes.
#[derive(Default)]
struct State {
    is_received: AtomicBool,
    /// After this flag is set, SIGTERM is ignored.
    is_response_sent: AtomicBool,
    /// The sockets that wake [`Terminate::recv`]: the signal handler writes to the second one. The first one stays open,
    /// because a write to a closed connection would raise SIGPIPE.
    sockets: OnceLock<[UnixStream; 2]>,
}

/// Marks the response as sent.
pub(crate) struct ResponseSent(Arc<State>);

impl ResponseSent {
    pub(crate) fn set(&self) {
        self.0.is_response_sent.store(true, Ordering::Relaxed);
    }
}

impl Terminate {
    pub(crate) fn new() -> io::Result<Self> {
        let state = Arc::<State>::default();
        let shared = state.clone();
        // SAFETY: `handle` is async-signal-safe.
        unsafe { register(SIGTERM, move || shared.handle()) }?;
        Ok(Self(state))
    }

    pub(crate) fn response_sent(&self) -> ResponseSent {
        ResponseSent(self.0.clone())
    }

    /// Waits for SIGTERM.
    pub(crate) async fn recv(self) -> io::Result<()> {
        let (receiver, sender) = UnixStream::pair()?;
        let signals = receiver.try_clone()?;
        let _ = self.0.sockets.set([receiver, sender]);
        // Either the signal handler sees the sockets, or this function sees the flag.
        fence(Ordering::SeqCst);
        if self.0.is_received.load(Ordering::Relaxed) {
            return Ok(());
        }
        signals.set_nonblocking(true)?;
        let signals = tokio::net::UnixStream::from_std(signals)?;
        signals.readable().await
    }
}

impl State {
    /// The signal handler. It only uses atomics, alarm and send, which are async-signal-safe (POSIX.1-2017, 2.4.3).
    /// `OnceLock::get` loads an atomic.
    fn handle(&self) {
        if !self.is_response_sent.load(Ordering::Relaxed) {
            // SAFETY: alarm has no preconditions.
            unsafe { libc::alarm(ALARM) };
        }
        self.is_received.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if let Some([_, sender]) = self.sockets.get() {
            // If the socket is full, earlier signals have made the receiver readable.
            let _ = send(sender, &[0], SendFlags::DONTWAIT);
        }
    }
}

/// Ends the process with SIGALRM 4 seconds after the deadline, if a handler blocks its thread.
pub(crate) fn set_alarm(deadline: Duration) {
    let seconds = u32::try_from(deadline.as_secs()).unwrap_or(u32::MAX);
    // SAFETY: alarm has no preconditions.
    unsafe { libc::alarm(seconds.saturating_add(1 + ALARM)) };
}
