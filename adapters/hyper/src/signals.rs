//! Unix signals.
//!
//! A separate thread receives shutdown signals. Tokio polls for signals on a worker thread, and handlers that
//! block all workers would delay the shutdown.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_core::Stream;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::{exit, signal_name};
use tokio::sync::Notify;

/// The signals that shut a server down. Orchestrators send either one (Fly sends SIGINT), so both mean the same.
const SHUTDOWN_SIGNALS: [i32; 2] = [SIGTERM, SIGINT];

/// The time that a second signal leaves for an orderly end.
const SECOND_SIGNAL_GRACE: Duration = Duration::from_secs(3);

/// SIGTERM and SIGINT, from the time at which this is created.
///
/// [`Server::serve`](crate::Server::serve) installs the signal handlers itself. A program that takes time to start can
/// install them before, because the kernel discards a signal without a handler for process 1, as in a container: the
/// server would start after the request to stop. Signals that were not [received](Self::received) shut down the server
/// when it starts.
///
/// The signal handlers stay installed when this is dropped.
#[derive(Debug)]
pub struct ShutdownSignals {
    /// How many signals of the process were received here, or before this was created.
    seen: usize,
}

/// The signals of the process.
struct Arrived {
    signals: Mutex<Vec<i32>>,
    /// How many of them were received.
    seen: AtomicUsize,
    changed: Notify,
    /// When the process has to end after a signal.
    exit: Mutex<Weak<Duration>>,
}

static ARRIVED: Arrived = Arrived {
    signals: Mutex::new(Vec::new()),
    seen: AtomicUsize::new(0),
    changed: Notify::const_new(),
    exit: Mutex::new(Weak::new()),
};

impl ShutdownSignals {
    /// Installs the signal handlers of the process, if that was not done before.
    ///
    /// # Errors
    /// When a signal handler cannot be installed, or a thread cannot be created.
    pub fn install() -> io::Result<Self> {
        static INSTALLED: Mutex<bool> = Mutex::new(false);
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if !*installed {
            let mut signals = signal_hook::iterator::Signals::new(SHUTDOWN_SIGNALS)?;
            let thread = std::thread::Builder::new().name("anyhost-signals".to_owned());
            thread.spawn(move || signals.forever().for_each(|signal| ARRIVED.add(signal)))?;
            *installed = true;
        }
        Ok(Self {
            seen: ARRIVED.seen.load(Ordering::Acquire),
        })
    }

    /// Waits for the next signal, and returns its name.
    pub async fn received(&mut self) -> &'static str {
        let mut changed = pin!(ARRIVED.changed.notified());
        loop {
            // Registered before the signals are read: one between the two must not be missed.
            changed.as_mut().enable();
            if let Some(signal) = ARRIVED.get(self.seen) {
                self.seen += 1;
                ARRIVED.seen.fetch_max(self.seen, Ordering::AcqRel);
                return signal_name(signal).unwrap_or("unknown signal");
            }
            changed.as_mut().await;
            changed.set(ARRIVED.changed.notified());
        }
    }

    /// Ends the process with the status 0 if it still runs this long after a signal, or three seconds after a second
    /// signal, until the returned value is dropped. Threads that block, for example in a write to a log that is not
    /// read, then cannot keep the process alive.
    #[must_use]
    pub fn exit_after(&self, time: Duration) -> ExitAfter {
        let time = Arc::new(time);
        *ARRIVED.exit() = Arc::downgrade(&time);
        ExitAfter { _time: time }
    }
}

/// The value that [`ShutdownSignals::exit_after`] returns.
#[derive(Debug)]
pub struct ExitAfter {
    _time: Arc<Duration>,
}

impl Arrived {
    fn add(&self, signal: i32) {
        let count = {
            let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
            signals.push(signal);
            signals.len()
        };
        self.changed.notify_waiters();
        let Some(time) = self.exit().upgrade() else {
            return;
        };
        let time = match count {
            1 => *time,
            _ => SECOND_SIGNAL_GRACE.min(*time),
        };
        // Without a thread, the process ends when its shutdown is complete.
        let _ = std::thread::Builder::new().spawn(move || {
            std::thread::sleep(time);
            if ARRIVED.exit().strong_count() > 0 {
                exit(0);
            }
        });
    }

    fn get(&self, index: usize) -> Option<i32> {
        let signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        signals.get(index).copied()
    }

    fn exit(&self) -> std::sync::MutexGuard<'_, Weak<Duration>> {
        self.exit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives other signals as a stream. The process's signal handlers stay installed when this is dropped.
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
pub(crate) struct Signals(signal_hook_tokio::Signals);

#[cfg_attr(not(feature = "tls"), allow(dead_code))]
impl Signals {
    pub(crate) fn new(signals: impl IntoIterator<Item = i32>) -> io::Result<Self> {
        signal_hook_tokio::Signals::new(signals).map(Self)
    }

    /// Waits for a signal.
    pub(crate) async fn next(&mut self) {
        poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)).await;
    }
}
