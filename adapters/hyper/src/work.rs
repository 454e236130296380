//! Requests in flight, and what they leave to be done.

use std::sync::Arc;

use anyhost_core::{Context, Handler};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::pulse::Pulse;
use crate::shutdown::{Life, Phase};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) life: Life,
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: Handle,
}

/// The work of a request that waits for its reply to be out. It runs also if the client left first.
pub(crate) struct Work {
    context: Context,
    shared: Arc<Shared>,
    pulse: Arc<Pulse>,
    /// HTTP/2 streams outlive their connection's task; a drain waits for them by this.
    _token: TaskTrackerToken,
}

impl Work {
    pub(crate) fn new(context: Context, shared: Arc<Shared>, pulse: Arc<Pulse>) -> Self {
        let token = shared.tasks.token();
        Self {
            context,
            shared,
            pulse,
            _token: token,
        }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.pulse.end();
        if self.context.has_work() {
            let (context, shared) = (self.context.clone(), self.shared.clone());
            let work = async move {
                tokio::select! {
                    () = context.finish() => {}
                    () = shared.life.reached(Phase::Cut) => {}
                }
            };
            self.shared.tasks.spawn_on(work, &self.shared.runtime);
        }
    }
}
