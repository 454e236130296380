//! SIGTERM and the deadline, at next to no cost for a reply that is ready at once, and with an end also
//! for a handler that blocks its thread.

#![allow(unsafe_code)]

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::SIGTERM;
use signal_hook::low_level::{pipe, register};

/// How long after SIGTERM or the deadline a process may take that does not listen: Apache kills after
/// 3 seconds.
const PATIENCE: u32 = 3;

/// From its creation on, SIGTERM does not end the process any more.
///
/// tokio's own signals set up tables and a registration at start-up, which a process that lives for
/// one request would pay each time. Here the runtime hears of it only once somebody waits.
pub(crate) struct Terminate {
    told: UnixStream,
    replied: Replied,
}

/// Set once the reply is out: from then on SIGTERM means nothing.
#[derive(Clone)]
pub(crate) struct Replied(Arc<AtomicBool>);

impl Replied {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Terminate {
    pub(crate) fn new() -> io::Result<Self> {
        let (told, tell) = UnixStream::pair()?;
        pipe::register(SIGTERM, tell)?;
        let replied = Replied(Arc::default());
        let over = replied.0.clone();
        let insist = move || {
            if !over.load(Ordering::Relaxed) {
                // SAFETY: alarm is async-signal-safe (POSIX.1-2017, 2.4.3).
                unsafe { libc::alarm(PATIENCE) };
            }
        };
        // SAFETY: an atomic load and alarm are all that it does.
        unsafe { register(SIGTERM, insist) }?;
        Ok(Self { told, replied })
    }

    pub(crate) fn replied(&self) -> Replied {
        self.replied.clone()
    }

    /// Waits for SIGTERM.
    pub(crate) async fn recv(self) -> io::Result<()> {
        self.told.set_nonblocking(true)?;
        let told = tokio::net::UnixStream::from_std(self.told)?;
        told.readable().await
    }
}

/// Ends the process, by SIGALRM, a little after a deadline that nothing in it has heeded.
pub(crate) fn insist_on(deadline: Duration) {
    let seconds = u32::try_from(deadline.as_secs()).unwrap_or(u32::MAX);
    // SAFETY: it has no preconditions.
    unsafe { libc::alarm(seconds.saturating_add(1 + PATIENCE)) };
}
