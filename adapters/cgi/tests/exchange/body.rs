//! The request body on stdin (RFC 3875 §4.2).

use std::io::{self, Cursor};
use std::sync::Mutex;

use anyhost_cgi::{Outcome, Program};
use anyhost_core::{Body, BoxError, Error, Request, RequestExt};
use futures_util::{StreamExt, stream};

use super::{CountedStdin, body_length, inspect, run, run_program};

const MEGABYTE: [(&str, &str); 1] = [("CONTENT_LENGTH", "1000000")];

#[tokio::test]
async fn the_part_of_a_body_that_the_handler_did_not_read_is_discarded() {
    let stdin = CountedStdin::new(1_000_000);
    let (response, outcome) = run(|| async { "done" }, &MEGABYTE, stdin.clone()).await;
    assert!(response.ends_with("\r\n\r\ndone"), "{response}");
    assert_eq!(outcome, Outcome::Completed);
    assert_eq!(stdin.read(), 1_000_000);
}

#[tokio::test]
async fn the_body_of_a_rejected_request_is_discarded() {
    let stdin = CountedStdin::new(1_000_000);
    let vars = [MEGABYTE[0], ("HTTP_HOST", "u@a")];
    let (response, _) = run(|| async { "reached" }, &vars, stdin.clone()).await;
    assert!(
        response.starts_with("Status: 400 Bad Request\r\n"),
        "{response}"
    );
    assert_eq!(stdin.read(), 1_000_000);
}

#[tokio::test]
async fn no_bytes_after_the_content_length_are_read() {
    // busybox sends bytes after the content length, which are not part of the body (RFC 3875 §4.2).
    let stdin = CountedStdin::new(1_000_000);
    let (response, _) = run(body_length, &[("CONTENT_LENGTH", "5")], stdin.clone()).await;
    assert!(response.ends_with("\r\n\r\n5"), "{response}");
    assert_eq!(stdin.read(), 5);
}

#[tokio::test]
async fn an_invalid_content_length_is_a_400() {
    for bad in [
        "abc",
        "-1",
        "+5",
        "5 ",
        " 5",
        "0x5",
        "5,5",
        "99999999999999999999",
    ] {
        let (response, _) = run(body_length, &[("CONTENT_LENGTH", bad)], io::empty()).await;
        assert!(response.starts_with("Status: 400 "), "{bad}: {response}");
    }
}

#[tokio::test]
async fn a_body_shorter_than_its_content_length_is_a_400() {
    let vars = [("CONTENT_LENGTH", "6")];
    let (response, _) = run(body_length, &vars, Cursor::new("hello")).await;
    assert!(response.starts_with("Status: 400 "), "{response}");
    assert!(response.ends_with("Invalid body"), "{response}");
}

#[tokio::test]
async fn a_content_length_over_the_limit_is_a_413_before_the_body_arrives() {
    // The pipe is open and empty, so reading it would block.
    let (stdin, server) = io::pipe().unwrap();
    let vars = [("CONTENT_LENGTH", "99999999999")];
    let server = Mutex::new(Some(server));
    let limited = move |request: Request| {
        let server = server.lock().unwrap().take();
        async move {
            let result = body_length(request).await;
            drop(server);
            result
        }
    };
    let (response, _) = run(limited, &vars, stdin).await;
    assert!(response.starts_with("Status: 413 "), "{response}");
}

#[tokio::test]
async fn a_content_length_that_is_passed_only_as_an_http_variable_is_used() {
    // busybox does this for a GET with a body.
    let vars = [("HTTP_CONTENT_LENGTH", "5"), ("REQUEST_METHOD", "GET")];
    let (response, _) = run(body_length, &vars, Cursor::new("hello and more")).await;
    assert!(response.ends_with("\r\n\r\n5"), "{response}");
}

#[tokio::test]
async fn a_chunked_body_is_read_to_the_end_of_stdin_unless_the_length_is_known() {
    // Apache decodes the chunks and does not pass a length; nginx also passes the length.
    let chunked = ("HTTP_TRANSFER_ENCODING", "Chunked");
    let (response, _) = run(body_length, &[chunked], Cursor::new("hello")).await;
    assert!(response.ends_with("\r\n\r\n5"), "{response}");
    let vars = [chunked, ("CONTENT_LENGTH", "4")];
    let (response, _) = run(body_length, &vars, Cursor::new("hello")).await;
    assert!(response.ends_with("\r\n\r\n4"), "{response}");
}

