//! The body on stdin (RFC 3875 §4.2).

use std::io::{self, Cursor};
use std::sync::Mutex;

use anyhost_cgi::Program;
use anyhost_core::{Body, BoxError, Error, Request, RequestExt};
use futures_util::{StreamExt, stream};

use super::{Counted, length, run, run_as, seen};

const MEGABYTE: [(&str, &str); 1] = [("CONTENT_LENGTH", "1000000")];

#[tokio::test]
async fn what_nobody_read_of_the_body_is_drained() {
    let stdin = Counted::new(1_000_000);
    let (reply, result) = run(|| async { "done" }, &MEGABYTE, stdin.clone()).await;
    assert!(reply.ends_with("\r\n\r\ndone"), "{reply}");
    result.unwrap();
    assert_eq!(stdin.read(), 1_000_000);
}

#[tokio::test]
async fn a_request_that_is_refused_is_drained_as_well() {
    let stdin = Counted::new(1_000_000);
    let vars = [MEGABYTE[0], ("HTTP_HOST", "u@a")];
    let (reply, _) = run(|| async { "reached" }, &vars, stdin.clone()).await;
    assert!(reply.starts_with("Status: 400 Bad Request\r\n"), "{reply}");
    assert_eq!(stdin.read(), 1_000_000);
}

#[tokio::test]
async fn no_more_is_read_than_was_declared() {
    // RFC 3875 §4.2; busybox delivers what follows.
    let stdin = Counted::new(1_000_000);
    let (reply, _) = run(length, &[("CONTENT_LENGTH", "5")], stdin.clone()).await;
    assert!(reply.ends_with("\r\n\r\n5"), "{reply}");
    assert_eq!(stdin.read(), 5);
}

#[tokio::test]
async fn a_length_is_digits_and_fits_or_it_is_a_400() {
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
        let (reply, _) = run(length, &[("CONTENT_LENGTH", bad)], io::empty()).await;
        assert!(reply.starts_with("Status: 400 "), "{bad}: {reply}");
    }
}

#[tokio::test]
async fn a_body_that_ends_too_early_is_a_400_and_never_a_short_body() {
    let vars = [("CONTENT_LENGTH", "6")];
    let (reply, _) = run(length, &vars, Cursor::new("hello")).await;
    assert!(reply.starts_with("Status: 400 "), "{reply}");
    assert!(reply.ends_with("Invalid body"), "{reply}");
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_refused_before_any_of_it_came() {
    // The pipe is open, and nothing is in it: reading would wait.
    let (stdin, server) = io::pipe().unwrap();
    let vars = [("CONTENT_LENGTH", "99999999999")];
    let server = Mutex::new(Some(server));
    let refused = move |request: Request| {
        let server = server.lock().unwrap().take();
        async move {
            let result = length(request).await;
            drop(server);
            result
        }
    };
    let (reply, _) = run(refused, &vars, stdin).await;
    assert!(reply.starts_with("Status: 413 "), "{reply}");
}

#[tokio::test]
async fn a_length_may_be_found_in_its_header_only() {
    // busybox, for a GET with a body.
    let vars = [("HTTP_CONTENT_LENGTH", "5"), ("REQUEST_METHOD", "GET")];
    let (reply, _) = run(length, &vars, Cursor::new("hello and more")).await;
    assert!(reply.ends_with("\r\n\r\n5"), "{reply}");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_read_to_its_end_and_a_length_wins() {
    // Apache takes off the chunks and says so no more; nginx knows the length, too.
    let chunked = ("HTTP_TRANSFER_ENCODING", "Chunked");
    let (reply, _) = run(length, &[chunked], Cursor::new("hello")).await;
    assert!(reply.ends_with("\r\n\r\n5"), "{reply}");
    let vars = [chunked, ("CONTENT_LENGTH", "4")];
    let (reply, _) = run(length, &vars, Cursor::new("hello")).await;
    assert!(reply.ends_with("\r\n\r\n4"), "{reply}");
}

#[tokio::test]
async fn chunks_that_the_server_did_not_take_off_are_a_411() {
    let vars = [
        ("HTTP_TRANSFER_ENCODING", "chunked"),
        ("SERVER_SOFTWARE", "busybox httpd/1.35"),
    ];
    let (reply, _) = run(length, &vars, Cursor::new("5\r\nhello\r\n")).await;
    assert!(reply.starts_with("Status: 411 "), "{reply}");
}

#[tokio::test]
async fn without_a_length_or_chunks_there_is_no_body() {
    let (reply, _) = run(length, &[], Counted::new(10)).await;
    assert!(reply.ends_with("\r\n\r\n0"), "{reply}");
    let (reply, _) = run(length, &[("CONTENT_LENGTH", "")], Counted::new(10)).await;
    assert!(reply.ends_with("\r\n\r\n0"), "{reply}");
}

#[tokio::test]
async fn a_body_can_be_read_to_its_end_whatever_its_length_says() {
    // Apache's mod_deflate inflates a body and keeps the old length.
    let program = Program::new().with_body_to_end(true);
    let vars = [("CONTENT_LENGTH", "41")];
    let (stdout, ..) = run_as(program, length, &vars, Counted::new(5000)).await;
    assert!(stdout.text().ends_with("\r\n\r\n5000"), "{}", stdout.text());
}

#[tokio::test]
async fn the_length_is_known_before_the_body_is_read() {
    let hint = |request: &Request| {
        use http_body::Body as _;
        format!("{:?}", request.body().size_hint().exact())
    };
    assert_eq!(seen(hint, &[("CONTENT_LENGTH", "7")]).await, "Some(7)");
    let chunked = [("HTTP_TRANSFER_ENCODING", "chunked")];
    assert_eq!(seen(hint, &chunked).await, "None");
}

#[tokio::test]
async fn a_long_body_waits_on_disk_until_the_handler_reads_it() {
    // It replies with more than a pipe holds before it reads anything.
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
    let (reply, result) = run(late, &vars, Counted::new(3_000_000)).await;
    result.unwrap();
    assert!(reply.ends_with("read 3000000"), "{}", reply.len());
}
