//! What a host is called and what it can carry.

use std::fmt;

/// The kind of host that a request came through, and what it is able to carry.
///
/// An adapter of your own makes one with [`Host::new`]:
///
/// ```
/// use anyhost_core::Host;
///
/// const FASTCGI: Host = Host::new("fastcgi");
/// assert_eq!(FASTCGI.to_string(), "fastcgi");
/// assert!(!FASTCGI.carries_trailers());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Host {
    name: &'static str,
    trailers: bool,
    upgrades: bool,
    framing: bool,
}

impl Host {
    /// The standalone HTTP server.
    pub const HTTP: Self = Self::new("http")
        .with_trailers()
        .with_upgrades()
        .with_framing();
    /// An AWS Lambda function.
    pub const LAMBDA: Self = Self::new("lambda");
    /// A CGI program (RFC 3875).
    pub const CGI: Self = Self::new("cgi");
    /// A plain function call, as in tests.
    pub const IN_PROCESS: Self = Self::new("in-process").with_trailers();

    /// A host of this name that carries neither trailers nor upgrades.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            trailers: false,
            upgrades: false,
            framing: false,
        }
    }

    /// The same host, able to send trailers after a body (RFC 9110 §6.5).
    #[must_use]
    pub const fn with_trailers(mut self) -> Self {
        self.trailers = true;
        self
    }

    /// The same host, able to switch protocols with a 101 (RFC 9110 §7.8).
    #[must_use]
    pub const fn with_upgrades(mut self) -> Self {
        self.upgrades = true;
        self
    }

    /// The same host, which writes the Content-Length of a body whose length is known by itself, so
    /// that replies need not have the header.
    #[must_use]
    pub const fn with_framing(mut self) -> Self {
        self.framing = true;
        self
    }

    /// Its name: `http`, `lambda`, `cgi`, `in-process`, or what another adapter calls itself.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Whether trailers reach the client.
    pub const fn carries_trailers(self) -> bool {
        self.trailers
    }

    /// Whether the host writes Content-Length by itself.
    pub const fn frames(self) -> bool {
        self.framing
    }

    /// Whether a connection can change its protocol.
    pub const fn carries_upgrades(self) -> bool {
        self.upgrades
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.name)
    }
}
