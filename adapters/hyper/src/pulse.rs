//! Whether an HTTP/1 connection still gets anywhere between its requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// How many ticks of its clock a connection may let pass without a request.
const TICKS: u32 = 4;

/// Counts what happens on a connection: requests that began, those that are over, and writes that went
/// through. A request is over when hyper has taken all of its reply, which a slow client may be reading
/// for long after that.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    begun: AtomicU32,
    ended: AtomicU32,
    written: AtomicU32,
}

impl Pulse {
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn wrote(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }
}

/// Tells when a connection has got nowhere for too long between its requests, whether its client sends
/// nothing, or a head that never ends, or has stopped to read.
///
/// A timer for each request would be exact and cost some 900 instructions each time. This one ticks a
/// few times in the allowed time and looks at the [`Pulse`]; so the time is met, or exceeded by a
/// quarter of it at most.
pub(crate) struct Idle<'a> {
    pulse: &'a Pulse,
    tick: Duration,
    clock: Pin<Box<Sleep>>,
    asked: bool,
    seen: (u32, u32, u32),
    ticks: u32,
}

impl<'a> Idle<'a> {
    pub(crate) fn new(pulse: &'a Pulse, allowed: Duration) -> Self {
        let tick = allowed / TICKS;
        Self {
            pulse,
            tick,
            clock: Box::pin(sleep(tick)),
            asked: false,
            seen: (0, 0, 0),
            ticks: 0,
        }
    }

    /// Whether the time is over. Otherwise the task is woken when that could change.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        // Once asked, the clock wakes the task without being asked again.
        while !self.asked || self.clock.is_elapsed() {
            self.asked = true;
            if self.clock.as_mut().poll(cx).is_pending() {
                return false;
            }
            let begun = self.pulse.begun.load(Ordering::Relaxed);
            let ended = self.pulse.ended.load(Ordering::Relaxed);
            let written = self.pulse.written.load(Ordering::Relaxed);
            let (busy, seen) = (begun != ended, (begun, ended, written));
            self.ticks = if busy || seen != self.seen {
                0
            } else {
                self.ticks + 1
            };
            self.seen = seen;
            if self.ticks == TICKS {
                return true;
            }
            self.clock.as_mut().reset(Instant::now() + self.tick);
            self.asked = false;
        }
        false
    }
}
