#![no_main]
//! Multipart forms. The first line is the boundary; the rest is the body, in which each `\n` is sent as `\r\n`, so that seeds
//! can be written by hand.

use std::convert::Infallible;

use anyhost_core::multipart::MultipartLimits;
use anyhost_core::{Body, Request, RequestExt, Result};
use anyhost_fuzz::block_on;
use futures_util::stream;
use http::HeaderValue;
use libfuzzer_sys::fuzz_target;

const PARTS: usize = 5;
const PART: usize = 200;

fuzz_target!(|input: &[u8]| {
    let (boundary, rest) = match input.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &b""[..]),
    };
    let content_type = [b"multipart/form-data; boundary=", boundary].concat();
    let Ok(content_type) = HeaderValue::from_maybe_shared(bytes::Bytes::from(content_type)) else {
        return;
    };
    let mut body = Vec::with_capacity(rest.len() * 2);
    for &byte in rest {
        if byte == b'\n' {
            body.push(b'\r');
        }
        body.push(byte);
    }
    let whole = block_on(read(&content_type, body.clone().into()));
    if let Ok(parts) = &whole {
        assert!(parts.len() <= PARTS);
        let length: usize = parts.iter().map(|part| part.content.len()).sum();
        assert!(length <= body.len());
    }
    // The chunks in which a body arrives make no difference.
    for size in [1, 7] {
        let chunks: Vec<_> = body
            .chunks(size)
            .map(|chunk| Ok::<_, Infallible>(chunk.to_vec()))
            .collect();
        let chunked = block_on(read(&content_type, Body::from_stream(stream::iter(chunks))));
        match (&whole, &chunked) {
            (Ok(whole), Ok(chunked)) => assert_eq!(whole, chunked),
            (Err(_), Err(_)) => {}
            (whole, chunked) => panic!("{whole:?} and {chunked:?}"),
        }
    }
});

#[derive(Debug, PartialEq)]
struct Read {
    name: String,
    file_name: Option<String>,
    content: Vec<u8>,
}

async fn read(content_type: &HeaderValue, body: Body) -> Result<Vec<Read>> {
    let result = parts(content_type, body).await;
    if let Err(error) = &result {
        assert!(error.status().is_client_error(), "{error:?}");
    }
    result
}

async fn parts(content_type: &HeaderValue, body: Body) -> Result<Vec<Read>> {
    let mut request = Request::new(body);
    request
        .headers_mut()
        .insert("content-type", content_type.clone());
    let limits = MultipartLimits::new().with_part(PART)?.with_parts(PARTS);
    let mut form = request.multipart(limits)?;
    let mut parts = Vec::new();
    while let Some(mut part) = form.next_part().await? {
        let file_name = part.file_name();
        if let Some(name) = &file_name {
            assert!(!name.is_empty() && name.len() <= 200 && !name.starts_with('.'));
            assert!(
                !name.contains(['/', '\\']) && !name.contains(char::is_control),
                "{name:?}"
            );
        }
        let mut content = Vec::new();
        while let Some(chunk) = part.chunk().await? {
            content.extend_from_slice(&chunk);
        }
        assert!(content.len() <= PART);
        parts.push(Read {
            name: part.name().to_owned(),
            file_name,
            content,
        });
    }
    assert!(
        form.next_part().await?.is_none(),
        "a part after the last part"
    );
    Ok(parts)
}
