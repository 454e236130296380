//! Requests as raw bytes on an HTTP/1.1 connection.

use tokio::io::AsyncWriteExt;

use super::{connect, echo, read_to_end, start};

/// RFC 9112 §3.2 allows only ASCII in the request target, but browsers and tools send UTF-8.
#[tokio::test]
async fn utf8_bytes_in_the_request_target_are_percent_encoded() {
    let (_probe, address) = start(&[]).await;
    let received = echo(address, "GET /echo/é?é HTTP/1.0\r\n\r\n".as_bytes()).await;
    assert_eq!(received["path"], "/echo/%C3%A9");
    assert_eq!(received["query"], "%C3%A9");
}

/// The client sends its whole body before it reads. If the server closed the connection at the 413, the
/// kernel would reset it, and the client could lose the response.
#[tokio::test]
async fn connection_is_reused_after_a_413_to_a_client_that_sends_its_whole_body() {
    let (_probe, address) = start(&[]).await;
    let mut stream = connect(address).await;
    let body = vec![b'x'; 16 << 20];
    let head = format!(
        "POST /limit/10 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
        .write_all(&body)
        .await
        .expect("expected the server to read the whole body");
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let responses = read_to_end(&mut stream).await;
    assert!(responses.starts_with("HTTP/1.1 413 "), "{responses}");
    assert!(responses.ends_with("Hello, world!"), "{responses}");
}
