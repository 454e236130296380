//! The parts of the response on stdout that are specific to CGI (RFC 3875 §6). The tests of the core cover the rules
//! for all hosts.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhost_cgi::{Environment, Outcome, Program};
use anyhost_core::bytes::Bytes;
use anyhost_core::http::{HeaderMap, Response, StatusCode};
use anyhost_core::{Body, Error};
use futures_util::stream;
use http_body::Frame;

use super::{Stdout, environment, run, run_program};

const NONE: &[(&str, &str)] = &[];

#[tokio::test]
async fn the_head_and_a_small_first_chunk_are_one_write() {
    let chunks = || async {
        let body = stream::iter([Ok::<_, io::Error>("one"), Ok("two")]);
        let response = Response::builder()
            .header("x-a", "1")
            .header("content-type", "text/plain");
        response.body(Body::from_stream(body))
    };
    let (stdout, _) = run_program(Program::new(), chunks, NONE, io::empty()).await;
    let head = "Status: 200 OK\r\ncontent-type: text/plain\r\nx-a: 1\r\n\r\none";
    // `None` is a flush.
    let expected = [Some(head), None, Some("two"), None];
    let writes = stdout.writes();
    let writes: Vec<_> = writes
        .iter()
        .map(|write| write.as_deref().map(|bytes| str::from_utf8(bytes).unwrap()))
        .collect();
    assert_eq!(writes, expected);
}

#[tokio::test]
async fn a_head_without_a_body_ends_with_an_empty_line() {
    let status = |code: u16| async move {
        let handler = move || async move { StatusCode::from_u16(code) };
        run(handler, NONE, io::empty()).await.0
    };
    assert_eq!(
        status(404).await,
        "Status: 404 Not Found\r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!(status(204).await, "Status: 204 No Content\r\n\r\n");
}

#[tokio::test]
async fn x_cgi_headers_are_not_written() {
    let handler = || async {
        let response = Response::builder()
            .header("content-type", "text/plain")
            .header("x-cgi-remote-user", "root")
            .header("x-kept", "1");
        response.body(Body::from("hi"))
    };
    let (response, _) = run(handler, NONE, io::empty()).await;
    assert_eq!(
        response,
        "Status: 200 OK\r\ncontent-type: text/plain\r\nx-kept: 1\r\ncontent-length: 2\r\n\r\nhi"
    );
}

#[tokio::test]
async fn an_nph_program_writes_a_status_line_and_keeps_location() {
    let vars = [
        ("SCRIPT_NAME", "/app"),
        ("SCRIPT_FILENAME", "/usr/lib/cgi-bin/nph-app"),
        ("SERVER_PROTOCOL", "HTTP/1.0"),
    ];
    let program = Program::from_environment(&environment(&vars)).unwrap();
    let handler = || async {
        let response = Response::builder()
            .header("location", "/x")
            .header("content-type", "text/plain");
        response.body(Body::from("hi"))
    };
    let (stdout, _) = run_program(program, handler, &vars, io::empty()).await;
    assert_eq!(
        stdout.text(),
        "HTTP/1.0 200 OK\r\nConnection: close\r\ncontent-type: text/plain\r\nlocation: /x\r\ncontent-length: 2\r\n\r\nhi"
    );
}

#[tokio::test]
async fn trailers_are_ignored() {
    let handler = || async {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-late", "1".parse().unwrap());
        let frames = [Frame::data(Bytes::from("body")), Frame::trailers(trailers)];
        Body::new(http_body_util::StreamBody::new(stream::iter(
            frames.map(Ok::<_, io::Error>),
        )))
    };
    let (response, outcome) = run(handler, NONE, io::empty()).await;
    assert_eq!(outcome, Outcome::Completed);
    assert!(response.ends_with("\r\n\r\nbody"), "{response}");
}

#[tokio::test]
async fn a_server_that_accepts_one_byte_per_write_gets_the_whole_response() {
    #[derive(Clone, Default)]
    struct Narrow(Arc<Mutex<Vec<u8>>>);
    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes.first());
            Ok(bytes.len().min(1))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let stdout = Narrow::default();
    let handler = || async { "text ".repeat(3000) };
    let exchange = Program::new().exchange(handler, environment(NONE), io::empty(), stdout.clone());
    assert_eq!(exchange.await.1, Outcome::Completed);
    let response = String::from_utf8(stdout.0.lock().unwrap().clone()).unwrap();
    assert_eq!(
        response.split_once("\r\n\r\n").unwrap().1,
        "text ".repeat(3000)
    );
}

