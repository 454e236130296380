//! Taking connections, until the server drains.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::connection;
use crate::listener::{BACKLOG, Listener, Stream};
use crate::shutdown::Phase;
use crate::work::Shared;

/// How many connections there may be, counted over all listeners.
pub(crate) type Places = Option<Arc<Semaphore>>;

pub(crate) fn places(most: Option<usize>) -> Places {
    most.map(|most| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))))
}

/// Takes connections until the server drains. Those in the queue by then are taken too: their
/// clients have connected, and may have sent a request already.
pub(crate) async fn accept(listener: Listener, shared: Arc<Shared>, places: Places) {
    let tls = listener.speaks_tls(shared.options.has_certificate());
    let serve = |(stream, place): (Stream, Option<OwnedSemaphorePermit>)| {
        let served = connection::serve(stream, tls, shared.clone());
        shared.tasks.spawn(async move {
            served.await;
            drop(place);
        });
    };
    loop {
        tokio::select! {
            connection = next(&listener, &places) => serve(connection),
            () = shared.life.reached(Phase::Draining) => break,
        }
    }
    for _ in 0..BACKLOG {
        match timeout(Duration::ZERO, next(&listener, &places)).await {
            Ok(connection) => serve(connection),
            Err(_) => break,
        }
    }
}

/// The next connection, once there is a place for it.
async fn next(listener: &Listener, places: &Places) -> (Stream, Option<OwnedSemaphorePermit>) {
    let place = match places {
        // It is never closed.
        Some(places) => places.clone().acquire_owned().await.ok(),
        None => None,
    };
    (listener.accept().await, place)
}
