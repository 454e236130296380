//! Requests in flight, and what they leave to be done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhost_core::{Context, Handler};
use http::StatusCode;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::access::Record;
use crate::counters::Counters;
use crate::options::Options;
use crate::shutdown::{Life, Phase};
use crate::watch::Watched;

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) options: Options,
    pub(crate) http1: http1::Builder,
    pub(crate) http2: http2::Builder<TokioExecutor>,
    pub(crate) life: Arc<Life>,
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: Handle,
    in_flight: AtomicUsize,
    pub(crate) counters: Counters,
}

impl Shared {
    pub(crate) fn new(handler: Arc<dyn Handler>, options: Options, life: Arc<Life>) -> Self {
        Self {
            handler,
            http1: options.http1(),
            http2: options.http2(),
            options,
            life,
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
            in_flight: AtomicUsize::new(0),
            counters: Counters::new(),
        }
    }

    /// Whether there are more requests than there may be.
    pub(crate) fn is_crowded(&self) -> bool {
        let most = self.options.limits.requests;
        most.is_some_and(|most| self.in_flight.load(Ordering::Relaxed) > most)
    }

    /// They are counted only for the limit: what all threads write to costs more than all the rest here.
    fn one_more(&self) {
        if self.options.limits.requests.is_some() {
            self.in_flight.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn one_less(&self) {
        if self.options.limits.requests.is_some() {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A connection: what its requests have in common.
pub(crate) struct Link {
    pub(crate) context: Context,
    pub(crate) watched: Watched,
    pub(crate) shared: Arc<Shared>,
}

/// How much longer than its deadline a request may be there before its connection is ended.
const OVERDUE: Duration = Duration::from_secs(2);

/// A request, from its head to the end of its reply. What its handler gave to `wait_until` runs when
/// this is dropped, also if the client left first.
pub(crate) struct Work {
    pub(crate) context: Context,
    pub(crate) link: Arc<Link>,
    record: Option<Box<Record>>,
    status: Option<StatusCode>,
    cut: bool,
    overdue: Option<AbortOnDropHandle<()>>,
    /// HTTP/2 streams outlive their connection's task; a drain waits for them by this.
    token: Option<TaskTrackerToken>,
}

impl Work {
    pub(crate) fn new<B>(request: &http::Request<B>, link: Arc<Link>) -> Self {
        link.watched.0.begin();
        link.shared.one_more();
        link.shared.counters.begun();
        let streams = request.version() == http::Version::HTTP_2;
        Self {
            context: link.context.for_request(),
            record: Record::of(request),
            status: None,
            cut: false,
            overdue: None,
            token: streams.then(|| link.shared.tasks.token()),
            link,
        }
    }

    /// Whether it is one of several on its connection.
    pub(crate) fn is_stream(&self) -> bool {
        self.token.is_some()
    }

    /// Leaves this request out of the log.
    pub(crate) fn unrecorded(&mut self) {
        self.record = None;
    }

    pub(crate) fn status(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// Ends the connection some time after the deadline of this request, if it is still there then: hyper does
    /// not ask for a body that its client makes no room for, so the body cannot see its deadline.
    pub(crate) fn must_end(&mut self, deadline: Instant) {
        let link = self.link.clone();
        let overdue = self.link.shared.runtime.spawn(async move {
            sleep_until(deadline + OVERDUE).await;
            link.watched.0.overdue();
        });
        self.overdue = Some(AbortOnDropHandle::new(overdue));
    }

    /// So many bytes of the body went to hyper.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(record) = &mut self.record {
            record.bytes += bytes as u64;
        }
    }

    /// The reply did not go out whole.
    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let shared = &self.link.shared;
        self.link.watched.0.end();
        shared.one_less();
        shared.counters.ended(self.status, self.cut);
        if let Some(record) = &mut self.record {
            record.cut = self.cut;
            record.write(self.status, &self.context);
        }
        if self.context.has_work() {
            let (context, life) = (self.context.clone(), shared.life.clone());
            let work = async move {
                tokio::select! {
                    () = context.finish() => {}
                    () = life.reached(Phase::Cut) => {}
                }
            };
            shared.tasks.spawn_on(work, &shared.runtime);
        }
    }
}
