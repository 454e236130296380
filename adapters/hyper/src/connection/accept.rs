//! Accepts connections until the server drains.

use std::sync::Arc;

use super::permit::{Permit, Permits};
use super::serve::{OpenConnection, serve};
use crate::listen::{Listener, Stream};
use crate::state::{Phase, Shared};

/// Accepts connections until the server drains. Then accepts the connections in the listener's queue, because their
/// clients are connected and may have sent a request already.
pub(crate) async fn accept(listener: Listener, shared: Arc<Shared>, permits: Permits) {
    let tls = listener.is_tls(shared.config.has_certificate());
    let spawn = |stream: Stream, permit: Permit| {
        // The connection is counted before its task runs, so that a drain waits for the connection.
        let open = OpenConnection::new(permit, shared.clone());
        let connection = serve(Box::new(stream), tls, open, shared.clone());
        shared.runtime.spawn(connection);
    };
    loop {
        let stream = tokio::select! {
            stream = listener.accept() => stream,
            () = shared.state.reached(Phase::Draining) => break,
        };
        // While draining, the limit no longer applies: the connection will be closed soon.
        let permit = tokio::select! {
            permit = permits.acquire() => permit,
            () = shared.state.reached(Phase::Draining) => None,
        };
        spawn(stream, permit);
    }
    listener.close(|stream| spawn(stream, None));
}
