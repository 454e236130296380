//! A timer that does not depend on the Tokio runtime.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

/// Completes after `time`. Tokio advances its timers on a worker thread, so handlers that block all workers would delay
/// a shutdown. Therefore this timer uses a separate thread, which ends when the future is dropped.
pub(crate) async fn alarm(time: Duration) {
    let (fire, fired) = oneshot::channel();
    let (_cancel, canceled) = mpsc::channel::<()>();
    let thread = std::thread::Builder::new().name("anyhost-shutdown".to_owned());
    let spawned = thread.spawn(move || {
        if canceled.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
            let _ = fire.send(());
        }
    });
    match spawned {
        Ok(_) => drop(fired.await),
        Err(_) => sleep(time).await,
    }
}
