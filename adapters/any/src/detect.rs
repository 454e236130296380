//! Detects the host that started the process.

use std::ffi::{OsStr, OsString};
use std::fmt;

use anyhost_core::adapter::settings::InvalidSetting;

use crate::hosts::HostKind;

/// The detected host, and the rule that selected it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Detected {
    pub(crate) host: HostKind,
    pub(crate) rule: &'static str,
}

impl Detected {
    /// Logs the host and the rule that selected it.
    pub(crate) fn log(&self) {
        tracing::info!(host = %self.host, reason = self.rule, "detected the host");
    }
}

/// The reason why no host was selected. No default host is used in these cases, because the default could contradict
/// the operator's configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DetectError {
    /// The value of `ANYHOST` is not the name of a host.
    UnknownHost(InvalidSetting),
    /// stdin is a listening socket.
    FastCgi,
}

impl fmt::Display for DetectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownHost(error) => error.fmt(f),
            Self::FastCgi => f.write_str(
                "FastCGI is not supported: stdin is a listening socket. Start the program with fcgiwrap, \
                 which uses CGI, or set ANYHOST=http to serve HTTP",
            ),
        }
    }
}

impl std::error::Error for DetectError {}

/// Detects the host of this process.
pub(crate) fn detect() -> Result<Detected, DetectError> {
    detect_from(|name| std::env::var_os(name), stdin_listens)
}

/// Applies the rules in order. The first rule that matches selects the host.
fn detect_from(
    var: impl Fn(&str) -> Option<OsString>,
    stdin_listens: impl Fn() -> bool,
) -> Result<Detected, DetectError> {
    let var = |name| var(name).filter(|value| !value.is_empty());
    let detected = |host, rule| Ok(Detected { host, rule });
    if let Some(name) = var("ANYHOST") {
        let mut hosts = HostKind::ALL.iter();
        return match hosts.find(|host| *name == *host.name()) {
            Some(host) => detected(*host, "ANYHOST is set"),
            None => {
                let names: Vec<_> = HostKind::ALL.iter().map(|host| host.name()).collect();
                let expected = format!("one of {}", names.join(", "));
                let value = name.to_string_lossy();
                Err(DetectError::UnknownHost(InvalidSetting::new(
                    "ANYHOST", value, expected,
                )))
            }
        };
    }
    if var("AWS_LAMBDA_RUNTIME_API").is_some() {
        return detected(HostKind::Lambda, "AWS_LAMBDA_RUNTIME_API is set");
    }
    // RFC 3875 §4.1.4: every CGI server sets GATEWAY_INTERFACE. FCGI_ROLE and REQUEST_METHOD are not evidence of CGI,
    // because they can also be set on other hosts.
    let is_cgi = |value: &OsStr| value.as_encoded_bytes().starts_with(b"CGI/");
    if var("GATEWAY_INTERFACE").is_some_and(|value| is_cgi(&value)) {
        return detected(HostKind::Cgi, "GATEWAY_INTERFACE starts with CGI/");
    }
    // Under CGI, stdin can also be a socket (Apache's mod_cgid), but this socket is connected and not listening.
    if stdin_listens() {
        return Err(DetectError::FastCgi);
    }
    detected(HostKind::Http, "no variable of another host is set")
}

/// Whether stdin is a socket that accepts connections (SO_ACCEPTCONN).
fn stdin_listens() -> bool {
    rustix::net::sockopt::socket_acceptconn(std::io::stdin()).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected_with(vars: &[(&str, &str)], stdin_listens: bool) -> Result<HostKind, DetectError> {
        let var = |name: &str| {
            vars.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        };
        detect_from(var, || stdin_listens).map(|detected| detected.host)
    }

    fn detected(vars: &[(&str, &str)]) -> Result<HostKind, DetectError> {
        detected_with(vars, false)
    }

    const APACHE: (&str, &str) = ("GATEWAY_INTERFACE", "CGI/1.1");
    const LAMBDA: (&str, &str) = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");

    #[test]
    fn the_host_is_selected_by_the_first_rule_that_matches() {
        for (vars, host) in [
            (&[][..], HostKind::Http),
            (&[("PORT", "8080"), ("K_SERVICE", "x")], HostKind::Http),
            (&[APACHE], HostKind::Cgi),
            (&[APACHE, ("FCGI_ROLE", "RESPONDER")], HostKind::Cgi),
            (&[APACHE, LAMBDA], HostKind::Lambda),
            (&[APACHE, LAMBDA, ("ANYHOST", "http")], HostKind::Http),
        ] {
            assert_eq!(detected(vars), Ok(host), "{vars:?}");
        }
    }

    #[test]
    fn empty_or_unrelated_variables_do_not_select_a_host() {
        for vars in [
            ("GATEWAY_INTERFACE", ""),
            ("GATEWAY_INTERFACE", "FastCGI"),
            ("REQUEST_METHOD", "GET"),
            ("FCGI_ROLE", "RESPONDER"),
            ("AWS_LAMBDA_RUNTIME_API", ""),
            ("ANYHOST", ""),
        ] {
            assert_eq!(detected(&[vars]), Ok(HostKind::Http), "{vars:?}");
        }
    }

    #[test]
    fn a_listening_socket_as_stdin_is_an_error_unless_another_rule_matches() {
        assert_eq!(detected_with(&[], true), Err(DetectError::FastCgi));
        assert_eq!(detected_with(&[APACHE], true), Ok(HostKind::Cgi));
        let http = ("ANYHOST", "http");
        assert_eq!(detected_with(&[http], true), Ok(HostKind::Http));
    }

    #[test]
    fn an_unknown_host_name_in_the_variable_anyhost_is_an_error() {
        assert_eq!(
            detected(&[("ANYHOST", "ftp")]).unwrap_err().to_string(),
            r#"ANYHOST: invalid value "ftp", expected one of http, lambda, cgi"#
        );
    }
}
