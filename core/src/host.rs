//! The kinds of host, and the features that each kind supports.

use std::fmt;

/// The kind of host that runs the handler, and the features that this kind supports.
///
/// The author of an adapter defines a kind of host with [`Host::new`]:
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
    /// A function call in the same process, as in tests.
    pub const IN_PROCESS: Self = Self::new("in-process").with_trailers();

    /// A host that supports neither trailers nor upgrades.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            trailers: false,
            upgrades: false,
            framing: false,
        }
    }

    /// Declares that the host sends trailers after a body (RFC 9110 §6.5).
    #[must_use]
    pub const fn with_trailers(mut self) -> Self {
        self.trailers = true;
        self
    }

    /// Declares that the host owns the connection of the client. It can switch protocols with a 101 response
    /// (RFC 9110 §7.8), and closes an HTTP/1 connection after a response with `Connection: close` (RFC 9112 §9.6).
    #[must_use]
    pub const fn with_upgrades(mut self) -> Self {
        self.upgrades = true;
        self
    }

    /// Declares that the host writes Content-Length itself if the length of the body is known, so that responses
    /// do not need the header.
    #[must_use]
    pub const fn with_framing(mut self) -> Self {
        self.framing = true;
        self
    }

    /// The name of the kind: `http`, `lambda`, `cgi`, `in-process`, or a name that the author of another adapter chose.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Whether trailers reach the client.
    pub const fn carries_trailers(self) -> bool {
        self.trailers
    }

    /// Whether the host writes Content-Length itself.
    pub const fn frames(self) -> bool {
        self.framing
    }

    /// Whether a connection can switch to another protocol.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_host_supports_only_the_features_that_its_author_declares() {
        const PLAIN: Host = Host::new("plain");
        let capabilities = |host: Host| {
            (
                host.carries_trailers(),
                host.carries_upgrades(),
                host.frames(),
            )
        };
        assert_eq!(capabilities(PLAIN), (false, false, false));
        assert_eq!(capabilities(PLAIN.with_trailers()), (true, false, false));
        assert_eq!(capabilities(PLAIN.with_upgrades()), (false, true, false));
        assert_eq!(capabilities(PLAIN.with_framing()), (false, false, true));
        assert_eq!(
            (PLAIN.name(), PLAIN.to_string().as_str()),
            ("plain", "plain")
        );
    }
}
