#![no_main]
//! Requests and responses through each event source of AWS: the receiver gets what the sender sent.

use anyhost_fuzz::{Message, Recorder, Seen, block_on};
use anyhost_lambda::front_door::{Client, Simulator};
use anyhost_lambda::{Function, Mode, Source};
use bytes::Bytes;
use http::{Method, Request};
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;

fuzz_target!(|input: &[u8]| {
    let Some(request) = Message::parse(input).request() else {
        return;
    };
    for simulator in Simulator::all() {
        for mode in [Mode::Buffer, Mode::Stream] {
            let recorder = Recorder::default();
            let client = Client::new(simulator, recorder.clone());
            let client = client.with_function(Function::new().with_mode(mode));
            block_on(async {
                let response = client.send(request.clone()).await;
                let status = response.status();
                let Some(seen) = recorder.take_one() else {
                    assert!(
                        status.is_client_error() || status == 501,
                        "{status} {simulator}"
                    );
                    return;
                };
                check_request(simulator, &request, &seen);
                assert_eq!(status, 200, "{simulator}");
                let body = response.bytes().await.unwrap();
                let is_text = simulator != Simulator::new(simulator.source());
                if seen.parts.method == Method::HEAD {
                    assert!(body.is_empty());
                } else if !is_text || std::str::from_utf8(request.body()).is_ok() {
                    assert_eq!(Some(body), seen.body, "{simulator}");
                }
            });
        }
    }
});

fn check_request(simulator: Simulator, sent: &Request<Bytes>, seen: &Seen) {
    assert_eq!(seen.parts.method, sent.method());
    let body = seen.body.as_ref().unwrap();
    // AWS replaces bytes of a text body that are not UTF-8.
    if std::str::from_utf8(sent.body()).is_ok() {
        assert_eq!(body, sent.body(), "{simulator}");
    }
    let source = simulator.source();
    let decode = |text: &str| percent_decode(text.as_bytes()).collect::<Vec<u8>>();
    if !matches!(source, Source::HttpApi | Source::HttpApiV1) {
        assert_eq!(
            decode(seen.parts.uri.path()),
            decode(sent.uri().path()),
            "{simulator}"
        );
    }
    let query = sent.uri().query().unwrap_or_default();
    if matches!(source, Source::FunctionUrl | Source::HttpApi) {
        let seen = seen.parts.uri.query().unwrap_or_default();
        assert_eq!(decode(seen), decode(query), "{simulator}");
    }
    if source == Source::RestApi {
        let pairs =
            |query: &str| serde_html_form::from_str::<Vec<(String, String)>>(query).unwrap();
        let (mut sent, seen) = (
            pairs(query),
            pairs(seen.parts.uri.query().unwrap_or_default()),
        );
        sent.sort_by(|left, right| left.0.cmp(&right.0));
        assert_eq!(seen, sent, "{simulator}");
    }
}
