//! Connections: accepts them, detects their protocol, and runs them until they close.

mod accept;
mod clients;
mod detect;
mod drive;
mod handshake;
mod heads;
mod io;
mod linger;
mod observed;
mod permit;
mod serve;
mod streams;
#[cfg(test)]
mod tests;

pub(crate) use accept::accept;
pub(crate) use clients::Clients;
pub(crate) use permit::Permits;
