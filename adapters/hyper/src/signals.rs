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

/// The signals that shut a server down. Most orchestrators send SIGTERM and Fly sends SIGINT, so both have the same
/// effect.
const SHUTDOWN_SIGNALS: [i32; 2] = [SIGTERM, SIGINT];

/// How long the process can still run after a second signal.
const SECOND_SIGNAL_GRACE: Duration = Duration::from_secs(3);

/// Receives SIGTERM and SIGINT, from the time at which this value is created.
///
/// [`Server::serve`](crate::Server::serve) installs the signal handlers itself. A program that takes long to start
/// should install the signal handlers first. In a container, the program is process 1, and the kernel discards a signal
/// to process 1 that has no handler. The server would then start although the signal to stop was sent before. Signals
/// that arrive earlier, and that the program has not [received](Self::received), shut down the server when it starts.
///
/// The signal handlers stay installed when this value is dropped.
#[derive(Debug)]
pub struct ShutdownSignals {
    /// The number of signals of the process that this value has received, or that were received before it was created.
    seen: usize,
}

/// The shutdown signals that the process has received so far.
struct Arrived {
    signals: Mutex<Vec<i32>>,
    /// How many of `signals` were returned by [`ShutdownSignals::received`].
    seen: AtomicUsize,
    changed: Notify,
    /// How long after a signal the process has to end.
    exit: Mutex<Weak<Duration>>,
}

static ARRIVED: Arrived = Arrived {
    signals: Mutex::new(Vec::new()),
    seen: AtomicUsize::new(0),
    changed: Notify::const_new(),
    exit: Mutex::new(Weak::new()),
};

impl ShutdownSignals {
    /// Installs the signal handlers of the process, unless they are installed already.
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
            // Registered before the signals are read, so that a signal between these two steps is not missed.
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

    /// Ends the process with the status 0 if it still runs `time` after a signal, or three seconds after a second
    /// signal. Dropping the returned value turns this limit off. Without the limit, threads that block, for example in
    /// a write to a log that is not read, could keep the process alive.
    #[must_use]
    pub fn exit_after(&self, time: Duration) -> ExitAfter {
        let time = Arc::new(time);
        *ARRIVED.exit() = Arc::downgrade(&time);
        ExitAfter { _time: time }
    }
}

/// The value that [`ShutdownSignals::exit_after`] returns. The limit applies until this value is dropped.
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
        // If no thread can be created, the process ends only when its shutdown is complete.
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

/// Receives other signals as a stream. The process's signal handlers stay installed when this value is dropped.
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
