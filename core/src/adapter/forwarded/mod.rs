//! The client's address, scheme and host when the request came through proxies.

mod parse;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::HeaderMap;
use http::header::HeaderValue;
use http::uri::Scheme;
use ipnet::IpNet;

use parse::Hop;

pub use parse::parse_ip;

/// The trusted proxies. Only the `X-Forwarded-…` headers of trusted proxies are used.
///
/// Any client can send `X-Forwarded-For`, and each proxy appends the address of its own client on the right.
/// Therefore the list is read from the right. If the peer of the connection is a trusted proxy, the
/// last address is that proxy's client. If this address is also a trusted proxy, the search continues to the left.
/// The first address that is not trusted is the client. The client can invent everything to the left of its address.
///
/// If a number of [`hops`](Self::hops) is trusted and the list has fewer entries, the request did not come
/// through all proxies, and the client's address is unknown.
///
/// Scheme and host are taken from the same position in their lists (`X-Forwarded-Proto`,
/// `X-Forwarded-Host`). A proxy that does not set one of these headers must remove it, because the client
/// may have sent it.
///
/// | value | trusted peers |
/// |---|---|
/// | `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32` | that address, or that network |
/// | `loopback` | `127.0.0.0/8` and `::1` |
/// | `private` | RFC 1918, RFC 6598, RFC 4193 and link-local addresses, and `loopback` |
/// | `unix` | every process that connects to a Unix socket |
///
/// ```
/// use anyhost_core::Proxies;
/// use http::HeaderMap;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let proxies: Proxies = "loopback, 10.0.0.0/8".parse()?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.1.2.3".parse().unwrap());
///
/// let origin = proxies.origin(Some([127, 0, 0, 1].into()), &headers);
/// assert_eq!(origin.peer, Some([198, 51, 100, 7].into()));
///
/// // The peer is not a trusted proxy, so its headers are ignored.
/// let origin = proxies.origin(Some([192, 0, 2, 1].into()), &headers);
/// assert_eq!(origin.peer, Some([192, 0, 2, 1].into()));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    networks: Vec<IpNet>,
    unix: bool,
    hops: Option<usize>,
    standard: bool,
}

/// Where a request came from, according to the trusted proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// The address of the client, or of the untrusted proxy that is nearest to the host; `None` if unknown.
    pub peer: Option<IpAddr>,
    /// The scheme that the client used, if a trusted proxy sent it.
    pub scheme: Option<Scheme>,
    /// The host name that the client requested, if a trusted proxy sent it. The client can choose any name.
    pub host: Option<HeaderValue>,
}

impl Proxies {
    pub(crate) const EXPECTED: &str =
        "an address, a network such as 10.0.0.0/8, loopback, private or unix";

    /// Trusts exactly `count` proxies without checking their addresses, for load balancers without fixed addresses.
    /// The server must be reachable only through these proxies, because every peer that connects to the server is
    /// treated as a proxy.
    pub fn hops(count: usize) -> Self {
        Self {
            hops: Some(count),
            ..Self::default()
        }
    }

    /// Trusts at most `count` proxies, even if the addresses of more are trusted.
    #[must_use]
    pub fn with_hops(mut self, count: usize) -> Self {
        self.hops = Some(count);
        self
    }

    /// Reads `Forwarded` (RFC 7239) instead of the `X-Forwarded-…` headers. The two kinds of header are never
    /// combined: a proxy that writes only one kind forwards headers of the other kind unchanged, and a client can
    /// forge them.
    #[must_use]
    pub fn with_standard_header(mut self) -> Self {
        self.standard = true;
        self
    }

    /// Finds where a request came from. `peer` is the address at the other end of the connection; `None` for a
    /// Unix socket, or if the host does not know the address.
    pub fn origin(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Origin {
        match self.standard {
            true => self.walk(peer, parse::forwarded(headers)),
            false => self.walk(peer, parse::x_forwarded(headers)),
        }
    }

    /// Walks from hop to hop, from right to left, while the hops are trusted.
    fn walk(&self, peer: Option<IpAddr>, hops: impl Iterator<Item = Hop>) -> Origin {
        let mut origin = Origin {
            peer,
            ..Origin::default()
        };
        let mut passed = 0;
        for hop in hops {
            if !self.trusts(passed, origin.peer) {
                break;
            }
            origin.scheme = hop.scheme.or(origin.scheme);
            origin.host = hop.host.or(origin.host);
            // After an entry without an address, such as `unknown` (RFC 7239 §6.2), no entry can be trusted.
            let Some(address) = hop.address else { break };
            origin.peer = Some(address);
            passed += 1;
        }
        if self.trusts_any_address() && self.hops.is_some_and(|hops| passed < hops) {
            origin.peer = None;
        }
        origin
    }

    /// Whether proxies are trusted by their number only, and their addresses are not checked.
    fn trusts_any_address(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    /// Whether the proxy with this address is trusted. `distance` is the number of proxies between it and the host.
    fn trusts(&self, distance: usize, peer: Option<IpAddr>) -> bool {
        if self.hops.is_some_and(|hops| distance >= hops) {
            return false;
        }
        match peer {
            _ if self.trusts_any_address() => self.hops.is_some(),
            Some(peer) => self.networks.iter().any(|network| network.contains(&peer)),
            None => self.unix,
        }
    }

    fn add(&mut self, name: &str) -> Option<()> {
        match name {
            "unix" => self.unix = true,
            "loopback" => self.networks.extend(loopback()),
            "private" => self
                .networks
                .extend(loopback().into_iter().chain(private())),
            _ => {
                let address = || name.parse::<IpAddr>().map(IpNet::from);
                let network = name.parse::<IpNet>().or_else(|_| address()).ok()?;
                self.networks.push(network);
            }
        }
        Some(())
    }
}

fn loopback() -> [IpNet; 2] {
    [
        network(Ipv4Addr::new(127, 0, 0, 0), 8),
        network(Ipv6Addr::LOCALHOST, 128),
    ]
}

fn private() -> [IpNet; 7] {
    [
        network(Ipv4Addr::new(10, 0, 0, 0), 8),
        network(Ipv4Addr::new(172, 16, 0, 0), 12),
        network(Ipv4Addr::new(192, 168, 0, 0), 16),
        network(Ipv4Addr::new(100, 64, 0, 0), 10),
        network(Ipv4Addr::new(169, 254, 0, 0), 16),
        network(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
        network(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    ]
}

fn network(address: impl Into<IpAddr>, prefix: u8) -> IpNet {
    IpNet::new_assert(address.into(), prefix)
}

/// A comma-separated list of the values in the table of [`Proxies`].
impl FromStr for Proxies {
    type Err = InvalidProxies;

    fn from_str(text: &str) -> Result<Self, InvalidProxies> {
        let mut proxies = Self::default();
        for name in text.split(',').map(str::trim) {
            proxies
                .add(name)
                .ok_or_else(|| InvalidProxies(name.to_owned()))?;
        }
        Ok(proxies)
    }
}

/// The error for a string that is not a valid list of [`Proxies`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidProxies(String);

impl fmt::Display for InvalidProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "invalid proxy {:?}: expected {}",
            self.0,
            Proxies::EXPECTED
        )
    }
}

impl std::error::Error for InvalidProxies {}

#[cfg(test)]
mod tests;
