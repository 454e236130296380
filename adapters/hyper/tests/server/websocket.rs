//! WebSockets: the handshake, messages, limits, and the end of a connection.
#![cfg(feature = "websocket")]

use std::time::Duration;

use anyhost_core::{Error, Request, Response, Result};
use anyhost_hyper::websocket::{self, Message, WebSocket, tungstenite};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::{WebSocketStream, client_async};
use tungstenite::protocol::Role;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::{PATIENCE, Serving};

/// Sends every message back, at most 1 KiB.
async fn echo(request: Request) -> Result<Response> {
    websocket::upgrade_limit(request, "1kb", |mut socket| async move {
        while let Some(message) = socket.receive().await? {
            socket.send(message).await?;
        }
        Ok(())
    })
}

async fn connect(serving: &Serving) -> WebSocketStream<TcpStream> {
    let (socket, response) = client_async("ws://a/", serving.connect().await)
        .await
        .unwrap();
    assert_eq!(response.status(), 101);
    socket
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Message {
    let next = timeout(PATIENCE, socket.next()).await;
    next.expect("expected a message").unwrap().unwrap()
}

/// The status with which the server closes the socket.
async fn close_code(socket: &mut WebSocketStream<TcpStream>) -> CloseCode {
    match next(socket).await {
        Message::Close(Some(frame)) => frame.code,
        other => panic!("expected a close frame, got {other:?}"),
    }
}

#[tokio::test]
async fn messages_are_exchanged_in_both_directions_and_pings_are_answered() {
    let serving = Serving::start(echo).await;
    let mut socket = connect(&serving).await;
    let binary = Message::binary(vec![0, 255]);
    for message in [Message::text("é"), binary, Message::text("x".repeat(1024))] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(next(&mut socket).await, message);
    }
    socket.send(Message::Ping("p".into())).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Pong("p".into()));
    socket.close(None).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Close(None));
    assert!(socket.next().await.is_none());
}

#[tokio::test]
async fn a_request_that_is_not_a_handshake_is_rejected_with_426_or_400() {
    let serving = Serving::start(echo).await;
    let upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let h2c = "Connection: upgrade\r\nUpgrade: h2c\r\n";
    let invalid_keys = ["", "Sec-WebSocket-Key: x\r\n", &key.repeat(2)];
    let invalid_versions = ["", "Sec-WebSocket-Version: 8\r\n"];
    let mut requests = vec![
        (
            format!("GET / HTTP/1.1\r\n{upgrade}{key}{version}"),
            "101",
            false,
        ),
        ("GET / HTTP/1.1\r\n".to_owned(), "426", false),
        (
            format!("POST / HTTP/1.1\r\n{upgrade}{key}{version}"),
            "426",
            false,
        ),
        (
            format!("GET / HTTP/1.1\r\n{h2c}{key}{version}"),
            "426",
            false,
        ),
    ];
    for key in invalid_keys {
        requests.push((
            format!("GET / HTTP/1.1\r\n{upgrade}{key}{version}"),
            "400",
            false,
        ));
    }
    for version in invalid_versions {
        requests.push((
            format!("GET / HTTP/1.1\r\n{upgrade}{key}{version}"),
            "426",
            true,
        ));
    }
    for (head, status, names_version) in requests {
        let mut stream = serving.send(&format!("{head}Host: a\r\n\r\n")).await;
        let response = crate::read_until(&mut stream, "\r\n\r\n")
            .await
            .to_lowercase();
        assert_eq!(response.get(9..12), Some(status), "{head}: {response}");
        let has = |header: &str| response.contains(&format!("\r\n{header}\r\n"));
        // RFC 6455 §1.3 has this example of a key and its response.
        assert_eq!(
            has("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
            status == "101"
        );
        assert_eq!(
            has("upgrade: websocket") && has("connection: upgrade"),
            status != "400"
        );
        assert_eq!(
            has("sec-websocket-version: 13"),
            names_version,
            "{head}: {response}"
        );
    }
    // RFC 9110 §7.8: an HTTP/1.0 client cannot ask for an upgrade.
    let mut stream = serving
        .send(&format!("GET / HTTP/1.0\r\n{upgrade}{key}{version}\r\n"))
        .await;
    let response = crate::read_until(&mut stream, "\r\n\r\n").await;
    assert_eq!(response.get(9..12), Some("426"), "{response}");
}

#[tokio::test]
async fn a_handshake_on_a_host_without_upgrades_is_a_501_that_names_the_host() {
    let mut request = Request::default();
    request
        .extensions_mut()
        .insert(anyhost_core::Context::new(anyhost_core::Host::CGI));
    let error = echo(request).await.unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.message()),
        (
            501,
            "WebSocket connections are not supported on the host cgi"
        )
    );
}

