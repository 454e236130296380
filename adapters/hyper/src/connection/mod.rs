//! Connections: accepting them, finding out their protocol, and running them until they close.

mod accept;
mod detect;
mod drive;
mod handshake;
mod io;
mod permit;
mod serve;
#[cfg(test)]
mod tests;

pub(crate) use accept::accept;
pub(crate) use permit::Permits;
