//! What HTTP/1 has besides requests that follow each other.

use anyhost_core::{Body, Request, RequestExt, Response};
use anyhost_hyper::hyper::upgrade::OnUpgrade;
use http::StatusCode;
use http::header::{CONNECTION, UPGRADE};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{CLOSING, GET, PATIENCE, Serving, read_to_end, read_until};

async fn body_length(mut request: Request) -> anyhost_core::Result<String> {
    match request.uri().path() {
        "/refuse" => Ok("refused".to_owned()),
        _ => Ok(request.buffer().await?.len().to_string()),
    }
}

#[tokio::test]
async fn http_1_0_is_closed_unless_it_asks_to_be_kept() {
    let serving = Serving::start(|| async { "done" }).await;
    let reply = serving.exchange("GET / HTTP/1.0\r\n\r\n").await;
    assert!(
        reply.starts_with("HTTP/1.0 200 OK\r\n") && reply.ends_with("\r\n\r\ndone"),
        "{reply}"
    );
    let keep = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let mut stream = serving.send(keep).await;
    let reply = read_until(&mut stream, "done").await;
    assert!(
        reply
            .to_lowercase()
            .contains("\r\nconnection: keep-alive\r\n"),
        "{reply}"
    );
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(read_to_end(stream).await.ends_with("done"));
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let serving =
        Serving::start(|request: Request| async move { request.uri().path().to_owned() }).await;
    let row: String = (0..50)
        .map(|n| format!("GET /{n}. HTTP/1.1\r\nHost: a\r\n\r\n"))
        .collect();
    let replies = serving.exchange(&format!("{row}{CLOSING}")).await;
    let bodies: Vec<_> = replies.split("HTTP/1.1 200 OK\r\n").skip(1).collect();
    assert_eq!(bodies.len(), 51);
    for (n, body) in bodies.iter().take(50).enumerate() {
        assert!(body.ends_with(&format!("\r\n\r\n/{n}.")), "{body}");
    }
}

#[tokio::test]
async fn a_100_is_sent_when_the_body_is_wanted_and_only_then() {
    let serving = Serving::start(body_length).await;
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut stream = serving.send(&head("/")).await;
    assert_eq!(
        read_until(&mut stream, "\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    stream.write_all(b"hello").await.unwrap();
    let reply = read_until(&mut stream, "\r\n\r\n5").await;
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");

    let reply = serving.exchange(&head("/refuse")).await;
    assert!(
        reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("refused"),
        "{reply}"
    );
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let serving = Serving::start(|| async { "done" }).await;
    let reply = serving
        .exchange("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(
        reply.contains("\r\ncontent-length: 4\r\n") && reply.ends_with("\r\n\r\n"),
        "{reply}"
    );
}

/// Answers 101 and then sends all back that comes.
async fn echo_protocol(mut request: Request) -> anyhost_core::Result<Response> {
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return Ok(Response::new(Body::from("no upgrade")));
    };
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        let mut bytes = [0; 64];
        while let Ok(length @ 1..) = stream.read(&mut bytes).await {
            stream.write_all(&bytes[..length]).await.unwrap();
        }
    });
    let response = http::Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let response = response
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "echo");
    Ok(response.body(Body::empty())?)
}

#[tokio::test]
async fn an_upgrade_is_passed_through() {
    let serving = Serving::start(echo_protocol).await;
    let ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut stream = serving.send(ask).await;
    let reply = read_until(&mut stream, "\r\n\r\n").await;
    assert!(reply.starts_with("HTTP/1.1 101 "), "{reply}");
    for message in ["one", "two"] {
        stream.write_all(message.as_bytes()).await.unwrap();
        assert_eq!(read_until(&mut stream, message).await, message);
    }
    assert!(serving.exchange(CLOSING).await.ends_with("no upgrade"));
}

#[tokio::test]
async fn hyper_s_own_builders_can_be_changed() {
    let serving = Serving::start_with(
        |server| {
            let server = server.with_http1(|http1| {
                http1.keep_alive(false).title_case_headers(true);
            });
            server.with_http2(|http2| {
                http2.max_concurrent_streams(7);
            })
        },
        || async { "done" },
    )
    .await;
    let reply = serving.exchange(GET).await;
    assert!(reply.contains("\r\nContent-Length: 4\r\n"), "{reply}");

    let mut stream = serving.connect().await;
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let settings = settings(&mut stream).await;
    // SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 §6.5.2).
    assert!(settings.contains(&(3, 7)), "{settings:?}");
}

/// The settings that the server begins with.
async fn settings(stream: &mut TcpStream) -> Vec<(u16, u32)> {
    let read = async {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut settings = Vec::new();
        for _ in 0..length / 6 {
            settings.push((
                stream.read_u16().await.unwrap(),
                stream.read_u32().await.unwrap(),
            ));
        }
        settings
    };
    timeout(PATIENCE, read).await.expect("it comes")
}
