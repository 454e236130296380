//! The activity of a connection, in atomic counters. Their updates cost a request only a few plain stores.

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
    /// For the client to read its response, because a write is blocked.
    Write,
}

/// The activity of one connection. The tasks of the connection update this value, and the timeout thread reads it once
/// a second.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    requests_started: AtomicU32,
    requests_ended: AtomicU32,
    writes: AtomicU32,
    /// HTTP/1: a part of a head has arrived, but not the whole head.
    head_started: AtomicBool,
    /// HTTP/1: bytes that arrived during a request are waiting until the request has ended.
    input_waits: AtomicBool,
    /// HTTP/1: how many bytes of the request body are still to come; [`UNKNOWN`] for a chunked body.
    body_remaining: AtomicU64,
    /// HTTP/1: the response ends when the connection closes.
    ends_by_close: AtomicBool,
    /// The connection is HTTP/2.
    multiplexed: AtomicBool,
    /// HTTP/2: the number of streams whose responses were not written to their end.
    open_streams: AtomicUsize,
    /// HTTP/2: a handler has used a stream as a connection (RFC 8441).
    upgraded_stream: AtomicBool,
    /// HTTP/2: how many writes contained a part of a response body.
    data_writes: AtomicU32,
    /// HTTP/2: the number of checks since a part of a response body was last written, plus one. It is 0 before the
    /// first such write, and again after [`RECENT_CHECKS`] checks.
    data_age: AtomicU32,
    write_blocked: AtomicBool,
    /// A timeout has expired, and the connection's task has not handled that yet.
    expired: AtomicBool,
    /// HTTP/2: a request exceeded its deadline and cannot be ended in another way.
    stream_overdue: AtomicBool,
    /// HTTP/1: the number of the request that exceeded its deadline and cannot be ended in another way, or 0.
    request_overdue: AtomicU32,
    closed: AtomicBool,
    task: OnceLock<Waker>,
}

/// The value of `body_remaining` for a chunked body, and for the bytes after an upgrade.
const UNKNOWN: u64 = u64::MAX;

/// For how many checks after the last write of a response body the client counts as still reading the response.
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
    /// Records that a request head was received. The request ends when hyper drops its response body.
    pub(crate) fn mark_request_started(&self) {
        self.requests_started.fetch_add(1, Ordering::Relaxed);
        self.body_remaining.store(0, Ordering::Relaxed);
        // If the lines of a head end with bare line feeds, the end of the head was not recognized, and the flag is
        // still set.
        if !self.input_waits.load(Ordering::Relaxed) {
            self.head_started.store(false, Ordering::Relaxed);
        }
    }

    pub(crate) fn mark_request_ended(&self) {
        self.requests_ended.fetch_add(1, Ordering::Relaxed);
        // hyper waits, because the stream reported no bytes to read while the request was in flight.
        if self.input_waits.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Sets the length of the current request's body; `None` if the body is chunked. Returns the number of the request
    /// on its connection.
    pub(crate) fn set_body_length(&self, length: Option<u64>) -> u32 {
        let length = length.unwrap_or(UNKNOWN);
        self.body_remaining.store(length, Ordering::Relaxed);
        self.requests_started.load(Ordering::Relaxed)
    }

    /// Records that all bytes from now on belong to the protocol to which the connection was upgraded.
    pub(crate) fn set_upgraded(&self) {
        self.set_body_length(None);
    }

    /// Records that the body of `request` has ended, unless a later request has started. The end of a body that is not
    /// chunked is known from its length.
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

    /// Records that the response to an HTTP/1.0 request has no length, so that it ends when the connection closes.
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

    /// Records that a part of a response body was written.
    pub(crate) fn mark_data_written(&self) {
        let writes = self.data_writes.load(Ordering::Relaxed).wrapping_add(1);
        self.data_writes.store(writes, Ordering::Relaxed);
        self.data_age.store(1, Ordering::Relaxed);
    }

    /// Whether the client may still be reading a response that was written to its end, because the kernel buffers
    /// megabytes.
    pub(crate) fn has_written_recently(&self) -> bool {
        self.data_age.load(Ordering::Relaxed) > 0
    }

    /// Increases the age of the last write of a response body. Called at each check.
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
            // `fetch_add` is not needed. Only the task of the connection writes, so a plain store is enough, and
            // cheaper.
            self.writes.store(
                self.writes.load(Ordering::Relaxed).wrapping_add(1),
                Ordering::Relaxed,
            );
        }
        self.write_blocked.store(!completed, Ordering::Relaxed);
    }

    /// Records that the connection uses HTTP/2.
    pub(crate) fn set_multiplexed(&self) {
        self.multiplexed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_closed(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Records that a timeout has expired, and wakes the connection's task, which decides whether to close the
    /// connection.
    pub(crate) fn set_expired(&self) {
        self.expired.store(true, Ordering::Release);
        self.wake();
    }

    /// Records that an HTTP/2 request exceeded its deadline and cannot be ended in another way, so that the connection
    /// has to close.
    pub(crate) fn set_stream_overdue(&self) {
        self.stream_overdue.store(true, Ordering::Release);
        self.set_expired();
    }

    /// Does the same as [`set_stream_overdue`](Self::set_stream_overdue) for a request of an HTTP/1 connection. A later
    /// request is not affected, even if `request` ends before the connection's task runs.
    pub(super) fn set_request_overdue(&self, request: u32) {
        self.request_overdue.store(request, Ordering::Release);
        self.set_expired();
    }

    pub(crate) fn is_request_overdue(&self) -> bool {
        let request = self.http1_request();
        self.stream_overdue.load(Ordering::Acquire)
            || request
                .is_some_and(|request| request == self.request_overdue.load(Ordering::Acquire))
    }

    /// The number of the request that is in flight on an HTTP/1 connection.
    pub(super) fn http1_request(&self) -> Option<u32> {
        let in_flight = !self.multiplexed.load(Ordering::Relaxed) && !self.requests_ended_or_none();
        in_flight.then(|| self.requests_started.load(Ordering::Relaxed))
    }

    /// Returns whether a timeout has expired, and resets this flag, so that the next timeout can be noticed.
    pub(crate) fn take_expired(&self) -> bool {
        // The load comes first, because it is much cheaper than the swap and nearly always returns false.
        self.expired.load(Ordering::Acquire) && self.expired.swap(false, Ordering::AcqRel)
    }

    /// Waits until a timeout has expired, and resets this flag.
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

    /// The number of requests so far, or `None` while a request is in flight. An HTTP/2 request is in flight until its
    /// response was written.
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

    /// Registers the calling task as the task that [`wake`](Self::wake) wakes.
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

    /// The current stage of the connection, and the timeout of this stage.
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
        // All response bodies were passed to h2, which could not write all of them yet.
        let unwritten = |requests| match limits.request_timeout {
            // An upgraded stream stays open without a timeout, like an upgraded connection.
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

/// The stage of a connection. A timeout runs for as long as the stage stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    waiting: Waiting,
    requests: u32,
    writes: u32,
}
