//! Keep-alive, pipelining, `100 Continue`, upgrades, and the settings of hyper.

use anyhost_core::{Body, Request, RequestExt, Response};
use anyhost_hyper::hyper::upgrade::OnUpgrade;
use http::StatusCode;
use http::header::{CONNECTION, UPGRADE};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{CLOSING, Chunks, GET, PATIENCE, Serving, read_to_end, read_until};

async fn body_length(mut request: Request) -> anyhost_core::Result<String> {
    match request.uri().path() {
        "/reject" => Ok("rejected".to_owned()),
        _ => Ok(request.buffer().await?.len().to_string()),
    }
}

#[tokio::test]
async fn an_http_1_0_connection_is_closed_unless_the_client_requests_keep_alive() {
    let serving = Serving::start(|| async { "done" }).await;
    let response = serving.exchange("GET / HTTP/1.0\r\n\r\n").await;
    assert!(
        response.starts_with("HTTP/1.0 200 OK\r\n") && response.ends_with("\r\n\r\ndone"),
        "{response}"
    );
    let keep = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let mut stream = serving.send(keep).await;
    let response = read_until(&mut stream, "done").await;
    assert!(
        response
            .to_lowercase()
            .contains("\r\nconnection: keep-alive\r\n"),
        "{response}"
    );
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(read_to_end(stream).await.ends_with("done"));
}

/// RFC 9112 §8: the client treats the end of the connection as the end of the response, unless it is a reset.
#[tokio::test]
async fn an_aborted_response_to_an_http_1_0_request_ends_with_a_reset() {
    let serving = Serving::start(|request: Request| async move {
        let fails = request.uri().path() == "/fails";
        Body::new(Chunks {
            count: 1,
            size: 5,
            fails,
        })
    })
    .await;
    for (path, is_complete) in [("/", true), ("/fails", false)] {
        for keep_alive in ["", "Connection: keep-alive\r\n"] {
            let request = format!("GET {path} HTTP/1.0\r\n{keep_alive}\r\n");
            let mut stream = serving.send(&request).await;
            let mut response = Vec::new();
            let read = timeout(PATIENCE, stream.read_to_end(&mut response)).await;
            let error = read.expect("expected the connection to close").err();
            let expected = (!is_complete).then_some(std::io::ErrorKind::ConnectionReset);
            assert_eq!(error.map(|error| error.kind()), expected, "{path}");
            let response = String::from_utf8_lossy(&response).to_lowercase();
            assert!(response.ends_with("\r\n\r\nxxxxx"), "{response}");
            assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
        }
    }
}

#[tokio::test]
async fn a_connection_is_closed_after_a_response_with_connection_close_from_the_handler() {
    let serving = Serving::start(|| async { ([("connection", "close")], "done") }).await;
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ] {
        let response = serving.exchange(&format!("{request}{request}")).await;
        let lower = response.to_lowercase();
        assert_eq!(lower.matches("\r\nconnection: ").count(), 1, "{response}");
        assert!(lower.contains("\r\nconnection: close\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\ndone"), "{response}");
    }
}

#[tokio::test]
async fn pipelined_requests_get_their_responses_in_order() {
    let serving =
        Serving::start(|request: Request| async move { request.uri().path().to_owned() }).await;
    let pipeline: String = (0..50)
        .map(|n| format!("GET /{n}. HTTP/1.1\r\nHost: a\r\n\r\n"))
        .collect();
    let responses = serving.exchange(&format!("{pipeline}{CLOSING}")).await;
    let bodies: Vec<_> = responses.split("HTTP/1.1 200 OK\r\n").skip(1).collect();
    assert_eq!(bodies.len(), 51);
    for (n, body) in bodies.iter().take(50).enumerate() {
        assert!(body.ends_with(&format!("\r\n\r\n/{n}.")), "{body}");
    }
}

