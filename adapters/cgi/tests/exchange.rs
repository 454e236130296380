//! One exchange with environments and streams of our own.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhost_cgi::{Environment, Program};
use anyhost_core::http::StatusCode;
use anyhost_core::{Body, Error, IntoHandler, Request, RequestExt};
use futures_util::stream;

/// stdout, shared with the test.
#[derive(Clone, Default)]
struct Stdout(Arc<Mutex<Vec<u8>>>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// stdin that counts what was read of it.
#[derive(Clone)]
struct Counted(Arc<AtomicUsize>, usize);

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let size = bytes.len().min(self.1 - self.0.load(Ordering::Relaxed));
        bytes[..size].fill(b'x');
        self.0.fetch_add(size, Ordering::Relaxed);
        Ok(size)
    }
}

async fn run<K>(
    handler: impl IntoHandler<K>,
    vars: &[(&str, &str)],
    stdin: impl Read + Send + 'static,
) -> (String, io::Result<()>) {
    let all = [("REQUEST_METHOD", "POST"), ("SERVER_PROTOCOL", "HTTP/1.1")];
    let environment = Environment::new(all.iter().chain(vars).copied());
    let stdout = Stdout::default();
    let (_, result) = Program::new()
        .exchange(handler, environment, stdin, stdout.clone())
        .await;
    let reply = stdout.0.lock().unwrap().clone();
    (String::from_utf8(reply).unwrap(), result)
}

#[tokio::test]
async fn what_nobody_read_of_the_body_is_drained() {
    let stdin = Counted(Arc::default(), 1_000_000);
    let vars = [("CONTENT_LENGTH", "1000000")];
    let (reply, result) = run(|| async { "done" }, &vars, stdin.clone()).await;
    assert!(reply.ends_with("\r\n\r\ndone"), "{reply}");
    result.unwrap();
    assert_eq!(stdin.0.load(Ordering::Relaxed), 1_000_000);
}

#[tokio::test]
async fn a_request_that_is_refused_is_drained_as_well() {
    let stdin = Counted(Arc::default(), 1_000_000);
    let vars = [("CONTENT_LENGTH", "1000000"), ("HTTP_HOST", "u@a")];
    let (reply, _) = run(|| async { "reached" }, &vars, stdin.clone()).await;
    assert!(reply.starts_with("Status: 400 Bad Request\r\n"), "{reply}");
    assert_eq!(stdin.0.load(Ordering::Relaxed), 1_000_000);
}

#[tokio::test]
async fn headers_are_found_by_their_variables_and_a_proxy_header_is_none() {
    let names = |request: Request| async move {
        let mut names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
        names.sort_unstable();
        names.join(",")
    };
    let vars = [
        ("HTTP_PROXY", "http://evil.example"),
        ("HTTP_CONTENT_LENGTH", "7"),
        ("HTTP_CONTENT_TYPE", "text/wrong"),
        ("HTTP_TRANSFER_ENCODING", "chunked"),
        ("HTTP_CONNECTION", "close"),
        ("HTTP_X_A", "1"),
        ("CONTENT_TYPE", "text/plain"),
        ("CONTENT_LENGTH", "0"),
    ];
    let (reply, _) = run(names, &vars, io::empty()).await;
    assert!(
        reply.ends_with("\r\n\r\ncontent-length,content-type,x-a"),
        "{reply}"
    );
}

#[tokio::test]
async fn an_authorization_that_a_redirect_renamed_is_found() {
    let authorization = |request: Request| async move {
        let value = request.headers().get("authorization");
        value.map_or("none".to_owned(), |value| format!("{value:?}"))
    };
    for name in [
        "HTTP_AUTHORIZATION",
        "REDIRECT_HTTP_AUTHORIZATION",
        "REDIRECT_REDIRECT_HTTP_AUTHORIZATION",
        "Authorization",
        "X_HTTP_AUTHORIZATION",
    ] {
        let (reply, _) = run(authorization, &[(name, "Basic eDp5")], io::empty()).await;
        assert!(reply.ends_with("\"Basic eDp5\""), "{name}: {reply}");
    }
    let (reply, _) = run(authorization, &[("HTTP_X_AUTHORIZATION", "x")], io::empty()).await;
    assert!(reply.ends_with("none"), "{reply}");
}

