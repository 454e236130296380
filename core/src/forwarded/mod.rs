//! Who the client is when proxies stand in front of the host.

mod header;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::HeaderMap;
use http::header::HeaderValue;
use http::uri::Scheme;
use ipnet::IpNet;

use header::Hop;

/// The proxies whose word about a client is believed.
///
/// Any client can send `X-Forwarded-For`. It tells the truth only as far as it was written by proxies of
/// one's own, and each of those appends to it on the right. So it is read from the right: the peer of the
/// connection is a trusted proxy, then the last address is where that proxy's client was, and if that is a
/// trusted proxy as well, so goes it on. The first address that is not trusted is the client; whatever
/// stands left of it, the client may have made up.
///
/// Scheme and host come from the same place in their lists (`X-Forwarded-Proto`, `X-Forwarded-Host`). A
/// proxy that does not set one of these headers has to remove it, for what a client sends looks the same.
///
/// | text | peers that are trusted |
/// |---|---|
/// | `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32` | that address, or that network |
/// | `loopback` | `127.0.0.0/8` and `::1` |
/// | `private` | RFC 1918, RFC 6598, RFC 4193 and link-local addresses, and `loopback` |
/// | `unix` | whoever connects to a Unix socket |
///
/// ```
/// use anyhost_core::Proxies;
/// use http::HeaderMap;
///
/// # fn main() -> Result<(), anyhost_core::InvalidProxies> {
/// let proxies: Proxies = "loopback, 10.0.0.0/8".parse()?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.1.2.3".parse().unwrap());
///
/// let origin = proxies.origin(Some([127, 0, 0, 1].into()), &headers);
/// assert_eq!(origin.peer, Some([198, 51, 100, 7].into()));
///
/// // A stranger may say what it likes.
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

/// Where a request came from, as far as it is known for sure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client, or the last proxy that nothing vouches for.
    pub peer: Option<IpAddr>,
    /// The scheme that the client used, if a trusted proxy told.
    pub scheme: Option<Scheme>,
    /// The host that the client asked for, if a trusted proxy told. It may be hostile, like any Host.
    pub host: Option<HeaderValue>,
}

impl Proxies {
    /// Exactly so many proxies, whatever their addresses: for those whose load balancers have none that
    /// stay. Nothing else may be able to connect, for anyone who can is believed.
    pub fn hops(count: usize) -> Self {
        Self {
            hops: Some(count),
            ..Self::default()
        }
    }

    /// Believes no more than so many proxies, even if more are trusted by their addresses.
    #[must_use]
    pub fn with_hops(mut self, count: usize) -> Self {
        self.hops = Some(count);
        self
    }

    /// Reads `Forwarded` (RFC 7239) instead of the `X-Forwarded-…` headers. Never both: a proxy
    /// that writes the one lets a client's other one through.
    #[must_use]
    pub fn with_standard_header(mut self) -> Self {
        self.standard = true;
        self
    }

    /// Where a request came from: `peer` is at the other end of the connection, `None` if that is a Unix
    /// socket.
    pub fn origin(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Origin {
        match self.standard {
            true => self.walk(peer, header::forwarded(headers)),
            false => self.walk(peer, header::x_forwarded(headers)),
        }
    }

    /// Goes from proxy to proxy, for as long as they are trusted.
    fn walk(&self, peer: Option<IpAddr>, hops: impl Iterator<Item = Hop>) -> Origin {
        let mut origin = Origin {
            peer,
            ..Origin::default()
        };
        for (distance, hop) in hops.enumerate() {
            if !self.trusts(distance, origin.peer) {
                break;
            }
            origin.scheme = hop.scheme.or(origin.scheme);
            origin.host = hop.host.or(origin.host);
            // A proxy that hides its client ends what can be known.
            let Some(address) = hop.address else { break };
            origin.peer = Some(address);
        }
        origin
    }

    /// Whether a proxy is trusted that stands so many hops away.
    fn trusts(&self, distance: usize, peer: Option<IpAddr>) -> bool {
        if self.hops.is_some_and(|hops| distance >= hops) {
            return false;
        }
        match peer {
            _ if self.networks.is_empty() && !self.unix => self.hops.is_some(),
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

/// A list as in the table of [`Proxies`], with commas between.
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

/// A text that names no [`Proxies`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidProxies(String);

impl fmt::Display for InvalidProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no proxy; write an address, a network such as 10.0.0.0/8, loopback, private or unix",
            self.0
        )
    }
}

impl std::error::Error for InvalidProxies {}

#[cfg(test)]
mod tests;