#[tokio::test]
async fn a_body_that_fails_before_its_first_chunk_is_a_500() {
    let failing = || async {
        let body = stream::iter([Err::<&str, _>(io::Error::other("at once"))]);
        let response = Response::builder().header("content-length", "5");
        response.body(Body::from_stream(body))
    };
    let (response, outcome) = run(failing, NONE, io::empty()).await;
    assert!(
        response.starts_with("Status: 500 Internal Server Error\r\n"),
        "{response}"
    );
    assert_eq!(outcome, Outcome::Aborted);
}

/// A body with an empty chunk, then a pause, and then an error.
fn failing_after(pause: Duration) -> Body {
    Body::from_stream(stream::unfold(0, move |step| async move {
        match step {
            0 => Some((Ok(""), 1)),
            _ => {
                tokio::time::sleep(pause).await;
                Some((Err(io::Error::other("late")), 2))
            }
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_shortly_before_its_first_byte_is_a_500() {
    let failing = || async { failing_after(Duration::from_millis(10)) };
    let (response, outcome) = run(failing, NONE, io::empty()).await;
    assert!(
        response.starts_with("Status: 500 Internal Server Error\r\n"),
        "{response}"
    );
    assert_eq!(outcome, Outcome::Aborted);
}

#[tokio::test(start_paused = true)]
async fn a_head_is_written_after_a_short_delay_even_if_the_body_has_no_byte_yet() {
    let failing = || async { failing_after(Duration::from_secs(10)) };
    let (response, outcome) = run(failing, NONE, io::empty()).await;
    assert!(response.starts_with("Status: 200 OK\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n"), "{response}");
    assert_eq!(outcome, Outcome::Aborted);
}

#[tokio::test]
async fn a_body_that_fails_after_its_first_chunk_aborts_the_response() {
    let failing = || async {
        let body = stream::iter([Ok("first"), Err(io::Error::other("late"))]);
        Body::from_stream(body)
    };
    let (response, outcome) = run(failing, NONE, io::empty()).await;
    assert!(response.ends_with("\r\n\r\nfirst"), "{response}");
    assert_eq!(outcome, Outcome::Aborted);
}

#[tokio::test]
async fn a_body_shorter_than_its_content_length_aborts_the_response() {
    let short = || async {
        let body = stream::iter([Ok::<_, io::Error>("short")]);
        let response = Response::builder().header("content-length", "9");
        response.body(Body::from_stream(body))
    };
    let (response, outcome) = run(short, NONE, io::empty()).await;
    assert_eq!(outcome, Outcome::Aborted);
    assert!(response.contains("content-length: 9\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\nshort"), "{response}");
}

/// stdout whose writes fail.
struct FailingStdout(io::ErrorKind);

impl Write for FailingStdout {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_closed_stdout_is_a_disconnected_client_and_another_write_error_aborts_the_response() {
    let endless = || async {
        Body::from_stream(stream::repeat_with(|| {
            Ok::<_, io::Error>("more ".repeat(1000))
        }))
    };
    for (error, expected) in [
        (io::ErrorKind::BrokenPipe, Outcome::ClientDisconnected),
        (io::ErrorKind::StorageFull, Outcome::Aborted),
    ] {
        let stdout = FailingStdout(error);
        let exchange = Program::new().exchange(endless, environment(NONE), io::empty(), stdout);
        assert_eq!(exchange.await.1, expected);
    }
}

#[tokio::test]
async fn an_environment_without_a_method_is_a_500() {
    let stdout = Stdout::default();
    let unreached = || async { Err::<(), _>(Error::from_status(StatusCode::IM_A_TEAPOT)) };
    let environment = Environment::new([("PATH_INFO", "/")]);
    let exchange = Program::new().exchange(unreached, environment, io::empty(), stdout.clone());
    assert_eq!(exchange.await.1, Outcome::Rejected);
    assert!(
        stdout.text().starts_with("Status: 500 "),
        "{}",
        stdout.text()
    );
}

#[tokio::test]
async fn the_response_to_a_rejected_head_request_has_no_body() {
    let vars = [("REQUEST_METHOD", "HEAD"), ("CONTENT_LENGTH", "abc")];
    let (response, outcome) = run(|| async { "unreached" }, &vars, io::empty()).await;
    assert_eq!(outcome, Outcome::Rejected);
    assert!(
        response.starts_with("Status: 400 Bad Request\r\n"),
        "{response}"
    );
    assert!(response.ends_with("\r\n\r\n"), "{response}");
}
