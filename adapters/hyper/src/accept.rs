//! Taking connections, until the server drains.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connection;
use crate::listener::{Listener, Stream};
use crate::shutdown::Phase;
use crate::work::Shared;

/// How many connections there may be, counted over all listeners.
pub(crate) type Places = Option<Arc<Semaphore>>;

/// One connection's, if they are counted.
pub(crate) type Place = Option<OwnedSemaphorePermit>;

pub(crate) fn places(most: Option<usize>) -> Places {
    most.map(|most| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))))
}

/// Takes connections until the server drains. Those in the queue by then are taken too: their
/// clients have connected, and may have sent a request already.
pub(crate) async fn accept(listener: Listener, shared: Arc<Shared>, places: Places) {
    let tls = listener.speaks_tls(shared.options.has_certificate());
    let serve = |stream: Stream, place: Place| {
        let connection = connection::serve(stream, tls, place, shared.clone());
        shared.runtime.spawn(connection);
    };
    loop {
        let stream = tokio::select! {
            stream = listener.accept() => stream,
            () = shared.life.reached(Phase::Draining) => break,
        };
        // In a drain there is a place for everybody who is here: it will not be long.
        let place = tokio::select! {
            place = place(&places) => place,
            () = shared.life.reached(Phase::Draining) => None,
        };
        serve(stream, place);
    }
    listener.close(|stream| serve(stream, None));
}

/// A place for a connection, once there is one. The semaphore is never closed.
async fn place(places: &Places) -> Place {
    places.as_ref()?.clone().acquire_owned().await.ok()
}
