//! Requests that only raw HTTP/1.1 can express (RFC 9112): invalid heads, pipelining, `100 Continue`.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::capability::Need::*;
use crate::case::{Case, Check, same};
use crate::transport::{Connection, Transport};

const TIMEOUT: Duration = Duration::from_secs(10);

async fn connected(transport: &dyn Transport) -> Result<Box<dyn Connection>, String> {
    let connection = transport
        .connect()
        .await
        .ok_or("the transport has no HTTP/1.1 connection")?;
    connection.map_err(|error| error.to_string())
}

/// Sends bytes on a new connection and returns everything that the server sends until it closes the connection.
async fn exchange(transport: &dyn Transport, bytes: &[u8]) -> Result<String, String> {
    let mut connection = connected(transport).await?;
    // A server may reject a request and close the connection before it has read all bytes, so ignore a write error.
    let _ = connection.write_all(bytes).await;
    rest(&mut connection).await
}

async fn rest(connection: &mut Box<dyn Connection>) -> Result<String, String> {
    let mut response = Vec::new();
    let read = timeout(TIMEOUT, connection.read_to_end(&mut response)).await;
    // The kernel resets the connection if the server closes it with unread input, so ignore the error.
    let _ = read.map_err(|_| {
        format!(
            "timed out: the connection is still open after {:?}",
            String::from_utf8_lossy(&response)
        )
    })?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

/// Reads until the bytes received so far end with `end`.
async fn until(connection: &mut Box<dyn Connection>, end: &str) -> Check {
    let mut response = Vec::new();
    let read = async {
        while !response.ends_with(end.as_bytes()) {
            let mut byte = [0];
            match connection.read(&mut byte).await {
                Ok(1) => response.push(byte[0]),
                _ => return false,
            }
        }
        true
    };
    match timeout(TIMEOUT, read).await {
        Ok(true) => Ok(()),
        _ => Err(format!(
            "expected {end:?} at the end of {:?}",
            String::from_utf8_lossy(&response)
        )),
    }
}

/// Checks that each request is rejected with a 4xx, and that the server accepts the next connection.
async fn rejected(transport: &dyn Transport, requests: &[&[u8]]) -> Check {
    for bytes in requests {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        let response = exchange(transport, bytes).await?;
        if !response.starts_with("HTTP/1.1 4") {
            return Err(format!("{start:?}: got {response:?}, want a 4xx"));
        }
        hello(transport)
            .await
            .map_err(|why| format!("after {start:?}: {why}"))?;
    }
    Ok(())
}

async fn hello(transport: &dyn Transport) -> Check {
    let response = exchange(
        transport,
        b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await?;
    same(
        &response.starts_with("HTTP/1.1 200 OK\r\n"),
        &true,
        &response,
    )
}

pub(super) const CASES: &[Case] = &[
    Case::new("the status line has the reason phrase").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let response = exchange(transport, b"GET /status/404 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
            same(&response.starts_with("HTTP/1.1 404 Not Found\r\n"), &true, &response)
        })
    }),
    Case::new("a method that is not a token is rejected").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(rejected(transport, &[b"G@T /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]))
    }),
    Case::new("a request target that is not a path is rejected").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(rejected(transport, &[
            b"GET hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET /\xFF HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        ]))
    }),
    Case::new("a fragment in the request target does not reach the handler").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let response = exchange(transport, b"GET /echo?q#frag HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
            same(&response.contains("frag"), &false, &response)
        })
    }),
    Case::new("a request target of 70 KB is rejected").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "a".repeat(70_000));
            rejected(transport, &[long.as_bytes()]).await
        })
    }),
    Case::new("a request without exactly one Host header is rejected").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(rejected(transport, &[
            b"GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n",
            b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        ]))
    }),
    Case::new("an HTTP/1.0 request without a Host header is accepted").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let response = exchange(transport, b"GET /echo HTTP/1.0\r\n\r\n").await?;
            same(&response.contains(r#""version":"HTTP/1.0""#), &true, &response)
        })
    }),
    Case::new("header names are case-insensitive").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let response = exchange(transport, b"GET /echo HTTP/1.1\r\nhOST: a\r\nX-UPPER: 1\r\nCONNECTION: Close\r\n\r\n").await?;
            same(&response.contains(r#"["x-upper","1"]"#), &true, &response)
        })
    }),
    Case::new("invalid, too long and too many headers are rejected").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let many = format!("GET /hello HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(200));
            let long = format!("GET /hello HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
            rejected(transport, &[
                b"GET /hello HTTP/1.1\r\nHost: a\r\nx y: z\r\nConnection: close\r\n\r\n",
                b"GET /hello HTTP/1.1\r\nHost: a\r\nx: a\0b\r\nConnection: close\r\n\r\n",
                many.as_bytes(),
                long.as_bytes(),
            ]).await
        })
    }),
    Case::new("an invalid Content-Length or chunk size is rejected").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(rejected(transport, &[
            b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
            b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\nConnection: close\r\n\r\n",
            b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\nConnection: close\r\n\r\n",
            b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nx",
            b"POST /raw HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        ]))
    }),
    Case::new("a body that ends before its Content-Length is an error for the handler").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let mut connection = connected(transport).await?;
            let head = b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello";
            connection.write_all(head).await.map_err(|error| error.to_string())?;
            connection.shutdown().await.map_err(|error| error.to_string())?;
            let response = rest(&mut connection).await?;
            let expected = response.is_empty() || response.starts_with("HTTP/1.1 400 ");
            same(&expected, &true, &response)?;
            hello(transport).await
        })
    }),
    Case::new("a Content-Length above the limit is rejected before the body arrives").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(rejected(transport, &[
            b"POST /limit/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n",
        ]))
    }),
    Case::new("100 Continue is sent when the handler reads the body").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let mut connection = connected(transport).await?;
            let head = b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
            connection.write_all(head).await.map_err(|error| error.to_string())?;
            until(&mut connection, "HTTP/1.1 100 Continue\r\n\r\n").await?;
            connection.write_all(b"hi").await.map_err(|error| error.to_string())?;
            let response = rest(&mut connection).await?;
            same(&response.ends_with("\r\n\r\nhi"), &true, &response)
        })
    }),
    Case::new("100 Continue is not sent when the handler does not read the body").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let head = b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
            let response = exchange(transport, head).await?;
            same(&response.starts_with("HTTP/1.1 200 OK\r\n"), &true, &response)
        })
    }),
    Case::new("successive requests on a connection get their responses").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let mut connection = connected(transport).await?;
            for _ in 0..3 {
                let request = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
                connection.write_all(request).await.map_err(|error| error.to_string())?;
                until(&mut connection, "Hello, world!").await?;
            }
            Ok(())
        })
    }),
    Case::new("pipelined requests get their responses in order").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let pipelined = b"GET /number HTTP/1.1\r\nHost: a\r\n\r\n\
                POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nraw\
                GET /marked HTTP/1.1\r\nHost: a\r\n\r\n\
                GET /marked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let responses = exchange(transport, pipelined).await?;
            let bodies: Vec<_> = responses.split("\r\n\r\n").skip(1).map(|part| part.split("HTTP/1.1").next()).collect();
            let expected = [Some("4"), Some("raw"), Some("fresh"), Some("fresh")];
            same(&bodies[..], &expected[..], "bodies")
        })
    }),
    Case::new("an unread body is not parsed as the next request").needs(&[Http1Bytes]).scenario(|transport| {
        Box::pin(async move {
            let smuggled = b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n\
                GET /number HTTP/1.1\r\nHost: smuggled\r\n\r\n\
                GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let responses = exchange(transport, smuggled).await?;
            let separate = responses.contains("ignored") && !responses.contains("\r\n\r\n4");
            same(&separate, &true, &responses)
        })
    }),
];
