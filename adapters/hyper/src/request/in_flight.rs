//! A request in flight, and its `wait_until` work.

use std::borrow::Cow;
use std::sync::Arc;

use anyhost_core::Context;
use anyhost_core::adapter::{finish_after_response, has_work_after_response};
use http::StatusCode;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::access_log::Started;
use crate::metrics::Timer;
use crate::state::{ConnectionState, Phase};
use crate::timeouts::OVERDUE;

/// A request, from its head to the end of its response. Dropping this value ends the request: the request is logged and
/// counted, and its `wait_until` work starts, even if the client disconnected.
pub(crate) struct InFlight {
    pub(super) context: Context,
    pub(super) connection: Arc<ConnectionState>,
    /// `None` if the request is not logged.
    started: Option<Box<Started>>,
    timer: Timer,
    status: Option<StatusCode>,
    aborted: bool,
    close_connection: Option<AbortOnDropHandle<()>>,
    http_1_0: bool,
    connect: bool,
    /// Whether the request counts towards the limit on requests in flight.
    counted: bool,
    /// Lets a drain wait for an HTTP/2 stream, which can outlive the task of its connection.
    stream_token: Option<TaskTrackerToken>,
}

impl InFlight {
    pub(super) fn new<B>(
        request: &http::Request<B>,
        context: Context,
        connection: Arc<ConnectionState>,
    ) -> Self {
        let shared = &connection.shared;
        connection.registration.activity().mark_request_started();
        shared.add_request();
        let timer = shared.metrics.request_started();
        let is_stream = request.version() == http::Version::HTTP_2;
        Self {
            context,
            started: Started::new(request, shared.config.access_log.as_ref()),
            timer,
            status: None,
            aborted: false,
            close_connection: None,
            counted: true,
            connect: request.method() == http::Method::CONNECT,
            http_1_0: request.version() == http::Version::HTTP_10,
            stream_token: is_stream.then(|| shared.tasks.token()),
            connection,
        }
    }

    /// Whether the request is a stream of an HTTP/2 connection.
    pub(super) fn is_stream(&self) -> bool {
        self.stream_token.is_some()
    }

    /// Whether the request has the version HTTP/1.0, so that the client cannot receive chunks.
    pub(super) fn is_http_1_0(&self) -> bool {
        self.http_1_0
    }

    /// Whether the method is CONNECT, which in HTTP/2 asks for a connection inside a stream (RFC 8441).
    pub(super) fn is_connect(&self) -> bool {
        self.connect
    }

    /// Excludes a request to which the server itself responds from the limit on requests in flight. A client that does
    /// not read such responses could otherwise use up the limit.
    pub(super) fn exclude_from_limit(&mut self) {
        if std::mem::take(&mut self.counted) {
            self.connection.shared.remove_request();
        }
    }

    pub(super) fn disable_access_log(&mut self) {
        self.started = None;
    }

    pub(super) fn set_status(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// Closes the connection if the request is still in flight [`OVERDUE`] after `deadline`. hyper does not poll a
    /// response body while the client gives the stream no flow-control window, so the body cannot end the response
    /// itself. This timer is for the streams of HTTP/2; the timeout thread closes HTTP/1 connections.
    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        let connection = self.connection.clone();
        let close = self.connection.shared.runtime.spawn(async move {
            sleep_until(deadline + OVERDUE).await;
            connection.registration.activity().set_stream_overdue();
        });
        self.close_connection = Some(AbortOnDropHandle::new(close));
    }

    /// Counts body bytes that were passed to hyper, for the access log.
    pub(super) fn add_bytes(&mut self, bytes: usize) {
        if let Some(started) = &mut self.started {
            started.bytes += bytes as u64;
        }
    }

    /// Records that the response was aborted before its end.
    pub(super) fn set_aborted(&mut self) {
        self.aborted = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let shared = &self.connection.shared;
        self.connection.registration.activity().mark_request_ended();
        if self.counted {
            shared.remove_request();
        }
        shared
            .metrics
            .request_ended(&self.timer, self.status, self.aborted);
        let has_work = has_work_after_response(&self.context);
        if let Some(started) = &self.started {
            let id = match has_work {
                // The events of the work have the same id as the access log.
                true => self.context.request_id().map(Cow::Borrowed),
                false => self.context.last_request_id(&self.connection.context),
            };
            let log = shared.config.access_log.as_ref();
            started.log(self.status, self.aborted, &self.context, id.as_deref(), log);
        }
        if has_work {
            let (context, state) = (self.context.clone(), shared.state.clone());
            let work = async move {
                finish_after_response(&context, state.reached(Phase::Aborting)).await;
            };
            shared.tasks.spawn_on(work, &shared.runtime);
        }
    }
}
