//! The address of the Runtime API.

use anyhost_core::adapter::settings::InvalidSetting;
use bytes::Bytes;
use http::{HeaderValue, Uri};

const VARIABLE: &str = "AWS_LAMBDA_RUNTIME_API";

/// The value of `AWS_LAMBDA_RUNTIME_API`: `host:port` on Lambda. Emulators add a scheme and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: String,
    pub(crate) host: HeaderValue,
    prefix: String,
}

impl Endpoint {
    pub(crate) fn from_env() -> Result<Self, InvalidSetting> {
        Self::parse(&std::env::var(VARIABLE).unwrap_or_default())
    }

    pub(crate) fn parse(value: &str) -> Result<Self, InvalidSetting> {
        let invalid = || InvalidSetting::new(VARIABLE, value, "an address such as 127.0.0.1:9001");
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

    /// The target of a call for an invocation: `response` or `error`. The id is percent-encoded.
    pub(crate) fn invocation_target(&self, id: &str, call: &str) -> Uri {
        self.uri(&["/2018-06-01/runtime/invocation/", id, "/", call])
    }

    /// The target of a call of the Extensions API, such as `register`.
    pub(crate) fn extension_target(&self, call: &str) -> Uri {
        self.uri(&["/2020-01-01/extension/", call])
    }

    /// The URI is always valid: `parse` accepts only a valid prefix, the client accepts only valid ids, and the rest
    /// is constant.
    fn uri(&self, rest: &[&str]) -> Uri {
        // Long enough for the calls of an invocation.
        let mut target = String::with_capacity(self.prefix.len() + 96);
        target.push_str(&self.prefix);
        rest.iter().for_each(|part| target.push_str(part));
        Uri::from_maybe_shared(Bytes::from(target)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_scheme_and_a_path_as_emulators_write_it() {
        for (value, address, target) in [
            ("127.0.0.1:9001", "127.0.0.1:9001", "/2018-06-01/x"),
            (
                "http://127.0.0.1:9000/.rt/probe",
                "127.0.0.1:9000",
                "/.rt/probe/2018-06-01/x",
            ),
            ("sandbox", "sandbox:80", "/2018-06-01/x"),
        ] {
            let parsed = Endpoint::parse(value).ok();
            let parsed = parsed.map(|e| (e.address.clone(), e.target("x").to_string()));
            assert_eq!(parsed, Some((address.to_owned(), target.to_owned())));
        }
    }

    #[test]
    fn an_invalid_address_is_an_error_that_names_the_variable() {
        for value in ["", "a b"] {
            let error = Endpoint::parse(value).err().map(|error| error.to_string());
            let expected = format!(
                "AWS_LAMBDA_RUNTIME_API: invalid value {value:?}, expected an address such as 127.0.0.1:9001"
            );
            assert_eq!(error, Some(expected));
        }
    }
}
