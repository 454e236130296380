//! Addresses to listen on, and their text form.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// An address to listen on. The text has the same form as a value of the option `--listen` of the npm package
/// [micro](https://github.com/vercel/micro).
///
/// | value | meaning |
/// |---|---|
/// | `tcp://host:port`, `host:port` | TCP; port 0 chooses a free port |
/// | `tcp://host`, `tcp://:port`, `:port`, `port` | TCP; the default host is `0.0.0.0`, the default port 3000 |
/// | `tls://…` | TCP with TLS; the server needs a certificate (`Server::with_tls`) |
/// | `unix:/path`, `unix:path` | a Unix socket |
/// | `unix:/path?mode=660` | a Unix socket with these permissions (octal), which are set before the first client can connect |
/// | `fd:3` | a listening socket that was passed to the process, by its descriptor |
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
    /// A host name or IP address, and a port, for TLS.
    Tls(String, u16),
    /// The path of a Unix socket, and its permissions. Without permissions, the umask of the process decides.
    Unix(PathBuf, Option<u32>),
    /// The descriptor of an inherited listening socket.
    Fd(i32),
}

impl Address {
    /// The accepted values, for error messages.
    pub(crate) const EXPECTED: &str = "tcp://host:port, tls://host:port, unix:/path or fd:3";

    /// The default port, which is also the default of the npm package micro.
    pub(crate) const DEFAULT_PORT: u16 = 3000;
}

/// The default address is `0.0.0.0:3000`.
impl Default for Address {
    fn default() -> Self {
        Self::Tcp("0.0.0.0".into(), Self::DEFAULT_PORT)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let parsed = if let Some(path) = text.strip_prefix("unix:") {
            unix(path.strip_prefix("//").unwrap_or(path))
        } else if let Some(number) = text.strip_prefix("fd:") {
            digits(number)
                .and_then(|number| number.parse().ok())
                .map(Self::Fd)
        } else if let Some(rest) = text.strip_prefix("tls://") {
            host_and_port(rest, true).map(|(host, port)| Self::Tls(host, port))
        } else if let Some(rest) = text.strip_prefix("tcp://") {
            host_and_port(rest, true).map(|(host, port)| Self::Tcp(host, port))
        } else {
            host_and_port(text, false).map(|(host, port)| Self::Tcp(host, port))
        };
        parsed.ok_or_else(|| InvalidAddress(text.to_owned()))
    }
}

/// Parses a path with an optional `?mode=`.
fn unix(text: &str) -> Option<Address> {
    let (path, mode) = match text.split_once("?mode=") {
        Some((path, mode)) => (path, Some(u32::from_str_radix(digits(mode)?, 8).ok()?)),
        None => (text, None),
    };
    let valid = !path.is_empty() && mode.is_none_or(|mode| mode <= 0o777);
    valid.then(|| Address::Unix(path.into(), mode))
}

/// Parses a host and a port. An empty string is an address only after a scheme: `tcp://` is valid, `""` is not.
fn host_and_port(text: &str, after_scheme: bool) -> Option<(String, u16)> {
    let rest = match after_scheme {
        true => text.strip_suffix('/').unwrap_or(text),
        false => text,
    };
    let (host, port) = match rest.rsplit_once(':') {
        // The last colon of `[::1]` is part of the address, and does not separate a port.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        None if rest.parse::<u16>().is_ok() => ("", Some(rest)),
        _ => (rest, None),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = match bare.unwrap_or(host) {
        "" if bare.is_none() && (port.is_some() || after_scheme) => "0.0.0.0",
        host if host.is_empty() || host.contains(['/', '@', '[', ']', ' ']) => return None,
        host if host.contains(':') && bare.is_none() => return None,
        host => host,
    };
    let port = match port {
        None => Address::DEFAULT_PORT,
        Some(port) => digits(port)?.parse().ok()?,
    };
    Some((host.to_owned(), port))
}

/// Accepts digits only, because the parsers of Rust's integers also accept a sign.
fn digits(text: &str) -> Option<&str> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then_some(text)
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
            Self::Tcp(host, port) => write!(f, "tcp://{}:{port}", bracketed(host)),
            Self::Tls(host, port) => write!(f, "tls://{}:{port}", bracketed(host)),
            Self::Unix(path, mode) => {
                // The parser treats two slashes after `unix:` as a part of the scheme.
                let slashes = if path.as_os_str().as_encoded_bytes().starts_with(b"//") {
                    "//"
                } else {
                    ""
                };
                write!(f, "unix:{slashes}{}", path.display())?;
                mode.map_or(Ok(()), |mode| write!(f, "?mode={mode:o}"))
            }
            Self::Fd(number) => write!(f, "fd:{number}"),
        }
    }
}

fn bracketed(host: &str) -> Cow<'_, str> {
    match host.contains(':') {
        true => format!("[{host}]").into(),
        false => host.into(),
    }
}

/// The error of parsing an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidAddress(String);

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "invalid address {:?}: expected {}",
            self.0,
            Address::EXPECTED
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
    fn valid_addresses_are_parsed_and_missing_parts_have_defaults() {
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
            ("unix:////x.sock", "unix:////x.sock"),
            ("unix:/x.sock?mode=0660", "unix:/x.sock?mode=660"),
            ("tls://a.example:443", "tls://a.example:443"),
            ("tls://[::]", "tls://[::]:3000"),
            ("fd:3", "fd:3"),
        ] {
            assert_eq!(
                text.parse::<Address>()
                    .map(|address| address.to_string())
                    .as_deref(),
                Ok(address),
                "{text}"
            );
            assert_eq!(address.parse(), text.parse::<Address>(), "{text}");
        }
    }

    #[test]
    fn a_string_that_is_not_an_address_is_an_error() {
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
            "fd:",
            "fd:-1",
            "fd:x",
            "unix:/x?mode=",
            "unix:/x?mode=888",
            "unix:/x?mode=7777",
            "unix:?mode=660",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?} was parsed");
        }
    }
}
