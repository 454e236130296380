//! The probe as a standalone server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhost_conformance::{Probe, free_port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn started() -> (Probe, SocketAddr) {
    let mut probe = Probe::start(&["--listen", "tcp://127.0.0.1:0"], &[]);
    let address = probe.address().await;
    (probe, address)
}

/// Sends these bytes and reads what comes until the server closes.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut reply = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut reply)).await;
    // A server that refuses may reset the connection over what it did not read.
    let _ = read.expect("the server closes");
    String::from_utf8_lossy(&reply).into_owned()
}

#[tokio::test]
async fn a_unix_socket_and_tcp_are_served_together_and_the_file_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe.sock");
    let listen = format!("--listen=unix:{}", path.display());
    let mut probe = Probe::start(&["-l", "tcp://127.0.0.1:0", &listen], &[]);
    let address = probe.address().await;
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stream
        .write_all(b"GET /hello HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.ends_with("Hello, world!"), "{reply}");
    let reply = raw(address, b"GET /hello HTTP/1.0\r\n\r\n").await;
    assert!(reply.ends_with("Hello, world!"), "{reply}");
    probe.terminate();
    assert!(probe.exit().await.success());
    assert!(!path.exists(), "the socket file is left behind");
}

#[tokio::test]
async fn a_stale_socket_file_is_replaced_and_another_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let stale = folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    let listen = format!("unix:{}", stale.display());
    let mut probe = Probe::start(&["-l", &listen], &[]);
    probe.log_line("listening on unix:").await;

    let mut second = Probe::start(&["-l", &listen], &[]);
    second.log_line("cannot bind").await;
    assert_eq!(second.exit().await.code(), Some(1));

    let file = folder.path().join("precious.txt");
    std::fs::write(&file, "precious").unwrap();
    let probe = Probe::start(&["-l", &format!("unix:{}", file.display())], &[]);
    assert_eq!(probe.exit().await.code(), Some(1));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "precious");
}

/// The same request, asking for the connection to be closed behind it.
fn closing(request: &[u8]) -> Vec<u8> {
    let line = request.windows(2).position(|two| two == b"\r\n").unwrap() + 2;
    [&request[..line], b"Connection: close\r\n", &request[line..]].concat()
}

#[tokio::test]
async fn hostile_requests_get_a_4xx_and_the_next_one_works() {
    let (_probe, address) = started().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(70_000));
    let many = format!(
        "GET /hello HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "x: y\r\n".repeat(200)
    );
    for bytes in [
        &b"G@T /hello HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"GET /hello HTTP/1.1\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a/b?c\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: u@a\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: \xFF\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nx y: z\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: a\r\nx: a\0b\r\n\r\n",
        b"GET hello HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xFF HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
        b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /limit/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
        b"POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{",
        b"POST /raw HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        long.as_bytes(),
        many.as_bytes(),
    ] {
        let bytes = &closing(bytes);
        let reply = raw(address, bytes).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
        assert!(reply.starts_with("HTTP/1.1 4"), "{shown:?} got {reply:?}");
        let next = raw(
            address,
            b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .await;
        assert!(
            next.starts_with("HTTP/1.1 200 OK\r\n"),
            "after {shown:?}: {next:?}"
        );
    }
}

