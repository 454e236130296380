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

/// Counts a connection of a client until this value is dropped.
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

    /// Admits a connection from `address`. Returns `None` if the client has too many connections.
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

/// Returns the addresses that count as one client. An IPv6 client can choose at least 64 bits of its address (RFC
/// 6177).
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
    fn the_limit_applies_to_each_ipv4_address_and_to_each_ipv6_network_of_64_bits() {
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
