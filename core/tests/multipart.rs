//! Multipart bodies: parts, limits, and bodies of hostile clients.
#![cfg(all(feature = "multipart", feature = "testing"))]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhost_core::multipart::MultipartLimits;
use anyhost_core::testing::Client;
use anyhost_core::{Body, Request, RequestExt, Result};
use futures_util::stream;

const FORM: &str = "multipart/form-data; boundary=b";

/// Describes each part on one line.
async fn list(mut request: Request) -> Result<String> {
    let limits = MultipartLimits::new()
        .with_total("200kb")?
        .with_part("100kb")?;
    let mut parts = request.multipart(limits.with_parts(3))?;
    let mut lines = Vec::new();
    while let Some(mut part) = parts.next_part().await? {
        let (name, file, kind) = (
            part.name().to_owned(),
            part.file_name(),
            part.content_type(),
        );
        let mut line = format!("{name:?} {file:?} {kind:?}");
        line += &match part.name() {
            "skipped" => " skipped".to_owned(),
            "small" => format!(" {:?}", part.text_limit(4).await?),
            _ if kind_is_text(&part) => format!(" {:?}", part.text().await?),
            _ => format!(" {:?}", part.buffer().await?.len()),
        };
        lines.push(line);
    }
    Ok(lines.join("\n"))
}

fn kind_is_text(part: &anyhost_core::multipart::Part<'_>) -> bool {
    part.content_type()
        .is_none_or(|kind| kind.starts_with("text/"))
}

async fn send(content_type: &str, body: impl Into<Body>) -> (u16, String) {
    let request = Client::new(list)
        .post("/")
        .header("content-type", content_type);
    let response = request.body(body).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

fn part(disposition: &str, content: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
}

#[tokio::test]
async fn the_parts_of_a_form_are_read_in_their_order() {
    let body = part("name=\"title\"", "Notes")
        + &part("name=\"skipped\"", &"x".repeat(50_000))
        + "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"../a.bin\"\r\n\
           Content-Type: image/png\r\n\r\n\0\r\n--x\r\n--b--\r\nepilogue";
    let expected = "\"title\" None None \"Notes\"\n\
                    \"skipped\" None None skipped\n\
                    \"file\" Some(\"a.bin\") Some(\"image/png\") 6";
    assert_eq!(send(FORM, body).await, (200, expected.to_owned()));
}

#[tokio::test]
async fn a_body_that_arrives_in_single_bytes_gives_the_same_parts() {
    let body = part("name=\"a\"", "one\r\n-") + &part("name=\"c\"", "") + "--b--";
    let bytes = body.into_bytes().into_iter();
    let chunks = stream::iter(bytes.map(|byte| Ok::<_, io::Error>(vec![byte])));
    let expected = "\"a\" None None \"one\\r\\n-\"\n\"c\" None None \"\"";
    assert_eq!(
        send(FORM, Body::from_stream(chunks)).await,
        (200, expected.to_owned())
    );
}

#[tokio::test]
async fn the_text_of_a_part_is_decoded_from_its_charset() {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\
                     Content-Type: text/plain; charset=iso-8859-1\r\n\r\ncaf\xe9\r\n--b--"
        .to_vec();
    let expected = "\"a\" None Some(\"text/plain; charset=iso-8859-1\") \"café\"";
    assert_eq!(send(FORM, body.clone()).await, (200, expected.to_owned()));
    let at = body
        .windows(10)
        .position(|bytes| bytes == b"iso-8859-1")
        .unwrap();
    body.splice(at..at + 10, *b"utf-8");
    assert_eq!(send(FORM, body).await, (400, "Invalid body".to_owned()));
}

#[tokio::test]
async fn a_request_without_a_usable_content_type_is_rejected() {
    for (content_type, status, message) in [
        ("text/plain", 415, "Expected multipart/form-data"),
        (
            "multipart/mixed; boundary=b",
            415,
            "Expected multipart/form-data",
        ),
        ("", 415, "Expected multipart/form-data"),
        ("multipart/form-data", 400, "Invalid multipart boundary"),
        (
            "multipart/form-data; boundary=\"\"",
            400,
            "Invalid multipart boundary",
        ),
    ] {
        let expected = (status, message.to_owned());
        assert_eq!(
            send(content_type, "--b--").await,
            expected,
            "{content_type}"
        );
    }
    let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
    assert_eq!(send(&long, "").await.0, 400);
    let response = Client::new(list).post("/").body("--b--").await;
    assert_eq!(response.status(), 415);
    let request = Client::new(list).post("/").header("content-type", FORM);
    let response = request
        .header("content-encoding", "gzip")
        .body("--b--")
        .await;
    assert_eq!(response.status(), 415);
}

#[tokio::test]
async fn a_malformed_or_incomplete_body_is_a_400() {
    let no_name = "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--";
    let name_is_not_utf8 =
        b"--b\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nx\r\n--b--";
    let bad_header = "--b\r\nContent Disposition\r\n\r\nx\r\n--b--";
    let many_headers = format!("--b\r\n{}\r\nx\r\n--b--", "a: b\r\n".repeat(40));
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"no boundary".to_vec(),
        b"--b".to_vec(),
        b"--b\r\n".to_vec(),
        b"--bad\r\n\r\n".to_vec(),
        part("name=\"a\"", "x").into_bytes(),
        b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncut".to_vec(),
        b"--b\r\nContent-Disposition: form-data; name=\"a".to_vec(),
        no_name.into(),
        name_is_not_utf8.to_vec(),
        bad_header.into(),
        many_headers.into_bytes(),
    ];
    for body in bodies {
        let expected = (400, "Invalid multipart body".to_owned());
        assert_eq!(
            send(FORM, body.clone()).await,
            expected,
            "{:?}",
            String::from_utf8_lossy(&body)
        );
    }
}

