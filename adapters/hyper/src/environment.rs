//! A server as the environment describes it.

use std::io;
use std::time::Duration;

use anyhost_core::Proxies;

use crate::limits::Limits;
use crate::options::Options;

/// See [`Server::from_env`](crate::Server::from_env) for the variables.
pub(crate) fn options(var: impl Fn(&str) -> Option<String>) -> io::Result<Options> {
    let var = |name: &'static str| var(name).filter(|value| !value.is_empty());
    let flag = |name| match var(name).as_deref() {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(value) => Err(invalid(name, value, "it can be 0 or 1")),
    };
    let mut options = Options::default();
    if let Some(value) = var("ANYHOST_HTTP_LIMITS") {
        options.limits = match value.as_str() {
            "default" => Limits::default(),
            "strict" => Limits::strict(),
            "unlimited" => Limits::unlimited(),
            _ => {
                let known = "it can be default, strict or unlimited";
                return Err(invalid("ANYHOST_HTTP_LIMITS", &value, known));
            }
        };
    }
    if let Some(value) = var("ANYHOST_HTTP_DRAIN") {
        let seconds = value.parse::<u32>();
        let seconds = seconds.map_err(|error| invalid("ANYHOST_HTTP_DRAIN", &value, error))?;
        options.drain_timeout = Duration::from_secs(seconds.into());
    }
    if let Some(value) = var("ANYHOST_HTTP_PROXIES") {
        let named = |value: &str| {
            let proxies = value.parse::<Proxies>();
            proxies.map_err(|error| invalid("ANYHOST_HTTP_PROXIES", value, error))
        };
        let proxies = match value.parse() {
            Ok(hops) => Proxies::hops(hops),
            Err(_) => named(&value)?,
        };
        options.proxies = Some(match flag("ANYHOST_HTTP_FORWARDED")? {
            true => proxies.with_standard_header(),
            false => proxies,
        });
    }
    options.proxy_protocol = flag("ANYHOST_HTTP_PROXY_PROTOCOL")?;
    options.health_checks = flag("ANYHOST_HTTP_HEALTH")?;
    options.detached = flag("ANYHOST_HTTP_DETACHED")?;
    match (var("ANYHOST_HTTP_TLS_CERT"), var("ANYHOST_HTTP_TLS_KEY")) {
        (None, None) => {}
        (Some(certificate), Some(key)) => certified(&mut options, certificate, key)?,
        (certificate, key) => {
            let one = certificate.or(key).unwrap_or_default();
            let names = "ANYHOST_HTTP_TLS_CERT or ANYHOST_HTTP_TLS_KEY";
            return Err(invalid(names, &one, "the one needs the other"));
        }
    }
    Ok(options)
}

#[cfg(feature = "tls")]
fn certified(options: &mut Options, certificate: String, key: String) -> io::Result<()> {
    options.tls = Some(crate::Tls::from_pem_files(certificate, key)?);
    Ok(())
}

#[cfg(not(feature = "tls"))]
fn certified(_: &mut Options, certificate: String, _: String) -> io::Result<()> {
    let why = "this program was built without TLS";
    Err(invalid("ANYHOST_HTTP_TLS_CERT", &certificate, why))
}

fn invalid(name: &str, value: &str, why: impl std::fmt::Display) -> io::Error {
    let text = format!("{name} is {value:?}: {why}");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(vars: &[(&str, &str)]) -> io::Result<Options> {
        options(|name| {
            let found = vars.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_describes_a_server() -> io::Result<()> {
        let options = described(&[
            ("ANYHOST_HTTP_LIMITS", "strict"),
            ("ANYHOST_HTTP_DRAIN", "25"),
            ("ANYHOST_HTTP_PROXIES", "loopback, unix"),
            ("ANYHOST_HTTP_FORWARDED", "1"),
            ("ANYHOST_HTTP_PROXY_PROTOCOL", "1"),
            ("ANYHOST_HTTP_HEALTH", "1"),
            ("ANYHOST_HTTP_DETACHED", "1"),
        ])?;
        assert_eq!(options.limits, Limits::strict());
        assert_eq!(options.drain_timeout, Duration::from_secs(25));
        let proxies = "loopback, unix".parse::<Proxies>().ok();
        assert_eq!(options.proxies, proxies.map(Proxies::with_standard_header));
        assert!(options.proxy_protocol && options.health_checks && options.detached);
        let hops = described(&[("ANYHOST_HTTP_PROXIES", "2")])?.proxies;
        assert_eq!(hops, Some(Proxies::hops(2)));
        Ok(())
    }

    #[test]
    fn nothing_is_on_that_was_not_asked_for() -> io::Result<()> {
        let options = described(&[("ANYHOST_HTTP_LIMITS", ""), ("ANYHOST_HTTP_HEALTH", "0")])?;
        assert_eq!(options.limits, Limits::default());
        assert_eq!(options.proxies, None);
        assert!(!options.proxy_protocol && !options.health_checks && !options.detached);
        assert!(!options.has_certificate());
        Ok(())
    }

    #[test]
    fn what_cannot_be_understood_is_an_error_that_names_the_variable() {
        for (name, value) in [
            ("ANYHOST_HTTP_LIMITS", "none"),
            ("ANYHOST_HTTP_DRAIN", "10s"),
            ("ANYHOST_HTTP_PROXIES", "everyone"),
            ("ANYHOST_HTTP_HEALTH", "yes"),
            ("ANYHOST_HTTP_TLS_CERT", "/there/is/no/such.pem"),
            ("ANYHOST_HTTP_TLS_KEY", "/there/is/no/such.pem"),
        ] {
            let error = described(&[(name, value)])
                .err()
                .map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.contains(name)), "{name}");
        }
    }
}
