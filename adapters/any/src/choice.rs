//! Which host woke this process, and what told so.

use std::ffi::{OsStr, OsString};

/// A host that a process can find itself on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Http,
    Lambda,
    Cgi,
}

/// The place, and the rule that decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) place: Place,
    pub(crate) reason: &'static str,
}

/// Looks at the environment; the first rule that holds decides.
///
/// # Errors
/// When `ANYHOST` names no host, or stdin is a listening socket: better to stop than to guess against
/// someone's word.
pub(crate) fn choose(
    var: impl Fn(&str) -> Option<OsString>,
    stdin_listens: impl Fn() -> bool,
) -> Result<Choice, String> {
    let var = |name| var(name).filter(|value| !value.is_empty());
    if let Some(wish) = var("ANYHOST") {
        let place = match wish.to_str() {
            Some("http") => Place::Http,
            Some("lambda") => Place::Lambda,
            Some("cgi") => Place::Cgi,
            _ => {
                return Err(format!(
                    "ANYHOST is {wish:?}; it can be http, lambda or cgi"
                ));
            }
        };
        return Ok(Choice {
            place,
            reason: "ANYHOST says so",
        });
    }
    if var("AWS_LAMBDA_RUNTIME_API").is_some() {
        return Ok(Choice {
            place: Place::Lambda,
            reason: "AWS_LAMBDA_RUNTIME_API is set",
        });
    }
    // RFC 3875 §4.1.4: every CGI host sets it. FCGI_ROLE or REQUEST_METHOD prove nothing.
    let is_cgi = |value: &OsStr| value.as_encoded_bytes().starts_with(b"CGI/");
    if var("GATEWAY_INTERFACE").is_some_and(|value| is_cgi(&value)) {
        return Ok(Choice {
            place: Place::Cgi,
            reason: "GATEWAY_INTERFACE is CGI",
        });
    }
    // Under CGI stdin can be a socket as well (Apache's mod_cgid), but never one that listens.
    if stdin_listens() {
        return Err(
            "stdin is a listening socket, which is how FastCGI starts a program; put fcgiwrap in \
             between, which starts it as CGI, or set ANYHOST=http to serve HTTP all the same"
                .to_owned(),
        );
    }
    Ok(Choice {
        place: Place::Http,
        reason: "no other host was found",
    })
}

/// Whether stdin is a socket that waits for connections (SO_ACCEPTCONN).
pub(crate) fn stdin_listens() -> bool {
    rustix::net::sockopt::socket_acceptconn(std::io::stdin()).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(vars: &[(&str, &str)]) -> Result<Place, String> {
        let find = |name: &str| {
            vars.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        };
        choose(find, || false).map(|choice| choice.place)
    }

    const APACHE: (&str, &str) = ("GATEWAY_INTERFACE", "CGI/1.1");
    const LAMBDA: (&str, &str) = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");

    #[test]
    fn the_first_rule_that_holds_decides() {
        assert_eq!(chosen(&[]), Ok(Place::Http));
        assert_eq!(
            chosen(&[("PORT", "8080"), ("K_SERVICE", "x")]),
            Ok(Place::Http)
        );
        assert_eq!(chosen(&[APACHE]), Ok(Place::Cgi));
        assert_eq!(
            chosen(&[APACHE, ("FCGI_ROLE", "RESPONDER")]),
            Ok(Place::Cgi)
        );
        assert_eq!(chosen(&[APACHE, LAMBDA]), Ok(Place::Lambda));
        assert_eq!(
            chosen(&[APACHE, LAMBDA, ("ANYHOST", "http")]),
            Ok(Place::Http)
        );
    }

    #[test]
    fn what_only_looks_like_a_host_is_none() {
        for vars in [
            ("GATEWAY_INTERFACE", ""),
            ("GATEWAY_INTERFACE", "FastCGI"),
            ("REQUEST_METHOD", "GET"),
            ("FCGI_ROLE", "RESPONDER"),
            ("AWS_LAMBDA_RUNTIME_API", ""),
            ("ANYHOST", ""),
        ] {
            assert_eq!(chosen(&[vars]), Ok(Place::Http), "{vars:?}");
        }
    }

    #[test]
    fn fastcgi_is_told_from_http_and_refused() {
        let with = |gateway: Option<&str>| {
            let var = |name: &str| {
                gateway
                    .filter(|_| name == "GATEWAY_INTERFACE")
                    .map(Into::into)
            };
            choose(var, || true).map(|choice| choice.place)
        };
        assert!(with(None).unwrap_err().contains("fcgiwrap"));
        assert_eq!(with(Some("CGI/1.1")), Ok(Place::Cgi));
    }

    #[test]
    fn an_unknown_wish_is_an_error() {
        assert!(chosen(&[("ANYHOST", "ftp")]).unwrap_err().contains("ftp"));
    }
}