#[tokio::test]
async fn raw_bytes_in_a_path_are_encoded() {
    let (_probe, address) = started().await;
    let request = "GET /echo/é?é HTTP/1.0\r\n\r\n";
    let reply = raw(address, request.as_bytes()).await;
    assert!(reply.contains(r#""path":"/echo/%C3%A9""#), "{reply}");
    assert!(reply.contains(r#""query":"%C3%A9""#), "{reply}");
}

#[tokio::test]
async fn an_absolute_target_overrides_the_host() {
    let (_probe, address) = started().await;
    let request =
        b"GET http://b.example/echo HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    let reply = raw(address, request).await;
    assert!(reply.contains(r#""authority":"b.example""#), "{reply}");
    assert!(reply.contains(r#""path":"/echo""#), "{reply}");
}

#[tokio::test]
async fn a_signal_drains_what_is_in_flight_and_ends_the_process_well() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let (mut probe, address) = started().await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut first = [0; 1024];
        assert!(idle.read(&mut first).await.unwrap() > 0);

        let (sent, is_sent) = tokio::sync::oneshot::channel();
        let slow = tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // The first piece of the reply shows that the handler has begun.
            stream
                .write_all(b"GET /stream?chunks=4&delay_ms=100 HTTP/1.1\r\nHost: a\r\n\r\n")
                .await
                .unwrap();
            let mut reply = vec![0; 16];
            stream.read_exact(&mut reply).await.unwrap();
            sent.send(()).unwrap();
            stream.read_to_end(&mut reply).await.unwrap();
            String::from_utf8(reply).unwrap()
        });
        is_sent.await.unwrap();
        probe.signal(signal);
        probe.log_line("draining").await;
        assert_eq!(
            idle.read(&mut first).await.unwrap(),
            0,
            "an idle connection is closed"
        );
        let reply = slow.await.unwrap();
        assert_eq!(reply.matches("zzzzz").count(), 4, "{reply}");
        assert!(reply.ends_with("0\r\n\r\n"), "{reply}");
        assert!(
            TcpStream::connect(address).await.is_err(),
            "new connections are refused"
        );
        assert!(probe.exit().await.success());
    }
}

#[tokio::test]
async fn a_second_signal_cuts_what_is_left() {
    let (mut probe, address) = started().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /stream?chunks=9&delay_ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    stream.read_exact(&mut [0; 16]).await.unwrap();
    probe.terminate();
    probe.log_line("draining").await;
    probe.terminate();
    probe.log_line("told to stop at once").await;
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn work_after_the_reply_is_finished_before_the_process_ends() {
    let (mut probe, address) = started().await;
    let reply = raw(
        address,
        b"POST /after/1500 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(reply.ends_with("scheduled"), "{reply}");
    probe.terminate();
    let draining = probe.log_line("draining").await;
    assert!(draining.contains("tasks=1"), "{draining}");
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn the_environment_says_where_to_listen() {
    let port = free_port().to_string();
    let mut probe = Probe::start(&[], &[("PORT", &port), ("HOST", "127.0.0.1")]);
    assert_eq!(
        probe.address().await.to_string(),
        format!("127.0.0.1:{port}")
    );
    let mut probe = Probe::start(&[], &[("PORT", "many")]);
    probe.log_line("no port").await;
    assert_eq!(probe.exit().await.code(), Some(1));
}

#[tokio::test]
async fn the_command_line_helps_or_says_what_is_wrong() {
    assert!(Probe::start(&["--help"], &[]).exit().await.success());
    assert!(Probe::start(&["--version"], &[]).exit().await.success());
    assert_eq!(Probe::start(&["--wrong"], &[]).exit().await.code(), Some(2));
    assert_eq!(
        Probe::start(&["--listen", "ftp://x"], &[])
            .exit()
            .await
            .code(),
        Some(2)
    );
    assert_eq!(
        Probe::start(&[], &[("ANYHOST", "ftp")]).exit().await.code(),
        Some(1)
    );
}

#[tokio::test]
async fn the_log_says_which_rule_decided() {
    let mut probe = Probe::start(&["-l", "tcp://127.0.0.1:0"], &[]);
    probe.log_line("no other host was found").await;
    let mut probe = Probe::start(
        &["-l", "tcp://127.0.0.1:0"],
        &[("ANYHOST", "http"), ("GATEWAY_INTERFACE", "CGI/1.1")],
    );
    probe.log_line("ANYHOST says so").await;
}

#[tokio::test]
async fn development_mode_tells_the_client_the_detail() {
    let mut probe = Probe::start(
        &["-l", "tcp://127.0.0.1:0"],
        &[("ANYHOST_ENV", "development")],
    );
    let address = probe.address().await;
    let reply = raw(address, b"GET /fail HTTP/1.0\r\n\r\n").await;
    assert!(reply.contains("secret detail"), "{reply}");
}

#[tokio::test]
async fn the_log_has_the_detail_that_the_client_has_not() {
    let (mut probe, address) = started().await;
    let reply = raw(address, b"GET /fail HTTP/1.0\r\n\r\n").await;
    assert!(!reply.contains("secret"), "{reply}");
    let line = probe.log_line("secret detail").await;
    assert!(line.contains("/fail"), "{line}");
}

#[tokio::test]
async fn a_request_that_came_before_the_drain_is_answered() {
    let (mut probe, address) = started().await;
    // Stopped, the server cannot even accept: these wait in its queue.
    probe.signal(rustix::process::Signal::STOP);
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        streams.push(stream);
    }
    probe.terminate();
    probe.signal(rustix::process::Signal::CONT);
    probe.log_line("draining").await;
    for mut stream in streams {
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        assert!(reply.ends_with("Hello, world!"), "{reply:?}");
    }
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn an_early_reply_reaches_a_client_that_is_still_sending() {
    let (_probe, address) = started().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = vec![b'x'; 16 << 20];
    let head = format!(
        "POST /limit/10 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.expect("the server reads on");
    // The connection is still good for another request.
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    assert!(
        replies.starts_with("HTTP/1.1 413 ") && replies.ends_with("Hello, world!"),
        "{replies}"
    );
}

#[tokio::test]
async fn sockets_that_systemd_passes_are_served() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
    let script = r#"exec 3<&"$FD" && LISTEN_PID=$$ LISTEN_FDS=1 exec "$0""#;
    // Not sh: dash knows no descriptors above 9.
    let _probe = tokio::process::Command::new("bash")
        .args(["-c", script])
        .arg(anyhost_conformance::probe_path())
        .env("FD", std::os::fd::AsRawFd::as_raw_fd(&listener).to_string())
        .env("PORT", "1")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let reply = raw(address, b"GET /hello HTTP/1.0\r\n\r\n").await;
    assert!(reply.ends_with("Hello, world!"), "{reply}");
}
