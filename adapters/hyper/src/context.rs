//! What this host knows about a request.

use std::net::IpAddr;

use anyhost_core::{Context, Host};

/// The context of a connection. Nothing is taken from headers: any client can send those.
pub(crate) fn of(peer: Option<IpAddr>) -> Context {
    let context = Context::new(Host::HTTP);
    match peer {
        Some(peer) => context.with_peer(peer),
        None => context,
    }
}
