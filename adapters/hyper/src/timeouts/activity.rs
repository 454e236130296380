//! What a connection is doing, in counters that cost a request a few plain stores.

use std::future::poll_fn;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::settings::Limits;

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// For the head of the first request, or for the rest of a later head.
    Head,
    /// For the next request.
    NextRequest,
    /// For the handler, or for a request body.
    Request,
    /// For the client to read: a write is blocked.
    Write,
}

/// What happened on one connection. Its tasks write it; the timeout thread reads it once a second.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    requests_started: AtomicU32,
    requests_ended: AtomicU32,
    writes: AtomicU32,
    /// Bytes arrived after the last request started or ended.
    unparsed_bytes: AtomicBool,
    /// The connection is HTTP/2. Its bytes do not show whether a head has started: they may be a PING.
    multiplexed: AtomicBool,
    write_blocked: AtomicBool,
    /// A timeout has expired, and the connection's task has not handled that yet.
    expired: AtomicBool,
    /// A request exceeded its deadline and cannot be ended in another way.
    request_overdue: AtomicBool,
    closed: AtomicBool,
    task: OnceLock<Waker>,
}

impl Activity {
    /// A request head was received. The request ends when hyper drops its response body.
    pub(crate) fn mark_request_started(&self) {
        self.requests_started.fetch_add(1, Ordering::Relaxed);
        self.unparsed_bytes.store(false, Ordering::Relaxed);
    }

    pub(crate) fn mark_request_ended(&self) {
        self.requests_ended.fetch_add(1, Ordering::Relaxed);
        self.unparsed_bytes.store(false, Ordering::Relaxed);
    }

    pub(crate) fn mark_read(&self) {
        self.unparsed_bytes.store(true, Ordering::Relaxed);
    }

    /// Records an attempt to write; `completed` is false if the socket was not ready.
    pub(crate) fn mark_write(&self, completed: bool) {
        if completed {
            // Not `fetch_add`: only the task of the connection writes, so a plain store is enough, and cheaper.
            self.writes.store(
                self.writes.load(Ordering::Relaxed).wrapping_add(1),
                Ordering::Relaxed,
            );
        }
        self.write_blocked.store(!completed, Ordering::Relaxed);
    }

    /// The connection turned out to be HTTP/2.
    pub(crate) fn set_multiplexed(&self) {
        self.multiplexed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_closed(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// A timeout has expired: wakes the connection's task, which decides what to do.
    pub(crate) fn set_expired(&self) {
        self.expired.store(true, Ordering::Release);
        self.wake();
    }

    /// A request exceeded its deadline and cannot be ended in another way: the connection has to close.
    pub(crate) fn set_request_overdue(&self) {
        self.request_overdue.store(true, Ordering::Release);
        self.set_expired();
    }

    pub(crate) fn is_request_overdue(&self) -> bool {
        self.request_overdue.load(Ordering::Acquire)
    }

    /// Takes the information that a timeout has expired, so that the next timeout can be seen.
    pub(crate) fn take_expired(&self) -> bool {
        // The load comes first because it is much cheaper than the swap, and nearly always false.
        self.expired.load(Ordering::Acquire) && self.expired.swap(false, Ordering::AcqRel)
    }

    /// Waits until a timeout has expired, and takes that information.
    pub(crate) async fn expired(&self) {
        poll_fn(|_| match self.take_expired() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    pub(crate) fn waiting(&self) -> Waiting {
        let head_started = self.unparsed_bytes.load(Ordering::Relaxed)
            && !self.multiplexed.load(Ordering::Relaxed);
        match self.requests_if_none_in_flight() {
            _ if self.write_blocked.load(Ordering::Relaxed) => Waiting::Write,
            None => Waiting::Request,
            Some(0) => Waiting::Head,
            Some(_) if head_started => Waiting::Head,
            Some(_) => Waiting::NextRequest,
        }
    }

    /// The number of requests so far, or `None` while one is in flight.
    pub(crate) fn requests_if_none_in_flight(&self) -> Option<u32> {
        let started = self.requests_started.load(Ordering::Relaxed);
        (started == self.requests_ended.load(Ordering::Relaxed)).then_some(started)
    }

    /// Makes the calling task the one that [`wake`](Self::wake) wakes.
    pub(crate) async fn set_task(&self) {
        poll_fn(|cx| {
            let _ = self.task.set(cx.waker().clone());
            Poll::Ready(())
        })
        .await;
    }

    pub(crate) fn wake(&self) {
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }

    /// What the connection is waiting for, and how long it may.
    ///
    /// Traffic before the first request, and PINGs between requests, do not extend the timeout, whether or not
    /// the client reads the answers to its PINGs.
    pub(super) fn stage(&self, limits: &Limits) -> (Stage, Option<Duration>) {
        let writes = self.writes.load(Ordering::Relaxed);
        let multiplexed = self.multiplexed.load(Ordering::Relaxed);
        let stage = |waiting, requests, writes| Stage {
            waiting,
            requests,
            writes,
        };
        let head = |requests| (stage(Waiting::Head, requests, 0), limits.head_timeout);
        let idle = |requests| {
            (
                stage(Waiting::NextRequest, requests, 0),
                limits.idle_timeout,
            )
        };
        let write = |requests| {
            let stage = stage(Waiting::Write, requests, writes);
            (stage, limits.write_stall_timeout)
        };
        match (self.requests_if_none_in_flight(), self.waiting()) {
            (Some(0), _) => head(0),
            (Some(requests), Waiting::Head) => head(requests),
            (Some(requests), _) if multiplexed => idle(requests),
            (Some(requests), Waiting::Write) => write(requests),
            (Some(requests), _) => idle(requests),
            (None, Waiting::Write) => write(0),
            (None, _) => (stage(Waiting::Request, 0, 0), None),
        }
    }
}

/// A timeout runs for as long as the stage stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    waiting: Waiting,
    requests: u32,
    writes: u32,
}
