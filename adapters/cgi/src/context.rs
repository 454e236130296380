//! The [`Context`] of a request. All its values come from variables of the server, and none from request headers.

use std::net::IpAddr;

use anyhost_core::adapter::forwarded::parse_ip;
use anyhost_core::{Context, Host};
use http::uri::Scheme;

use crate::environment::Environment;

pub(crate) fn of(environment: &Environment, base_path: &str) -> Context {
    let mut context = Context::new(Host::CGI)
        .with_base_path(base_path)
        .with_timer(|duration| Box::pin(tokio::time::sleep(duration)));
    if is_https(environment) {
        context = context.with_scheme(Scheme::HTTPS);
    }
    if let Some(peer) = environment.text("REMOTE_ADDR").and_then(peer) {
        context = context.with_peer(peer);
    }
    // Set by Apache's mod_unique_id, and by infra/cgi/nginx.conf.
    if let Some(id) = environment.text("UNIQUE_ID") {
        context = context.with_request_id(id);
    }
    context
}

/// Whether the client used HTTPS. No variable for the scheme is set by all servers. `HTTPS` is the oldest such
/// variable; some servers set it to `off`.
fn is_https(environment: &Environment) -> bool {
    let is = |name, values: &[&str]| {
        let value = environment.text(name).unwrap_or_default();
        values.iter().any(|known| value.eq_ignore_ascii_case(known))
    };
    is("HTTPS", &["on", "1", "yes", "true"])
        || is("REQUEST_SCHEME", &["https"])
        || is("SERVER_PORT_SECURE", &["1"])
}

/// The IP address in REMOTE_ADDR, possibly with a zone. `None` for the name of a Unix socket.
fn peer(address: &str) -> Option<IpAddr> {
    match address.split_once('%') {
        Some((address, _zone)) => parse_ip(address.trim_start_matches('[')),
        None => parse_ip(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(vars: &[(&str, &str)]) -> Context {
        of(&Environment::new(vars.iter().copied()), "")
    }

    #[test]
    fn the_scheme_comes_from_server_variables_and_not_from_headers() {
        for vars in [
            ("HTTPS", "on"),
            ("HTTPS", "ON"),
            ("REQUEST_SCHEME", "https"),
            ("SERVER_PORT_SECURE", "1"),
        ] {
            assert_eq!(context(&[vars]).scheme(), &Scheme::HTTPS, "{vars:?}");
        }
        for vars in [
            ("HTTPS", "off"),
            ("HTTPS", ""),
            ("HTTP_X_FORWARDED_PROTO", "https"),
        ] {
            assert_eq!(context(&[vars]).scheme(), &Scheme::HTTP, "{vars:?}");
        }
    }

    #[test]
    fn the_peer_is_the_ip_address_in_remote_addr() {
        let peer = |text| {
            context(&[("REMOTE_ADDR", text)])
                .peer()
                .map(|peer| peer.to_string())
        };
        assert_eq!(peer("192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(peer("[fe80::1%eth0]").as_deref(), Some("fe80::1"));
        assert_eq!(peer("::ffff:192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(peer("unix:"), None);
    }
}
