//! The reply on stdout (RFC 3875 §6).

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use anyhost_cgi::{Environment, Program};
use anyhost_core::bytes::Bytes;
use anyhost_core::http::{HeaderMap, Response, StatusCode};
use anyhost_core::{Body, Error};
use futures_util::stream;
use http_body::Frame;

use super::{Stdout, environment, run, run_as};

const NONE: &[(&str, &str)] = &[];

/// A reply of these headers and this text.
fn reply(status: u16, headers: &[(&str, &str)], text: &str) -> Response<Body> {
    let builder = Response::builder().status(status);
    let builder = headers.iter().fold(builder, |builder, (name, value)| {
        builder.header(*name, *value)
    });
    builder.body(Body::from(text.to_owned())).unwrap()
}

async fn head_of(status: u16, headers: &'static [(&'static str, &'static str)]) -> String {
    let handler = move || async move { reply(status, headers, "text") };
    run(handler, NONE, io::empty()).await.0
}

#[tokio::test]
async fn the_head_goes_out_in_one_write_with_the_status_first() {
    let pieces = || async {
        let body = stream::iter([Ok::<_, io::Error>("one"), Ok("two")]);
        let response = Response::builder()
            .header("x-a", "1")
            .header("content-type", "text/plain");
        response.body(Body::from_stream(body))
    };
    let (stdout, ..) = run_as(Program::new(), pieces, NONE, io::empty()).await;
    // With what is there of the body; and each piece is flushed as it comes.
    let head = "Status: 200 OK\r\ncontent-type: text/plain\r\nx-a: 1\r\n\r\none";
    let expected = [Some(head), None, Some("two"), None];
    let writes = stdout.writes();
    let writes: Vec<_> = writes
        .iter()
        .map(|write| write.as_deref().map(|bytes| str::from_utf8(bytes).unwrap()))
        .collect();
    assert_eq!(writes, expected);
}