#[tokio::test]
async fn a_100_continue_is_sent_only_when_the_handler_reads_the_body() {
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
    let response = read_until(&mut stream, "\r\n\r\n5").await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");

    let response = serving.exchange(&head("/reject")).await;
    assert!(
        response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("rejected"),
        "{response}"
    );
}

#[tokio::test]
async fn a_response_to_a_head_request_has_the_headers_of_a_get_response_and_no_body() {
    let serving = Serving::start(|| async { "done" }).await;
    let response = serving
        .exchange("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(
        response.contains("\r\ncontent-length: 4\r\n") && response.ends_with("\r\n\r\n"),
        "{response}"
    );
}

/// Switches to a protocol that sends every byte back.
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
async fn a_handler_can_upgrade_a_connection() {
    let serving = Serving::start(echo_protocol).await;
    let ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut stream = serving.send(ask).await;
    let response = read_until(&mut stream, "\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
    for message in ["one", "two"] {
        stream.write_all(message.as_bytes()).await.unwrap();
        assert_eq!(read_until(&mut stream, message).await, message);
    }
    assert!(serving.exchange(CLOSING).await.ends_with("no upgrade"));
}

#[tokio::test]
async fn with_http1_and_with_http2_can_set_the_timeouts_of_hyper() {
    let serving = Serving::start_with(
        |server| {
            let server = server.with_http1(|http1| {
                http1.header_read_timeout(PATIENCE);
            });
            server.with_http2(|http2| {
                http2.keep_alive_interval(PATIENCE);
            })
        },
        || async { "done" },
    )
    .await;
    assert!(serving.exchange(CLOSING).await.ends_with("done"));
    let mut stream = serving.connect().await;
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    assert!(!settings(&mut stream).await.is_empty());
}

#[tokio::test]
async fn a_transfer_coding_other_than_chunked_is_rejected_with_501() {
    let serving = Serving::start(body_length).await;
    for (codings, status) in [
        ("Transfer-Encoding: chunked", "200"),
        ("Transfer-Encoding: Chunked", "200"),
        ("Transfer-Encoding: gzip, chunked", "501"),
        ("Transfer-Encoding: chunked, chunked", "501"),
        (
            "Transfer-Encoding: foo\r\nTransfer-Encoding: chunked",
            "501",
        ),
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{codings}\r\n\r\n");
        let response = serving
            .exchange(&format!("{head}2\r\nab\r\n0\r\n\r\n"))
            .await;
        assert_eq!(response.get(9..12), Some(status), "{codings}: {response}");
    }
}

#[tokio::test]
async fn the_methods_with_http1_and_with_http2_configure_hyper() {
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
    let response = serving.exchange(GET).await;
    assert!(response.contains("\r\nContent-Length: 4\r\n"), "{response}");

    let mut stream = serving.connect().await;
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    let settings = settings(&mut stream).await;
    // SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 §6.5.2).
    assert!(settings.contains(&(3, 7)), "{settings:?}");
}

/// Reads the SETTINGS frame that the server sends first.
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
    timeout(PATIENCE, read)
        .await
        .expect("expected a SETTINGS frame")
}

#[tokio::test]
async fn responses_contain_x_request_id_only_if_the_request_id_header_is_enabled() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: my-id\r\nConnection: close\r\n\r\n";
    let rejected = "GET / HTTP/1.1\r\nX-Request-Id: my-id\r\nConnection: close\r\n\r\n";
    let enabled = Serving::start_with(anyhost_hyper::Server::with_request_id_header, || async {
        "done"
    })
    .await;
    for request in [request, rejected] {
        let response = enabled.exchange(request).await;
        assert!(
            response.contains("\r\nx-request-id: my-id\r\n"),
            "{response}"
        );
    }
    assert!(
        enabled
            .exchange(CLOSING)
            .await
            .contains("\r\nx-request-id: ")
    );
    let disabled = Serving::start(|| async { "done" }).await;
    assert!(!disabled.exchange(request).await.contains("x-request-id"));
}