#[tokio::test]
async fn an_invalid_or_too_large_message_closes_the_socket_with_its_status() {
    let serving = Serving::start(echo).await;
    // Frames of a client are masked (RFC 6455 §5.3). These have a mask of zeros.
    for (frame, code) in [
        (&b"\x81\xfe\x04\x01\0\0\0\0"[..], CloseCode::Size),
        (
            b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
            CloseCode::Size,
        ),
        (b"\x81\x01x", CloseCode::Protocol),
        (b"\x83\x80\0\0\0\0", CloseCode::Protocol),
        (b"\xc1\x80\0\0\0\0", CloseCode::Protocol),
        (b"\x80\x80\0\0\0\0", CloseCode::Protocol),
        (b"\x09\x80\0\0\0\0", CloseCode::Protocol),
        (b"\x81\x81\0\0\0\0\xff", CloseCode::Invalid),
    ] {
        let mut socket = connect(&serving).await;
        socket.get_mut().write_all(frame).await.unwrap();
        assert_eq!(close_code(&mut socket).await, code, "{frame:x?}");
    }
    // A message of several frames, each smaller than the limit.
    let mut socket = connect(&serving).await;
    let part = |first: u8| [&[first, 0xfe, 3, 0, 0, 0, 0, 0][..], &[b'x'; 768]].concat();
    socket.get_mut().write_all(&part(0x01)).await.unwrap();
    socket.get_mut().write_all(&part(0x80)).await.unwrap();
    assert_eq!(close_code(&mut socket).await, CloseCode::Size);
}

#[tokio::test]
async fn receive_returns_none_when_the_client_closes_or_loses_the_connection() {
    let (sender, mut ended) = mpsc::unbounded_channel();
    let serving = Serving::start(move |request: Request| {
        let sender = sender.clone();
        websocket::upgrade(request, |mut socket| async move {
            let _ = sender.send(socket.receive().await.map_err(|error| error.to_string()));
            Ok(())
        })
    })
    .await;
    for is_closed in [true, false] {
        let mut socket = connect(&serving).await;
        if is_closed {
            socket.close(None).await.unwrap();
        }
        drop(socket);
        let end = timeout(PATIENCE, ended.recv()).await;
        assert_eq!(end.unwrap(), Some(Ok(None)));
    }
}

#[tokio::test]
async fn the_status_of_the_close_frame_says_how_the_handler_ended() {
    async fn run(mut socket: WebSocket, path: String) -> Result<()> {
        socket.send(Message::text("bye")).await?;
        match path.as_str() {
            "/fails" => Err(Error::new(500, "failed")),
            _ => Ok(()),
        }
    }
    let serving = Serving::start(|request: Request| {
        let path = request.uri().path().to_owned();
        websocket::upgrade(request, move |socket| run(socket, path))
    })
    .await;
    for (path, code) in [("/", CloseCode::Normal), ("/fails", CloseCode::Error)] {
        let url = format!("ws://a{path}");
        let (mut socket, _) = client_async(url, serving.connect().await).await.unwrap();
        assert_eq!(next(&mut socket).await, Message::text("bye"));
        assert_eq!(close_code(&mut socket).await, code);
    }
}

