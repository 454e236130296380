//! The limit on the connections of one client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the open connections of each client address.
#[derive(Debug)]
pub(crate) struct Clients {
    limit: usize,
    connections: Mutex<HashMap<IpAddr, usize>>,
}

/// Counts a connection until it is dropped.
#[derive(Debug)]
pub(super) struct ClientPermit {
    clients: Arc<Clients>,
    client: IpAddr,
}

impl Clients {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            connections: Mutex::default(),
        })
    }

    /// Admits a connection of this client; `None` if the client has too many.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<ClientPermit> {
        let client = network(address);
        let mut connections = self.lock();
        let count = connections.entry(client).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(ClientPermit {
            clients: self.clone(),
            client,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        let mut connections = self.clients.lock();
        if let Some(count) = connections.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.client);
            }
        }
    }
}

/// The addresses that one client can have: with IPv6, at least 64 bits of an address are the client's to choose
/// (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_limit_and_ipv6_clients_share_that_of_their_network() {
        let clients = Clients::new(2);
        let admit = |address: &str| clients.admit(address.parse().unwrap());
        let first = admit("192.0.2.1");
        let second = admit("192.0.2.1");
        assert!(first.is_some() && second.is_some() && admit("192.0.2.1").is_none());
        drop(first);
        assert!(admit("192.0.2.1").is_some());
        let _v6 = [admit("2001:db8::1"), admit("2001:db8::ffff:1")];
        assert!(admit("2001:db8::2").is_none());
        assert!(admit("2001:db8:0:1::1").is_some());
        drop((second, _v6));
        assert!(clients.lock().is_empty());
    }
}