#[tokio::test]
async fn chunks_that_the_server_did_not_decode_are_a_411() {
    let vars = [
        ("HTTP_TRANSFER_ENCODING", "chunked"),
        ("SERVER_SOFTWARE", "busybox httpd/1.35"),
    ];
    let (response, _) = run(body_length, &vars, Cursor::new("5\r\nhello\r\n")).await;
    assert!(response.starts_with("Status: 411 "), "{response}");
}

#[tokio::test]
async fn a_request_without_content_length_and_chunks_has_no_body() {
    let (response, _) = run(body_length, &[], CountedStdin::new(10)).await;
    assert!(response.ends_with("\r\n\r\n0"), "{response}");
    let (response, _) = run(
        body_length,
        &[("CONTENT_LENGTH", "")],
        CountedStdin::new(10),
    )
    .await;
    assert!(response.ends_with("\r\n\r\n0"), "{response}");
}

#[tokio::test]
async fn the_option_body_to_end_reads_beyond_the_content_length() {
    // Apache's mod_deflate decompresses the body and keeps its old length.
    let program = Program::new().with_body_to_end(true);
    let vars = [("CONTENT_LENGTH", "41")];
    let (stdout, _) = run_program(program, body_length, &vars, CountedStdin::new(5000)).await;
    assert!(stdout.text().ends_with("\r\n\r\n5000"), "{}", stdout.text());
}

#[tokio::test]
async fn the_size_hint_of_the_body_is_the_content_length() {
    let hint = |request: &Request| {
        use http_body::Body as _;
        format!("{:?}", request.body().size_hint().exact())
    };
    assert_eq!(inspect(hint, &[("CONTENT_LENGTH", "7")]).await, "Some(7)");
    let chunked = [("HTTP_TRANSFER_ENCODING", "chunked")];
    assert_eq!(inspect(hint, &chunked).await, "None");
}

#[tokio::test]
async fn a_long_body_is_kept_on_disk_while_the_response_waits() {
    // This handler responds with more bytes than a pipe holds before it reads the body.
    let late = |request: Request| async move {
        let early = stream::iter([Ok::<_, BoxError>("early ".repeat(2000))]);
        let rest = stream::try_unfold((request, 0), |(mut request, read)| async move {
            match request.chunk().await.map_err(Error::into_boxed)? {
                Some(chunk) => Ok(Some((String::new(), (request, read + chunk.len())))),
                None if read > 0 => Ok(Some((format!("read {read}"), (request, 0)))),
                None => Ok(None),
            }
        });
        Body::from_stream(early.chain(rest))
    };
    let vars = [("CONTENT_LENGTH", "3000000")];
    let (response, outcome) = run(late, &vars, CountedStdin::new(3_000_000)).await;
    assert_eq!(outcome, Outcome::Completed);
    assert!(response.ends_with("read 3000000"), "{}", response.len());
}

#[tokio::test]
async fn an_error_document_after_a_post_has_the_empty_body_that_apache_passes() {
    let vars = [
        ("REQUEST_METHOD", "GET"),
        ("CONTENT_LENGTH", "5"),
        ("REDIRECT_STATUS", "404"),
        ("REDIRECT_REQUEST_METHOD", "POST"),
    ];
    let (response, outcome) = run(body_length, &vars, io::empty()).await;
    assert!(response.ends_with("\r\n\r\n0"), "{response}");
    assert_eq!(outcome, Outcome::Completed);
    // An internal redirect of the error document, for example by a rewrite rule.
    let vars = [
        ("REQUEST_METHOD", "GET"),
        ("CONTENT_LENGTH", "5"),
        ("REDIRECT_REDIRECT_REQUEST_METHOD", "POST"),
    ];
    let (response, _) = run(body_length, &vars, io::empty()).await;
    assert!(response.ends_with("\r\n\r\n0"), "{response}");
}
