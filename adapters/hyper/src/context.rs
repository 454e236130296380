//! The address and the scheme of a client, and ids for its requests.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhost_core::adapter::DrainSignal;
use anyhost_core::{Context, Host, Proxies};
use http::header::HOST;
use http::uri::Scheme;

/// The context of a connection, from which the contexts of its requests are made.
pub(crate) fn of_connection(
    peer: Option<IpAddr>,
    scheme: Scheme,
    draining: &DrainSignal,
) -> Context {
    let context = Context::new(Host::HTTP)
        .with_draining(draining)
        .with_timer(|duration| Box::pin(tokio::time::sleep(duration)))
        .with_new_request_ids(new_request_id)
        .with_scheme(scheme);
    match peer {
        Some(peer) => context.with_peer(peer),
        None => context,
    }
}

/// Applies the client address, scheme and host name that trusted proxies report.
pub(crate) fn apply_proxies<B>(
    proxies: &Proxies,
    context: Context,
    request: &mut http::Request<B>,
) -> Context {
    let origin = proxies.origin(context.peer(), request.headers());
    if let Some(host) = origin.host {
        request.headers_mut().insert(HOST, host);
        // An HTTP/2 target contains the authority, which would override the Host header (RFC 9112 §3.2.2). Remove the
        // authority from the target.
        if let Some(target) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = target.into();
        }
    }
    let context = match origin.peer {
        peer if peer == context.peer() => context,
        Some(peer) => context.with_peer(peer),
        None => context.without_peer(),
    };
    match origin.scheme {
        Some(scheme) => context.with_scheme(scheme),
        None => context,
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Makes an id that is unique among all requests of all processes. The id consists of a random number for the process
/// and a counter. An id can be guessed, so it must not be used as a secret.
fn new_request_id() -> Box<str> {
    static PROCESS: OnceLock<String> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let process = PROCESS.get_or_init(|| {
        let random = RandomState::new().hash_one(std::process::id());
        format!("{random:016x}")
    });
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let Ok(number) = u32::try_from(number) else {
        return format!("{process}{number:08x}").into();
    };
    // `format!` would take most of the instructions of an access log line.
    let mut id = String::with_capacity(24);
    id.push_str(process);
    for byte in number.to_be_bytes() {
        id.push(char::from(HEX[usize::from(byte >> 4)]));
        id.push(char::from(HEX[usize::from(byte & 0xF)]));
    }
    id.into()
}

#[cfg(test)]
mod tests {
    use anyhost_core::Host;

    use super::*;

    #[test]
    fn request_ids_of_one_process_differ_only_in_the_last_eight_digits() {
        let (first, second) = (new_request_id(), new_request_id());
        assert_ne!(first, second);
        assert_eq!(first.len(), 24);
        assert_eq!(first[..16], second[..16]);
        let number = |id: &str| u32::from_str_radix(&id[16..], 16).unwrap();
        assert_eq!(number(&second), number(&first) + 1);
    }

    #[test]
    fn a_request_has_no_peer_if_it_passed_through_fewer_proxies_than_configured() {
        let context = Context::new(Host::HTTP).with_peer([192, 0, 2, 1].into());
        let peer = |proxies: usize| {
            let mut request = http::Request::new(());
            let value = http::HeaderValue::from_static("203.0.113.9");
            request.headers_mut().insert("x-forwarded-for", value);
            apply_proxies(&Proxies::hops(proxies), context.clone(), &mut request).peer()
        };
        assert_eq!(peer(0), context.peer());
        assert_eq!(peer(1), Some([203, 0, 113, 9].into()));
        assert_eq!(peer(2), None);
    }
}