#[tokio::test]
async fn a_body_that_the_client_aborts_is_a_400() {
    let start = part("name=\"a\"", "x");
    let chunks = stream::iter([Ok(start), Err(io::Error::other("reset"))]);
    let expected = (400, "Invalid body".to_owned());
    assert_eq!(send(FORM, Body::from_stream(chunks)).await, expected);
}

#[tokio::test]
async fn a_body_over_any_limit_is_a_413_that_names_the_limit() {
    let large = "x".repeat(100 * 1024);
    let two = part("name=\"a\"", &large) + &part("name=\"c\"", &large);
    let in_skipped = part("name=\"skipped\"", &format!("{large}x")) + "--b--";
    let headers = format!("--b\r\nx: {}\r\n\r\nx\r\n--b--", "y".repeat(40_000));
    for (body, message) in [
        (two, "Body exceeded 200kb limit"),
        (
            part("name=\"a\\\"\"", &format!("{large}x")) + "--b--",
            "Part \"a\\\"\" exceeded 100kb limit",
        ),
        (in_skipped, "Part \"skipped\" exceeded 100kb limit"),
        (
            part("name=\"small\"", "12345") + "--b--",
            "Part \"small\" exceeded 4 limit",
        ),
        (
            part("name=\"a\"", "").repeat(4) + "--b--",
            "Body exceeded 3 parts limit",
        ),
        (headers, "Headers of a part exceeded 16kb limit"),
        ("x".repeat(60_000), "Headers of a part exceeded 16kb limit"),
    ] {
        let expected = (413, message.to_owned());
        let chunks = body.clone().into_bytes();
        let chunks: Vec<_> = chunks
            .chunks(1000)
            .map(|chunk| Ok::<_, io::Error>(chunk.to_vec()))
            .collect();
        assert_eq!(
            send(FORM, Body::from_stream(stream::iter(chunks))).await,
            expected
        );
        assert_eq!(send(FORM, body).await, expected);
    }
}

#[tokio::test]
async fn parts_at_their_limits_are_accepted() {
    let large = "x".repeat(100 * 1024);
    let body = part("name=\"a\"", &large) + &part("name=\"small\"", "1234");
    let headers = format!("--b\r\nx: {}\r\n", "y".repeat(16_000));
    let body = body + &headers + "Content-Disposition: form-data; name=\"c\"\r\n\r\n\r\n--b--";
    let (status, text) = send(FORM, body).await;
    assert_eq!((status, text.lines().count()), (200, 3), "{text}");
}

/// A client that sends faster than the handler reads must not fill the memory.
#[tokio::test]
async fn the_body_is_read_only_as_fast_as_the_handler_reads_the_part() {
    const CHUNK: usize = 64 * 1024;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    let head = stream::iter([Ok::<_, io::Error>(
        part("name=\"a\"", "").trim_end().to_owned() + "\r\n\r\n",
    )]);
    let endless = stream::repeat_with(move || {
        counter.fetch_add(CHUNK, Ordering::Relaxed);
        Ok("x".repeat(CHUNK))
    });
    let body = futures_util::StreamExt::chain(head, endless);
    let mut request = Request::new(Body::from_stream(body));
    let form = anyhost_core::http::HeaderValue::from_static(FORM);
    request.headers_mut().insert("content-type", form);
    let limits = MultipartLimits::new()
        .with_total(u64::MAX)
        .unwrap()
        .with_part(u64::MAX)
        .unwrap();
    let mut parts = request.multipart(limits).unwrap();
    let mut part = parts.next_part().await.unwrap().unwrap();
    let mut received = 0;
    while received < 100 * CHUNK {
        received += part.chunk().await.unwrap().unwrap().len();
        let ahead = sent.load(Ordering::Relaxed) - received;
        assert!(
            ahead <= 2 * CHUNK,
            "{ahead} bytes were read before they were needed"
        );
    }
}
