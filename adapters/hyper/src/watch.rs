//! Who gets nowhere: one look a second at every connection.
//!
//! A timer for each connection is exact, and as long as one is set anywhere tokio reads the clock
//! around each wait: some 1,000 instructions for each request, more than all limits together should
//! cost. So a thread looks at all connections once a second. What happens on one is counted in its
//! [`Pulse`], a few plain stores for a request.

use std::future::poll_fn;
use std::io;
use std::mem::take;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::limits::Limits;

/// The time between two looks, and so what a time limit may be exceeded by.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its first request, or the rest of a later one's head, has not come yet.
    Head,
    /// It waits for another request.
    Idle,
    /// A request is in flight.
    Busy,
    /// Its client does not read.
    Stalled,
}

/// Counts what happens on a connection.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    begun: AtomicU32,
    ended: AtomicU32,
    /// Writes that went through.
    written: AtomicU32,
    /// Bytes have come since a request last began or ended.
    fresh: AtomicBool,
    /// It is HTTP/2, whose bytes say nothing about heads: a PING is none.
    multiplexed: AtomicBool,
    /// A write waits.
    stalled: AtomicBool,
    /// It has been in one state for too long.
    over: AtomicBool,
    /// A request on it has taken too long.
    overdue: AtomicBool,
    closed: AtomicBool,
    task: OnceLock<Waker>,
}

impl Pulse {
    /// A request began. It is over when hyper has let go of its reply.
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.fresh.store(false, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.fresh.store(false, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) {
        self.fresh.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_multiplexed(&self) {
        self.multiplexed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn wrote(&self, done: bool) {
        if done {
            self.written.store(
                self.written.load(Ordering::Relaxed).wrapping_add(1),
                Ordering::Relaxed,
            );
        }
        self.stalled.store(!done, Ordering::Relaxed);
    }

    pub(crate) fn state(&self) -> State {
        let fresh = self.fresh.load(Ordering::Relaxed) && !self.multiplexed.load(Ordering::Relaxed);
        match self.at_rest() {
            _ if self.stalled.load(Ordering::Relaxed) => State::Stalled,
            None => State::Busy,
            Some(0) => State::Head,
            Some(_) if fresh => State::Head,
            Some(_) => State::Idle,
        }
    }

    /// How many requests there have been, if none is in flight.
    pub(crate) fn at_rest(&self) -> Option<u32> {
        let begun = self.begun.load(Ordering::Relaxed);
        (begun == self.ended.load(Ordering::Relaxed)).then_some(begun)
    }

    /// Makes the task that calls this the one to be woken when there is something to know.
    pub(crate) async fn belongs_to_this_task(&self) {
        poll_fn(|cx| {
            let _ = self.task.set(cx.waker().clone());
            Poll::Ready(())
        })
        .await;
    }

    /// Whether its time is over; asking gives it another chance.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire) && self.over.swap(false, Ordering::AcqRel)
    }

    /// A request on it has taken too long, and has no other way to end.
    pub(crate) fn overdue(&self) {
        self.overdue.store(true, Ordering::Release);
        self.over.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.load(Ordering::Acquire)
    }

    /// Waits for that.
    pub(crate) async fn over(&self) {
        poll_fn(|_| match self.is_over() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    fn wake(&self) {
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }

    /// What must stay the same for the time to go on, and how long it may.
    ///
    /// Whatever a client does before its first request is for nothing, and so are PINGs between requests, whether
    /// it reads the answers or not.
    fn stage(&self, limits: &Limits) -> (Stage, Option<Duration>) {
        let written = self.written.load(Ordering::Relaxed);
        let multiplexed = self.multiplexed.load(Ordering::Relaxed);
        match (self.at_rest(), self.state()) {
            (Some(0), _) => ((State::Head, 0, 0), limits.head),
            (Some(begun), State::Head) => ((State::Head, begun, 0), limits.head),
            (Some(begun), _) if multiplexed => ((State::Idle, begun, 0), limits.idle),
            (Some(begun), State::Stalled) => ((State::Stalled, begun, written), limits.write_stall),
            (Some(begun), _) => ((State::Idle, begun, 0), limits.idle),
            (None, State::Stalled) => ((State::Stalled, 0, written), limits.write_stall),
            (None, _) => ((State::Busy, 0, 0), None),
        }
    }
}

/// A state, how many requests there had been and how many writes.
type Stage = (State, u32, u32);

/// All connections of a server.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    pulse: Arc<Pulse>,
    seen: Option<Stage>,
    ticks: u32,
}

/// A connection's place among them, for as long as it is open.
#[derive(Debug)]
pub(crate) struct Watched(pub(crate) Arc<Pulse>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }
}

impl Connections {
    pub(crate) fn add(&self) -> Watched {
        let pulse = Arc::<Pulse>::default();
        self.lock().push(Entry {
            pulse: pulse.clone(),
            seen: None,
            ticks: 0,
        });
        Watched(pulse)
    }

    /// Wakes the task of each connection: something concerns them all.
    pub(crate) fn wake_all(&self) {
        self.lock().iter().for_each(|entry| entry.pulse.wake());
    }

    /// Looks at each connection, and wakes those whose time is over.
    pub(crate) fn tick(&self, limits: &Limits) {
        let mut entries = self.lock();
        entries.retain_mut(|entry| {
            entry.tick(limits);
            !entry.pulse.closed.load(Ordering::Relaxed)
        });
        // What many connections once took is given back.
        if entries.capacity() / 4 > entries.len().max(64) {
            entries.shrink_to_fit();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Nothing panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn tick(&mut self, limits: &Limits) {
        let (stage, limit) = self.pulse.stage(limits);
        let seen = Some(stage);
        self.ticks = match seen == self.seen {
            true => self.ticks.saturating_add(1),
            false => 0,
        };
        self.seen = seen;
        if limit.is_some_and(|limit| TICK * self.ticks >= limit) {
            take(&mut self.ticks);
            self.pulse.over.store(true, Ordering::Release);
            self.pulse.wake();
        }
    }
}

/// Lets a thread look at the connections until they are gone.
///
/// # Errors
/// When there can be no more threads.
pub(crate) fn start<T>(shared: Weak<T>, look: fn(&T)) -> io::Result<()>
where
    T: Send + Sync + 'static,
{
    let thread = std::thread::Builder::new().name("anyhost-watch".to_owned());
    thread.spawn(move || {
        loop {
            std::thread::sleep(TICK);
            match shared.upgrade() {
                Some(shared) => look(&shared),
                None => return,
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests;
