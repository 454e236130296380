//! The limit on connections.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits for connections, shared by all listeners. Without a limit, [`acquire`](Self::acquire) does not wait.
#[derive(Clone)]
pub(crate) struct Permits(Option<Arc<Semaphore>>);

/// Counts a connection until this value is dropped. `None` if there is no limit.
pub(super) type Permit = Option<OwnedSemaphorePermit>;

impl Permits {
    pub(crate) fn new(limit: Option<usize>) -> Self {
        // A larger number would make the semaphore panic.
        Self(limit.map(|limit| Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)))))
    }

    /// Waits for a permit.
    pub(super) async fn acquire(&self) -> Permit {
        // The only error is "the semaphore was closed", and no code closes it.
        self.0.as_ref()?.clone().acquire_owned().await.ok()
    }
}