#[tokio::test]
async fn a_status_always_has_a_reason_and_a_head_always_its_end() {
    let status = |code: u16| async move {
        let handler = move || async move { StatusCode::from_u16(code) };
        run(handler, NONE, io::empty()).await.0
    };
    assert_eq!(
        status(404).await,
        "Status: 404 Not Found\r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!(
        status(299).await,
        "Status: 299 Unknown\r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!(status(204).await, "Status: 204 No Content\r\n\r\n");
}

#[tokio::test]
async fn content_without_a_type_is_bytes_and_never_html() {
    let reply = head_of(200, &[]).await;
    assert_eq!(
        reply,
        "Status: 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 4\r\n\r\ntext"
    );
}

#[tokio::test]
async fn every_cookie_and_every_repeated_header_has_its_own_line() {
    let cookies = &[
        ("set-cookie", "a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT"),
        ("set-cookie", "b=2"),
        ("vary", "accept"),
        ("vary", "origin"),
    ];
    let reply = head_of(200, cookies).await;
    for (name, value) in cookies {
        assert!(
            reply.contains(&format!("\r\n{name}: {value}\r\n")),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn headers_of_the_connection_and_of_the_server_do_not_reach_it() {
    let reply = head_of(
        200,
        &[
            ("connection", "close, x-drop"),
            ("keep-alive", "timeout=1"),
            ("proxy-connection", "close"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("trailer", "x"),
            ("http2-settings", "x"),
            ("status", "500 Oops"),
            ("x-cgi-remote-user", "root"),
            ("x-drop", "1"),
            ("x-keep", "1"),
        ],
    )
    .await;
    let mut names: Vec<_> = reply
        .lines()
        .take_while(|line| !line.is_empty())
        .map(|line| line.split(':').next().unwrap_or_default())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["Status", "content-length", "content-type", "x-keep"]
    );
}

#[tokio::test]
async fn a_status_without_content_has_no_body_and_nothing_that_describes_one() {
    for status in [204, 304] {
        let reply = head_of(status, &[("content-type", "text/plain"), ("etag", "\"1\"")]).await;
        let (first, rest) = reply.split_once("\r\n").unwrap();
        assert!(first.starts_with(&format!("Status: {status} ")), "{first}");
        assert_eq!(rest, "etag: \"1\"\r\n\r\n", "{status}");
    }
    let reply = head_of(205, &[]).await;
    assert_eq!(
        reply,
        "Status: 205 Reset Content\r\ncontent-length: 0\r\n\r\n"
    );
}

#[tokio::test]
async fn a_reply_to_head_keeps_its_length_and_has_no_body() {
    let head = [("REQUEST_METHOD", "HEAD")];
    let (reply, result) = run(|| async { "hello" }, &head, io::empty()).await;
    result.unwrap();
    assert!(reply.contains("content-length: 5\r\n"), "{reply}");
    assert!(reply.ends_with("\r\n\r\n"), "{reply}");
}

#[tokio::test]
async fn an_informational_status_is_a_500() {
    for status in [100, 101, 103] {
        let reply = head_of(status, &[]).await;
        assert!(reply.starts_with("Status: 500 "), "{status}: {reply}");
    }
}

#[tokio::test]
async fn a_location_beside_200_would_be_a_redirect_and_beside_others_stays() {
    const LOCATION: &[(&str, &str)] = &[("location", "//elsewhere/x")];
    assert!(!head_of(200, LOCATION).await.contains("location"));
    for status in [201, 302] {
        let reply = head_of(status, LOCATION).await;
        assert!(reply.contains("\r\nlocation: //elsewhere/x\r\n"), "{reply}");
    }
}

#[tokio::test]
async fn a_script_with_a_header_of_its_own_writes_a_status_line() {
    let vars = [
        ("SCRIPT_NAME", "/app"),
        ("SCRIPT_FILENAME", "/usr/lib/cgi-bin/nph-app"),
        ("SERVER_PROTOCOL", "HTTP/1.0"),
    ];
    let program = Program::from_environment(&environment(&vars)).unwrap();
    let handler = || async {
        reply(
            200,
            &[("location", "/x"), ("content-type", "text/plain")],
            "hi",
        )
    };
    let (stdout, ..) = run_as(program, handler, &vars, io::empty()).await;
    assert_eq!(
        stdout.text(),
        "HTTP/1.0 200 OK\r\nConnection: close\r\ncontent-type: text/plain\r\nlocation: /x\r\ncontent-length: 2\r\n\r\nhi"
    );
}

#[tokio::test]
async fn trailers_are_left_out() {
    let handler = || async {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-late", "1".parse().unwrap());
        let frames = [Frame::data(Bytes::from("body")), Frame::trailers(trailers)];
        Body::new(http_body_util::StreamBody::new(stream::iter(
            frames.map(Ok::<_, io::Error>),
        )))
    };
    let (reply, result) = run(handler, NONE, io::empty()).await;
    result.unwrap();
    assert!(reply.ends_with("\r\n\r\nbody"), "{reply}");
}

#[tokio::test]
async fn a_server_that_takes_a_byte_at_a_time_gets_all_of_them() {
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
    let exchanged =
        Program::new().exchange(handler, environment(NONE), io::empty(), stdout.clone());
    exchanged.await.1.unwrap();
    let reply = String::from_utf8(stdout.0.lock().unwrap().clone()).unwrap();
    assert_eq!(
        reply.split_once("\r\n\r\n").unwrap().1,
        "text ".repeat(3000)
    );
}

#[tokio::test]
async fn a_body_that_does_not_keep_its_length_is_an_error() {
    for (declared, pieces, sent) in [("9", 1, "piece"), ("6", 2, "piecep"), ("5", 2, "piece")] {
        let handler = move || async move {
            let pieces = (0..pieces).map(|_| Ok::<_, io::Error>("piece"));
            let response = Response::builder().header("content-length", declared);
            response.body(Body::from_stream(stream::iter(pieces)))
        };
        let (reply, result) = run(handler, NONE, io::empty()).await;
        let aborted = result.unwrap_err().kind();
        assert_eq!(aborted, io::ErrorKind::ConnectionAborted, "{declared}");
        assert!(
            reply.contains(&format!("content-length: {declared}\r\n")),
            "{reply}"
        );
        assert!(reply.ends_with(&format!("\r\n\r\n{sent}")), "{reply}");
    }
}

#[tokio::test]
async fn a_body_that_fails_at_once_is_a_500() {
    let failing = || async {
        let body = stream::iter([Err::<&str, _>(io::Error::other("at once"))]);
        let response = Response::builder().header("content-length", "5");
        response.body(Body::from_stream(body))
    };
    let (reply, result) = run(failing, NONE, io::empty()).await;
    assert!(
        reply.starts_with("Status: 500 Internal Server Error\r\n"),
        "{reply}"
    );
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn a_body_that_fails_later_is_cut_and_nothing_is_put_behind_it() {
    let failing = || async {
        let body = stream::iter([Ok("first"), Err(io::Error::other("late"))]);
        Body::from_stream(body)
    };
    let (reply, result) = run(failing, NONE, io::empty()).await;
    assert!(reply.ends_with("\r\n\r\nfirst"), "{reply}");
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_the_client_nothing() {
    let panicking = || async {
        if true {
            panic!("secret");
        }
    };
    let (reply, result) = run(panicking, NONE, io::empty()).await;
    result.unwrap();
    assert!(reply.starts_with("Status: 500 "), "{reply}");
    assert!(reply.ends_with("\r\n\r\nInternal Server Error"), "{reply}");
}

#[tokio::test]
async fn a_server_that_stopped_reading_ends_the_exchange() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let endless = || async {
        Body::from_stream(stream::repeat_with(|| {
            Ok::<_, io::Error>("more ".repeat(1000))
        }))
    };
    let exchanged = Program::new().exchange(endless, environment(NONE), io::empty(), Closed);
    let (_, result) = exchanged.await;
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn an_environment_of_nothing_is_the_servers_fault() {
    let stdout = Stdout::default();
    let unreached = || async { Err::<(), _>(Error::from_status(StatusCode::IM_A_TEAPOT)) };
    let nothing = Environment::new([("PATH_INFO", "/")]);
    let exchanged = Program::new().exchange(unreached, nothing, io::empty(), stdout.clone());
    exchanged.await.1.unwrap();
    assert!(
        stdout.text().starts_with("Status: 500 "),
        "{}",
        stdout.text()
    );
}
