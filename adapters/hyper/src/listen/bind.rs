//! Binding an address.

use std::io;

use super::address::Address;
use super::listener::{Listener, Security};
use super::{inherited, tcp, unix};

pub(crate) async fn bind(address: &Address) -> io::Result<Listener> {
    match address {
        Address::Tcp(host, port) => {
            let listener = tcp::bind(host, *port).await?;
            Ok(Listener::Tcp(listener, Security::Plain))
        }
        Address::Tls(host, port) => {
            let listener = tcp::bind(host, *port).await?;
            Ok(Listener::Tcp(listener, Security::Tls))
        }
        Address::Unix(path, mode) => {
            let (file, listener) = unix::bind(path, *mode).await?;
            Ok(Listener::Unix {
                _file: Some(file),
                listener,
            })
        }
        Address::Fd(number) => inherited::take_descriptor(*number),
    }
}
