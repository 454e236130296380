//! The addresses of the server, from the command line and the environment.

use std::ffi::OsString;

use anyhost_core::adapter::settings::{InvalidSetting, SettingValue, parse};
use clap::Args;

use super::parser::setting;
use crate::listen::Address;

/// The addresses on which a [`Server`](crate::Server) listens, as flags.
///
/// Without a flag, a server usually listens on [inherited](crate::Inherited) sockets. Without inherited sockets, the
/// server listens on the port in `FUNCTIONS_CUSTOMHANDLER_PORT` (Azure Functions). If this variable is not set, it
/// listens on the port in `PORT` and the host in `HOST`, and without `PORT` on `0.0.0.0:3000`.
///
/// ```
/// use anyhost_hyper::ListenOptions;
///
/// let options = ListenOptions::default().with_port(8080);
/// assert_eq!(options.addresses(false).unwrap()[0].to_string(), "tcp://0.0.0.0:8080");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
// `about`: clap would use this documentation as the description of the command that includes the flags.
#[command(about = None, long_about = None)]
#[non_exhaustive]
pub struct ListenOptions {
    /// Address to listen on: tcp://host:port, tls://host:port, unix:/path (also unix:/path?mode=660) or fd:3, an inherited socket; can be repeated
    #[arg(short, long, value_name = "ADDRESS", value_parser = setting::<Address>())]
    pub listen: Vec<Address>,

    /// Port to listen on, on the host in HOST or on 0.0.0.0
    #[arg(short, long, value_name = "PORT", value_parser = setting::<Port>())]
    port: Option<Port>,
}

/// A TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Port(u16);

impl SettingValue for Port {
    const EXPECTED: &'static str = "a port number";

    fn parse_setting(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl SettingValue for Address {
    const EXPECTED: &'static str = Self::EXPECTED;

    fn parse_setting(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl ListenOptions {
    /// Listens on `port` of the host in `HOST`, or of `0.0.0.0`.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = Some(Port(port));
        self
    }

    /// Whether no address was given, so that inherited sockets are used if there are any.
    pub fn is_empty(&self) -> bool {
        self.listen.is_empty() && self.port.is_none()
    }

    /// The addresses from the flags. Without flags, the address from the environment, or `0.0.0.0:3000`. With `tls`, an
    /// address that is only a port uses TLS; `tls` should be true if the server has a certificate.
    ///
    /// # Errors
    /// When a variable has an invalid value. The value is not ignored, because operators would notice too late that the
    /// server listens on another port.
    pub fn addresses(&self, tls: bool) -> Result<Vec<Address>, InvalidSetting> {
        self.addresses_with(tls, |name| std::env::var_os(name))
    }

    fn addresses_with(
        &self,
        tls: bool,
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Vec<Address>, InvalidSetting> {
        let variable = |name: &str| {
            let value = lookup(name).filter(|value| !value.is_empty())?;
            // A value that is not UTF-8 becomes an invalid string, which is then reported as an error.
            Some(value.to_string_lossy().into_owned())
        };
        let port = |name: &str| variable(name).map(|value| parse::<Port>(name, &value));
        let host = || variable("HOST");
        let (host, port) = match (self.port, port("FUNCTIONS_CUSTOMHANDLER_PORT")) {
            (Some(port), _) => (host(), port),
            (None, _) if !self.listen.is_empty() => return Ok(self.listen.clone()),
            // Azure's host calls the program on the loopback interface; HOST is not part of its contract.
            (None, Some(port)) => (None, port?),
            (None, None) => match port("PORT") {
                Some(port) => (host(), port?),
                None => (None, Port(Address::DEFAULT_PORT)),
            },
        };
        let host = host.unwrap_or_else(|| "0.0.0.0".to_owned());
        let address = match tls {
            true => Address::Tls(host, port.0),
            false => Address::Tcp(host, port.0),
        };
        let mut addresses = self.listen.clone();
        addresses.push(address);
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn from_flags(flags: &[&str]) -> Result<ListenOptions, clap::Error> {
        let command = ListenOptions::augment_args(Command::new("test").no_binary_name(true));
        ListenOptions::from_arg_matches(&command.try_get_matches_from(flags)?)
    }

    fn addresses(
        flags: &[&str],
        vars: &[(&str, &str)],
        tls: bool,
    ) -> Result<Vec<String>, InvalidSetting> {
        let options = from_flags(flags).unwrap();
        let addresses = options.addresses_with(tls, |name| {
            let found = vars.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).into())
        })?;
        Ok(addresses.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_listen_flag_can_be_repeated_and_has_a_short_form() -> Result<(), InvalidSetting> {
        let flags = ["-l", "tcp://localhost:1", "--listen=unix:/x", "-l3"];
        let expected = ["tcp://localhost:1", "unix:/x", "tcp://0.0.0.0:3"];
        assert_eq!(addresses(&flags, &[("PORT", "80")], false)?, expected);
        Ok(())
    }

    #[test]
    fn the_port_flag_overrides_the_port_variables_and_keeps_the_host_variable()
    -> Result<(), InvalidSetting> {
        let vars = [
            ("PORT", "80"),
            ("HOST", "::1"),
            ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071"),
        ];
        assert_eq!(addresses(&["-p", "1"], &vars, false)?, ["tcp://[::1]:1"]);
        assert_eq!(addresses(&["--port=1"], &[], true)?, ["tls://0.0.0.0:1"]);
        Ok(())
    }

    #[test]
    fn without_flags_the_address_comes_from_the_variables() -> Result<(), InvalidSetting> {
        let azure = ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071");
        for (vars, tls, address) in [
            (&[][..], false, "tcp://0.0.0.0:3000"),
            (&[("HOST", "x"), ("PORT", "")], false, "tcp://0.0.0.0:3000"),
            (&[("PORT", "80")], false, "tcp://0.0.0.0:80"),
            (&[("PORT", "80"), ("HOST", "::1")], false, "tcp://[::1]:80"),
            (
                &[("PORT", "80"), ("HOST", "x"), azure],
                false,
                "tcp://0.0.0.0:7071",
            ),
            (&[("PORT", "443")], true, "tls://0.0.0.0:443"),
        ] {
            assert_eq!(addresses(&[], vars, tls)?, [address]);
        }
        Ok(())
    }

    #[test]
    fn an_invalid_port_or_address_is_an_error() {
        let error = addresses(&[], &[("PORT", "http")], false).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"PORT: invalid value "http", expected a port number"#
        );
        let error = from_flags(&["-l", "ftp://x"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "error: --listen: invalid value \"ftp://x\", expected tcp://host:port, tls://host:port, unix:/path or fd:3\n"
        );
        assert!(from_flags(&["--port", "65536"]).is_err());
    }
}
