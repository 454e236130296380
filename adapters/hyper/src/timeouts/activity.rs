//! The activity of a connection, in counters that cost a request a few plain stores.

use std::future::poll_fn;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
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

/// The activity of one connection. The tasks of the connection write it, and the timeout thread reads it once a
/// second.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    requests_started: AtomicU32,
    requests_ended: AtomicU32,
    writes: AtomicU32,
    /// HTTP/1: a part of a head has arrived that is not the whole head.
    head_started: AtomicBool,
    /// HTTP/1: bytes that arrived during a request wait until it has ended.
    input_waits: AtomicBool,
    /// HTTP/1: how many bytes of the request body are still to come; [`UNKNOWN`] for a chunked body.
    body_remaining: AtomicU64,
    /// HTTP/1: the end of the connection is the end of the response.
    ends_by_close: AtomicBool,
    /// The connection is HTTP/2.
    multiplexed: AtomicBool,
    /// HTTP/2: the streams whose responses were not written to their end.
    open_streams: AtomicUsize,
    /// HTTP/2: a handler has used a stream as a connection (RFC 8441).
    upgraded_stream: AtomicBool,
    /// HTTP/2: how many writes contained a part of a response body.
    data_writes: AtomicU32,
    /// HTTP/2: the number of checks since the last of these writes, plus one; 0 after [`RECENT_CHECKS`].
    data_age: AtomicU32,
    write_blocked: AtomicBool,
    /// A timeout has expired, and the connection's task has not handled that yet.
    expired: AtomicBool,
    /// A request exceeded its deadline and cannot be ended in another way.
    request_overdue: AtomicBool,
    closed: AtomicBool,
    task: OnceLock<Waker>,
}

/// The length of a chunked body, and of the bytes after an upgrade.
const UNKNOWN: u64 = u64::MAX;

/// How many checks after the last write of a response body its client may still be reading it.
const RECENT_CHECKS: u32 = 30;

/// The kind of the bytes that an HTTP/1 client sends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Head,
    /// The body of the current request, with at most this number of bytes.
    Body(u64),
    /// The next request, while the current request is in flight.
    NextHead,
}

impl Activity {
    /// A request head was received. The request ends when hyper drops its response body.
    pub(crate) fn mark_request_started(&self) {
        self.requests_started.fetch_add(1, Ordering::Relaxed);
        self.body_remaining.store(0, Ordering::Relaxed);
        // A head whose end was not recognized, because its lines end with bare line feeds.
        if !self.input_waits.load(Ordering::Relaxed) {
            self.head_started.store(false, Ordering::Relaxed);
        }
    }

