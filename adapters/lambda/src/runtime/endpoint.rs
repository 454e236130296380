//! Where the Runtime API is.

use std::io;

use bytes::Bytes;
use http::{HeaderValue, Uri};

/// The value of `AWS_LAMBDA_RUNTIME_API`: `host:port` on Lambda; emulators put a scheme before it and
/// a path behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: String,
    pub(crate) host: HeaderValue,
    prefix: String,
}

impl Endpoint {
    pub(crate) fn from_env() -> io::Result<Self> {
        let name = "AWS_LAMBDA_RUNTIME_API";
        let value = std::env::var(name).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{name}: {error}"))
        })?;
        Self::parse(&value)
    }

    pub(crate) fn parse(value: &str) -> io::Result<Self> {
        let invalid = || {
            let why = format!("AWS_LAMBDA_RUNTIME_API is {value:?}, which is no address");
            io::Error::new(io::ErrorKind::InvalidInput, why)
        };
        let rest = value.strip_prefix("http://").unwrap_or(value);
        let (authority, prefix) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let authority: http::uri::Authority = authority.parse().map_err(|_| invalid())?;
        let address = match authority.port_u16() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:80"),
        };
        if !prefix.is_empty() && prefix.parse::<Uri>().is_err() {
            return Err(invalid());
        }
        Ok(Self {
            address,
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| invalid())?,
            prefix: prefix.trim_end_matches('/').to_owned(),
        })
    }

    /// The target of a call, such as `runtime/invocation/next`.
    pub(crate) fn target(&self, call: &str) -> Uri {
        self.uri(&["/2018-06-01/", call])
    }

    /// The target of a call of the Extensions API, such as `register`.
    pub(crate) fn extension_target(&self, call: &str) -> Uri {
        self.uri(&["/2020-01-01/extension/", call])
    }

    /// The prefix was checked when it came in, and so are ids; nothing else is not our own.
    fn uri(&self, rest: &[&str]) -> Uri {
        let target = [&[&*self.prefix], rest].concat().concat();
        Uri::from_maybe_shared(Bytes::from(target)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_own_form_and_those_of_emulators_are_read() {
        for (value, address, target) in [
            ("127.0.0.1:9001", "127.0.0.1:9001", "/2018-06-01/x"),
            (
                "http://127.0.0.1:9000/.rt/probe",
                "127.0.0.1:9000",
                "/.rt/probe/2018-06-01/x",
            ),
            ("sandbox", "sandbox:80", "/2018-06-01/x"),
        ] {
            let Ok(endpoint) = Endpoint::parse(value) else {
                panic!("{value} is refused")
            };
            assert_eq!(
                (endpoint.address.as_str(), endpoint.target("x").to_string()),
                (address, target.to_owned())
            );
        }
        assert!(Endpoint::parse("").is_err());
        assert!(Endpoint::parse("a b").is_err());
    }
}
