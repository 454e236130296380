//! Listening sockets, and the protocols that precede HTTP on a connection: the PROXY protocol and TLS.

mod address;
mod bind;
mod inherited;
mod listener;
pub(crate) mod proxy_protocol;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod unix;

pub use address::{Address, InvalidAddress};
pub(crate) use bind::bind;
pub use inherited::Inherited;
pub(crate) use listener::{Listener, Stream};
pub(crate) use tcp::limit_unsent_bytes;
#[cfg(feature = "tls")]
pub use tls::Tls;
