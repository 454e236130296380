//! Where to listen.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

const DEFAULT_PORT: u16 = 3000;

/// A place to listen at, in the grammar of micro's `--listen`.
///
/// | text | meaning |
/// |---|---|
/// | `tcp://host:port`, `host:port` | TCP on that address; port 0 takes any free one |
/// | `tcp://host`, `tcp://:port`, `:port`, `port` | port 3000, host `0.0.0.0` where not given |
/// | `unix:/path`, `unix:path` | a Unix socket |
///
/// ```
/// use anyhost_hyper::Address;
///
/// # fn main() -> Result<(), anyhost_hyper::InvalidAddress> {
/// let address: Address = "tcp://localhost".parse()?;
/// assert_eq!(address.to_string(), "tcp://localhost:3000");
/// assert_eq!("8080".parse::<Address>()?.to_string(), "tcp://0.0.0.0:8080");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A host name or IP address, and a port.
    Tcp(String, u16),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// `0.0.0.0:3000`, as micro has it.
impl Default for Address {
    fn default() -> Self {
        Self::Tcp("0.0.0.0".into(), DEFAULT_PORT)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() {
                Err(invalid())
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        let rest = match text.strip_prefix("tcp://") {
            Some(rest) => rest.strip_suffix('/').unwrap_or(rest),
            None if text.contains("//") => return Err(invalid()),
            None => text,
        };
        let (host, port) = match rest.rsplit_once(':') {
            // The last colon of `[::1]` is no port's.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            None if rest.parse::<u16>().is_ok() => ("", Some(rest)),
            _ => (rest, None),
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = match bare.unwrap_or(host) {
            "" if bare.is_none() && (port.is_some() || text.starts_with("tcp://")) => "0.0.0.0",
            host if host.is_empty() || host.contains(['/', '@', '[', ']', ' ']) => {
                return Err(invalid());
            }
            host if host.contains(':') && bare.is_none() => return Err(invalid()),
            host => host,
        };
        let digits = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) if digits(port) => port.parse().map_err(|_| invalid())?,
            Some(_) => return Err(invalid()),
        };
        Ok(Self::Tcp(host.to_owned(), port))
    }
}

impl TryFrom<&str> for Address {
    type Error = InvalidAddress;

    fn try_from(text: &str) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address.ip().to_string(), address.port())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A text that is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidAddress(String);

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no address; write tcp://host:port or unix:/path",
            self.0
        )
    }
}

impl std::error::Error for InvalidAddress {}

impl From<InvalidAddress> for std::io::Error {
    fn from(error: InvalidAddress) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}

impl From<std::convert::Infallible> for InvalidAddress {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_micro_and_its_short_forms_are_read() {
        for (text, address) in [
            ("tcp://localhost:80", "tcp://localhost:80"),
            ("tcp://localhost:80/", "tcp://localhost:80"),
            ("tcp://localhost", "tcp://localhost:3000"),
            ("tcp://:8080", "tcp://0.0.0.0:8080"),
            ("tcp://[::1]:0", "tcp://[::1]:0"),
            ("[::]", "tcp://[::]:3000"),
            ("127.0.0.1:0", "tcp://127.0.0.1:0"),
            (":80", "tcp://0.0.0.0:80"),
            ("80", "tcp://0.0.0.0:80"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("unix:///run/x.sock", "unix:/run/x.sock"),
            ("unix:x.sock", "unix:x.sock"),
        ] {
            assert_eq!(
                text.parse::<Address>()
                    .map(|address| address.to_string())
                    .as_deref(),
                Ok(address),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "unix:",
            "http://a:1",
            "a:b",
            "a:99999",
            "a:",
            "a:+1",
            "::1:80",
            "a b:1",
            "[]:1",
            "u@h:1",
            "tcp://a/b",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