#[tokio::test]
async fn the_servers_variables_are_at_hand_and_no_headers() {
    let user = |request: Request| async move {
        let environment = request.extensions().get::<Environment>().cloned();
        let user = environment.and_then(|vars| vars.get("REMOTE_USER").map(ToOwned::to_owned));
        format!("{user:?} {}", request.headers().len())
    };
    let (reply, _) = run(user, &[("REMOTE_USER", "ada")], io::empty()).await;
    assert!(reply.ends_with("Some(\"ada\") 0"), "{reply}");
}

#[tokio::test]
async fn a_repeated_variable_is_a_repeated_header_and_nothing_else() {
    let seen = |request: Request| async move {
        let values: Vec<_> = request.headers().get_all("x-foo").iter().collect();
        format!("{values:?} {}", request.uri())
    };
    let vars = [
        ("HTTP_X_FOO", "1"),
        ("HTTP_X_FOO", "2"),
        ("QUERY_STRING", "a"),
        ("QUERY_STRING", "b"),
    ];
    let (reply, _) = run(seen, &vars, io::empty()).await;
    assert!(reply.ends_with("[\"1\", \"2\"] /?a"), "{reply}");
}

#[tokio::test]
async fn a_body_that_fails_at_once_is_a_500() {
    let failing = || async {
        let body = stream::iter([Err::<&str, _>(io::Error::other("at once"))]);
        let length = ("content-length", "5");
        anyhost_core::http::Response::builder()
            .header(length.0, length.1)
            .body(Body::from_stream(body))
    };
    let (reply, result) = run(failing, &[], io::empty()).await;
    assert!(
        reply.starts_with("Status: 500 Internal Server Error\r\n"),
        "{reply}"
    );
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn a_reply_to_head_keeps_its_length_and_has_no_body() {
    let (reply, _) = run(
        || async { "hello" },
        &[("REQUEST_METHOD", "HEAD")],
        io::empty(),
    )
    .await;
    // The first variable of a name counts: this was a POST.
    assert!(reply.ends_with("hello"), "{reply}");
    let environment = Environment::new([("REQUEST_METHOD", "HEAD")]);
    let stdout = Stdout::default();
    let (_, result) = Program::new()
        .exchange(
            || async { "hello" },
            environment,
            io::empty(),
            stdout.clone(),
        )
        .await;
    result.unwrap();
    let reply = String::from_utf8(stdout.0.lock().unwrap().clone()).unwrap();
    assert!(
        reply.contains("content-length: 5\r\n") && reply.ends_with("\r\n\r\n"),
        "{reply}"
    );
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
    let environment = Environment::new([("REQUEST_METHOD", "GET")]);
    let (_, result) = Program::new()
        .exchange(endless, environment, io::empty(), Closed)
        .await;
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_missing_method_is_the_servers_fault() {
    let environment = Environment::new([("PATH_INFO", "/")]);
    let stdout = Stdout::default();
    let unreached = || async { Err::<(), _>(Error::from_status(StatusCode::IM_A_TEAPOT)) };
    let (_, result) = Program::new()
        .exchange(unreached, environment, io::empty(), stdout.clone())
        .await;
    result.unwrap();
    assert!(stdout.0.lock().unwrap().starts_with(b"Status: 500 "));
}

#[tokio::test]
async fn a_long_body_waits_on_disk_until_the_handler_reads_it() {
    // It replies with more than a pipe holds before it reads anything.
    let late = |request: Request| async move {
        let early = stream::iter([Ok::<_, anyhost_core::BoxError>("early ".repeat(2000))]);
        let rest = stream::try_unfold((request, 0), |(mut request, read)| async move {
            match request.chunk().await.map_err(Error::into_boxed)? {
                Some(chunk) => Ok(Some((String::new(), (request, read + chunk.len())))),
                None if read > 0 => Ok(Some((format!("read {read}"), (request, 0)))),
                None => Ok(None),
            }
        });
        Body::from_stream(futures_util::StreamExt::chain(early, rest))
    };
    let stdin = Counted(Arc::default(), 3_000_000);
    let (reply, result) = run(late, &[("CONTENT_LENGTH", "3000000")], stdin).await;
    result.unwrap();
    assert!(reply.ends_with("read 3000000"), "{}", reply.len());
}