    pub(crate) fn mark_request_ended(&self) {
        self.requests_ended.fetch_add(1, Ordering::Relaxed);
        // hyper waits, because the stream reported no bytes to read.
        if self.input_waits.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// The current request has a body of this length; `None` if it is chunked. Returns the number of the request.
    pub(crate) fn set_body_length(&self, length: Option<u64>) -> u32 {
        let length = length.unwrap_or(UNKNOWN);
        self.body_remaining.store(length, Ordering::Relaxed);
        self.requests_started.load(Ordering::Relaxed)
    }

    /// All bytes from now on belong to the protocol that the connection was upgraded to.
    pub(crate) fn set_upgraded(&self) {
        self.set_body_length(None);
    }

    /// The body of a request has ended, if it is still the current request. For a body that is not chunked, the end is
    /// known from its length.
    pub(crate) fn mark_chunked_body_ended(&self, request: u32) {
        let is_current = self.requests_started.load(Ordering::Relaxed) == request;
        if is_current && self.body_remaining.load(Ordering::Relaxed) == UNKNOWN {
            self.body_remaining.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn mark_body_read(&self, bytes: u64) {
        let remaining = self.body_remaining.load(Ordering::Relaxed);
        if remaining != UNKNOWN {
            let remaining = remaining.saturating_sub(bytes);
            self.body_remaining.store(remaining, Ordering::Relaxed);
        }
    }

    pub(crate) fn input(&self) -> Input {
        match self.body_remaining.load(Ordering::Relaxed) {
            0 if self.requests_ended_or_none() => Input::Head,
            0 => Input::NextHead,
            remaining => Input::Body(remaining),
        }
    }

    pub(crate) fn set_head_started(&self, started: bool) {
        self.head_started.store(started, Ordering::Relaxed);
    }

    pub(crate) fn set_input_waits(&self, waits: bool) {
        self.input_waits.store(waits, Ordering::Relaxed);
    }

    /// The response to an HTTP/1.0 request has no length: the end of the connection is its end.
    pub(crate) fn set_ends_by_close(&self) {
        self.ends_by_close.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_ended_by_close(&self) -> bool {
        self.ends_by_close.load(Ordering::Relaxed)
    }

    pub(crate) fn set_open_streams(&self, streams: usize) {
        self.open_streams.store(streams, Ordering::Relaxed);
    }

    pub(crate) fn set_upgraded_stream(&self) {
        self.upgraded_stream.store(true, Ordering::Relaxed);
    }

    /// A part of a response body was written.
    pub(crate) fn mark_data_written(&self) {
        let writes = self.data_writes.load(Ordering::Relaxed).wrapping_add(1);
        self.data_writes.store(writes, Ordering::Relaxed);
        self.data_age.store(1, Ordering::Relaxed);
    }

    /// Whether the client may still be reading a response that was written to its end: the kernel buffers megabytes.
    pub(crate) fn has_written_recently(&self) -> bool {
        self.data_age.load(Ordering::Relaxed) > 0
    }

    /// Called at each check.
    pub(super) fn age(&self) {
        let age = self.data_age.load(Ordering::Relaxed);
        if age > 0 {
            let age = if age < RECENT_CHECKS { age + 1 } else { 0 };
            self.data_age.store(age, Ordering::Relaxed);
        }
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
        let head_started = self.head_started.load(Ordering::Relaxed);
        match self.requests_if_none_in_flight() {
            _ if self.write_blocked.load(Ordering::Relaxed) => Waiting::Write,
            None if self.requests_ended_or_none() => Waiting::Write,
            None => Waiting::Request,
            Some(0) => Waiting::Head,
            Some(_) if head_started => Waiting::Head,
            Some(_) => Waiting::NextRequest,
        }
    }

    /// The number of requests so far, or `None` while one is in flight. An HTTP/2 request is in flight until its response
    /// was written.
    pub(crate) fn requests_if_none_in_flight(&self) -> Option<u32> {
        let started = self.requests_started.load(Ordering::Relaxed);
        // Before the first request, only the timeout for its head applies.
        let streams = started > 0 && self.open_streams.load(Ordering::Relaxed) > 0;
        (self.requests_ended_or_none() && !streams).then_some(started)
    }

    /// The number of requests whose handler runs, or whose response hyper is sending.
    pub(crate) fn requests_in_flight(&self) -> u32 {
        let started = self.requests_started.load(Ordering::Relaxed);
        started.wrapping_sub(self.requests_ended.load(Ordering::Relaxed))
    }

    fn requests_ended_or_none(&self) -> bool {
        self.requests_in_flight() == 0
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
    /// the client reads the responses to its PINGs.
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
        // All bodies were passed to h2, which could not write them yet.
        let unwritten = |requests| match limits.request_timeout {
            // The stream of an upgrade stays open, as an upgraded connection does.
            _ if self.upgraded_stream.load(Ordering::Relaxed) => {
                (stage(Waiting::Write, requests, 0), None)
            }
            Some(timeout) => (stage(Waiting::Write, requests, 0), Some(timeout)),
            None => {
                let writes = self.data_writes.load(Ordering::Relaxed);
                let stage = stage(Waiting::Write, requests, writes);
                (stage, limits.write_stall_timeout)
            }
        };
        match (self.requests_if_none_in_flight(), self.waiting()) {
            (Some(0), _) => head(0),
            (None, Waiting::Write) if self.requests_ended_or_none() => {
                unwritten(self.requests_started.load(Ordering::Relaxed))
            }
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
