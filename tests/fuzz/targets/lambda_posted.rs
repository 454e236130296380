#![no_main]
//! Responses of a function to the simulated event sources: any JSON, and any stream.

use anyhost_core::Body;
use anyhost_fuzz::{block_on, read_body};
use anyhost_lambda::front_door::Simulator;
use bytes::Bytes;
use futures_util::stream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    for simulator in Simulator::all() {
        let response = simulator.response(input);
        let (status, headers) = (response.status(), response.headers().clone());
        let body = block_on(read_body(response.into_body())).unwrap();
        if let Some(length) = headers.get("content-length")
            && !body.is_empty()
        {
            assert_eq!(
                length.to_str().unwrap(),
                body.len().to_string(),
                "{simulator}"
            );
        }
        // The boundaries between the chunks of a stream do not change the response.
        let chunks = |size| {
            let chunks: Vec<_> = input.chunks(size).map(Bytes::copy_from_slice).collect();
            Body::from_stream(stream::iter(
                chunks.into_iter().map(Ok::<_, std::io::Error>),
            ))
        };
        let whole = block_on(simulator.streamed_response(chunks(usize::MAX)));
        let cut = block_on(simulator.streamed_response(chunks(3)));
        assert_eq!(whole.status(), cut.status(), "{simulator}");
        assert_eq!(whole.headers(), cut.headers(), "{simulator}");
        if !simulator.source().can_stream() {
            assert_eq!(
                (whole.status(), whole.headers()),
                (status, &headers),
                "{simulator}"
            );
        }
        let (whole, cut) = (read_body(whole.into_body()), read_body(cut.into_body()));
        assert_eq!(block_on(whole), block_on(cut), "{simulator}");
    }
});
