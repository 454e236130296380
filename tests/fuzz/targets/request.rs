#![no_main]
//! Request targets, paths, Host and the other request headers, on their way through the core.

use std::sync::Arc;

use anyhost_core::adapter::path::{encode_path, strip_prefix, target};
use anyhost_core::adapter::{Deadline, Outcome, exchange};
use anyhost_core::{Context, Host, Request};
use anyhost_fuzz::{Message, Recorder, Seen, block_on, check_response, read_body};
use http::Version;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;

fuzz_target!(|input: &[u8]| {
    let message = Message::parse(input);
    paths(message.start, message.body);
    let Some(request) = message.request() else {
        return;
    };
    let mut request = request.map(Into::into);
    // The first byte of the body selects the HTTP version and the kind of host.
    *request.version_mut() = match message.body.first() {
        Some(b'0') => Version::HTTP_10,
        Some(b'2') => Version::HTTP_2,
        _ => Version::HTTP_11,
    };
    let host = match message.body.get(1) {
        Some(b'u') => Host::HTTP,
        _ => Host::IN_PROCESS,
    };
    request.extensions_mut().insert(Context::new(host));
    let Some(seen) = send(request) else { return };
    // Admission accepts an admitted request again, and does not change the request.
    let mut again = Request::new(seen.body.clone().unwrap_or_default().into());
    *again.method_mut() = seen.parts.method.clone();
    *again.version_mut() = seen.parts.version;
    *again.headers_mut() = seen.parts.headers.clone();
    *again.uri_mut() = seen
        .parts
        .uri
        .path_and_query()
        .unwrap()
        .as_str()
        .parse()
        .unwrap();
    again.extensions_mut().insert(Context::new(host));
    let again = send(again).expect("expected the event source to accept the same request");
    assert_eq!(again.parts.uri, seen.parts.uri);
    assert_eq!(again.parts.headers, seen.parts.headers);
    assert_eq!(again.body, seen.body);
});

fn send(request: Request) -> Option<Seen> {
    let recorder = Recorder::default();
    let method = request.method().clone();
    block_on(async {
        let exchanged = exchange(Arc::new(recorder.clone()), request, Deadline::none()).await;
        let (head, body) = exchanged.response.into_parts();
        let body = read_body(body).await;
        check_response(&method, head.status, &head.headers, body.as_deref());
        match recorder.take_one() {
            Some(seen) => {
                assert_eq!(exchanged.outcome, Outcome::Completed);
                Some(seen)
            }
            None => {
                assert_eq!(exchanged.outcome, Outcome::Rejected);
                assert!(
                    head.status.is_client_error() || head.status == 501,
                    "{}",
                    head.status
                );
                None
            }
        }
    })
}

fn paths(path: &[u8], query: &[u8]) {
    let decode = |text: &[u8]| percent_decode(text).collect::<Vec<u8>>();
    let encoded = encode_path(path);
    assert_eq!(decode(encoded.as_bytes()), path);
    if path.starts_with(b"/") && encoded.len() < 65_000 {
        assert_eq!(target(encoded.as_bytes(), None).unwrap().path(), encoded);
    }
    if let Ok(made) = target(path, Some(query)) {
        assert_eq!(decode(made.path().as_bytes()), decode(path));
        assert_eq!(decode(made.query().unwrap().as_bytes()), decode(query));
        let again = target(made.path().as_bytes(), made.query().map(str::as_bytes));
        assert_eq!(again.unwrap(), made);
    }
    let (path, prefix) = (
        String::from_utf8_lossy(path),
        String::from_utf8_lossy(query),
    );
    let prefix = prefix.trim_end_matches('/');
    if let Some(rest) = strip_prefix(&path, prefix) {
        assert_eq!(format!("{prefix}{rest}"), path);
        assert!(rest.is_empty() || rest.starts_with(['/', '?']));
    }
}