#[tokio::test]
async fn a_shutdown_closes_open_sockets_with_status_1001_and_ends_early() {
    let serving = Serving::start(echo).await;
    let mut socket = connect(&serving).await;
    socket.send(Message::text("open")).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::text("open"));
    serving.handle.graceful_shutdown();
    assert_eq!(close_code(&mut socket).await, CloseCode::Away);
    assert!(socket.next().await.is_none());
    serving.stopped().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_gets_a_ping_and_is_disconnected_if_it_does_not_respond() {
    let serving = Serving::start(echo).await;
    let mut socket = connect(&serving).await;
    for _ in 0..3 {
        let next = timeout(Duration::from_secs(60), socket.next()).await;
        let message = next.expect("expected a ping").unwrap().unwrap();
        assert_eq!(message, Message::Ping(Default::default()));
    }
    // Sends the pong of the last ping, and then reads without responding to pings.
    socket.flush().await.unwrap();
    let mut stream = socket.into_inner();
    let mut bytes = Vec::new();
    let read = timeout(Duration::from_secs(120), stream.read_to_end(&mut bytes)).await;
    // The server may reset the connection, because the client counts as disconnected.
    let _ = read.expect("expected the server to close the connection");
    assert!(bytes.starts_with(&[0x89, 0]), "{bytes:x?}");
}

/// The pongs would otherwise fill the memory of the server.
#[tokio::test]
async fn a_client_that_sends_pings_and_reads_no_pongs_is_disconnected() {
    let serving = Serving::start(echo).await;
    let mut stream = connect(&serving).await.into_inner();
    let ping = [&b"\x89\xfd\0\0\0\0"[..], &[b'p'; 125]].concat();
    let pings = ping.repeat(1000);
    let flood = async {
        // 130 MB: much more than the buffers of the sockets.
        for _ in 0..1000 {
            stream.write_all(&pings).await?;
        }
        std::io::Result::Ok(())
    };
    let flooded = timeout(PATIENCE, flood).await;
    assert!(flooded.unwrap().is_err(), "the server read all pings");
}

#[tokio::test]
async fn a_panic_closes_the_socket_with_status_1011() {
    let serving = Serving::start(|request: Request| {
        websocket::upgrade(request, |mut socket| async move {
            socket.receive().await?;
            panic!("on purpose")
        })
    })
    .await;
    let mut socket = connect(&serving).await;
    socket.send(Message::text("x")).await.unwrap();
    assert_eq!(close_code(&mut socket).await, CloseCode::Error);
}

/// RFC 8441.
#[tokio::test]
async fn a_websocket_runs_inside_an_http_2_stream_if_the_connect_protocol_is_enabled() {
    let serving = Serving::start_with(
        |server| {
            server.with_http2(|http2| {
                http2.enable_connect_protocol();
            })
        },
        echo,
    )
    .await;
    let mut client = crate::http2::connect(&serving).await;
    // Waits for a response, and so for the SETTINGS of the server.
    let first = http::Request::get("http://a/").body(Empty::new()).unwrap();
    assert_eq!(client.send_request(first).await.unwrap().status(), 426);
    let request = |version: &'static str| {
        let request = http::Request::connect("http://a/").header("sec-websocket-version", version);
        let protocol = hyper::ext::Protocol::from_static("websocket");
        request.extension(protocol).body(Empty::new()).unwrap()
    };
    assert_eq!(
        client.send_request(request("8")).await.unwrap().status(),
        426
    );
    let response = client.send_request(request("13")).await.unwrap();
    assert_eq!(response.status(), 200);
    let stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    socket.send(Message::text("over HTTP/2")).await.unwrap();
    let next = timeout(PATIENCE, socket.next()).await.unwrap();
    assert_eq!(next.unwrap().unwrap(), Message::text("over HTTP/2"));
}
