//! The life of a server: serving, draining, cut.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use futures_core::Stream;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::signal_name;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// What the server is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Serving,
    /// No new connections and no new requests; those in flight may end.
    Draining,
    /// Everything ends now.
    Cut,
}

/// The phase, shared by all connections. Looking at it costs one atomic load.
#[derive(Debug, Default)]
pub(crate) struct Life {
    phase: AtomicU8,
    changed: Notify,
}

impl Life {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Cut,
        }
    }

    /// Moves on; there is no way back.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// Waits for this phase or a later one.
    pub(crate) async fn reached(&self, phase: Phase) {
        let mut changed = pin!(self.changed.notified());
        loop {
            changed.as_mut().enable();
            if self.phase() >= phase {
                return;
            }
            changed.as_mut().await;
            changed.set(self.changed.notified());
        }
    }

    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch {
            life: self,
            seen: Phase::Serving,
            changed: None,
        }
    }
}

/// Tells one task of each change of phase.
pub(crate) struct Watch<'a> {
    life: &'a Life,
    seen: Phase,
    changed: Option<Pin<Box<Notified<'a>>>>,
}

impl Watch<'_> {
    /// The phase, if it is a new one. Otherwise the task is woken when it changes.
    pub(crate) fn poll_changed(&mut self, cx: &mut Context<'_>) -> Option<Phase> {
        loop {
            let phase = self.life.phase();
            if phase != self.seen {
                self.seen = phase;
                self.changed = None;
                return Some(phase);
            }
            match &mut self.changed {
                // A notice comes after the phase it tells of, so while we serve none has come.
                Some(_) if phase == Phase::Serving => return None,
                Some(changed) => match changed.as_mut().poll(cx) {
                    Poll::Pending => return None,
                    // It told of a phase that we had seen by then.
                    Poll::Ready(()) => self.changed = None,
                },
                None => {
                    let mut changed = Box::pin(self.life.changed.notified());
                    // Registered first and looked at the phase again after, it misses nothing.
                    if changed.as_mut().poll(cx).is_pending() {
                        self.changed = Some(changed);
                    }
                }
            }
        }
    }
}

/// Waits for SIGTERM or SIGINT. Orchestrators send either (Fly sends SIGINT), so both mean the
/// same.
pub(crate) struct Signals(signal_hook_tokio::Signals);

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        signal_hook_tokio::Signals::new([SIGTERM, SIGINT]).map(Self)
    }

    /// The name of the next signal.
    pub(crate) async fn next(&mut self) -> &'static str {
        let next = poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)).await;
        next.and_then(signal_name).unwrap_or("a signal")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_notice_that_comes_late_does_not_hide_the_next_one() {
        let (life, count) = (Life::default(), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let mut watch = life.watch();
        assert_eq!(watch.poll_changed(&mut cx), None);

        // The phase is stored, seen and registered for before its notice goes out.
        life.phase.store(Phase::Draining as u8, Ordering::Release);
        assert_eq!(watch.poll_changed(&mut cx), Some(Phase::Draining));
        assert_eq!(watch.poll_changed(&mut cx), None);
        life.changed.notify_waiters();
        assert_eq!(watch.poll_changed(&mut cx), None);

        let woken = count.0.load(Ordering::Relaxed);
        life.enter(Phase::Cut);
        assert_eq!(count.0.load(Ordering::Relaxed), woken + 1);
        assert_eq!(watch.poll_changed(&mut cx), Some(Phase::Cut));
    }

    #[tokio::test]
    async fn a_phase_is_reached_also_by_a_later_one() {
        let life = Life::default();
        let (reached, ()) = tokio::join!(life.reached(Phase::Draining), async {
            life.enter(Phase::Cut);
        });
        let () = reached;
        assert_eq!(life.phase(), Phase::Cut);
        life.enter(Phase::Draining);
        assert_eq!(life.phase(), Phase::Cut);
    }
}
