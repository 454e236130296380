//! What only the bytes of HTTP/1.1 can say (RFC 9112).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::capability::Need::*;
use crate::case::{Case, Check, same};
use crate::transport::{Connection, Transport};

const PATIENCE: Duration = Duration::from_secs(10);

async fn connected(transport: &dyn Transport) -> Result<Box<dyn Connection>, String> {
    let connection = transport
        .connect()
        .await
        .ok_or("HTTP/1.1 is not spoken here")?;
    connection.map_err(|error| error.to_string())
}

/// Sends these bytes and gives what comes until the server closes.
async fn exchange(transport: &dyn Transport, bytes: &[u8]) -> Result<String, String> {
    let mut connection = connected(transport).await?;
    // A server that refuses may close before it has all.
    let _ = connection.write_all(bytes).await;
    rest(&mut connection).await
}

async fn rest(connection: &mut Box<dyn Connection>) -> Result<String, String> {
    let mut reply = Vec::new();
    let read = timeout(PATIENCE, connection.read_to_end(&mut reply)).await;
    // It may also reset the connection over what it did not read.
    let _ = read.map_err(|_| format!("not closed: {:?}", String::from_utf8_lossy(&reply)))?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

/// Reads until the reply so far ends like this.
async fn until(connection: &mut Box<dyn Connection>, end: &str) -> Check {
    let mut reply = Vec::new();
    let read = async {
        while !reply.ends_with(end.as_bytes()) {
            let mut byte = [0];
            match connection.read(&mut byte).await {
                Ok(1) => reply.push(byte[0]),
                _ => return false,
            }
        }
        true
    };
    match timeout(PATIENCE, read).await {
        Ok(true) => Ok(()),
        _ => Err(format!(
            "no {end:?} in {:?}",
            String::from_utf8_lossy(&reply)
        )),
    }
}

/// Each of these is refused with a 4xx, and the server goes on.
async fn refused(transport: &dyn Transport, requests: &[&[u8]]) -> Check {
    for bytes in requests {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        let reply = exchange(transport, bytes).await?;
        if !reply.starts_with("HTTP/1.1 4") {
            return Err(format!("{shown:?} got {reply:?}"));
        }
        hello(transport)
            .await
            .map_err(|why| format!("after {shown:?}: {why}"))?;
    }
    Ok(())
}

async fn hello(transport: &dyn Transport) -> Check {
    let reply = exchange(
        transport,
        b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await?;
    same(&reply.starts_with("HTTP/1.1 200 OK\r\n"), &true, &reply)
}

pub(super) const CASES: &[Case] = &[
    Case::new("a reply has its reason phrase").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let reply = exchange(transport, b"GET /status/404 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
            same(&reply.starts_with("HTTP/1.1 404 Not Found\r\n"), &true, &reply)
        })
    }),
    Case::new("a method that is no token is refused").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(refused(transport, &[b"G@T /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]))
    }),
    Case::new("a target that is no path is refused").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(refused(transport, &[
            b"GET hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET /\xFF HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        ]))
    }),
    Case::new("a fragment is nobody's business").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let reply = exchange(transport, b"GET /echo?q#frag HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
            same(&reply.contains("frag"), &false, &reply)
        })
    }),
    Case::new("a target of 70 KB is refused").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "a".repeat(70_000));
            refused(transport, &[long.as_bytes()]).await
        })
    }),
    Case::new("a request without a Host, or with two, is refused").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(refused(transport, &[
            b"GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n",
            b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        ]))
    }),
    Case::new("HTTP/1.0 needs no Host").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let reply = exchange(transport, b"GET /echo HTTP/1.0\r\n\r\n").await?;
            same(&reply.contains(r#""version":"HTTP/1.0""#), &true, &reply)
        })
    }),
    Case::new("the case of a header's name means nothing").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let reply = exchange(transport, b"GET /echo HTTP/1.1\r\nhOST: a\r\nX-UPPER: 1\r\nCONNECTION: Close\r\n\r\n").await?;
            same(&reply.contains(r#"["x-upper","1"]"#), &true, &reply)
        })
    }),
    Case::new("headers that are none are refused").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let many = format!("GET /hello HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(200));
            let long = format!("GET /hello HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
            refused(transport, &[
                b"GET /hello HTTP/1.1\r\nHost: a\r\nx y: z\r\nConnection: close\r\n\r\n",
                b"GET /hello HTTP/1.1\r\nHost: a\r\nx: a\0b\r\nConnection: close\r\n\r\n",
                many.as_bytes(),
                long.as_bytes(),
            ]).await
        })
    }),
    Case::new("a length that is none is refused").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(refused(transport, &[
            b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
            b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\nConnection: close\r\n\r\n",
            b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\nConnection: close\r\n\r\n",
            b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nx",
            b"POST /raw HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        ]))
    }),
    Case::new("a body that ends early is an error to its reader").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let mut connection = connected(transport).await?;
            let head = b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello";
            connection.write_all(head).await.map_err(|error| error.to_string())?;
            connection.shutdown().await.map_err(|error| error.to_string())?;
            let reply = rest(&mut connection).await?;
            let told = reply.is_empty() || reply.starts_with("HTTP/1.1 400 ");
            same(&told, &true, &reply)?;
            hello(transport).await
        })
    }),
    Case::new("a length over the limit is refused before a byte of it came").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(refused(transport, &[
            b"POST /limit/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n",
        ]))
    }),
    Case::new("a body is asked for when it is read").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let mut connection = connected(transport).await?;
            let head = b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
            connection.write_all(head).await.map_err(|error| error.to_string())?;
            until(&mut connection, "HTTP/1.1 100 Continue\r\n\r\n").await?;
            connection.write_all(b"hi").await.map_err(|error| error.to_string())?;
            let reply = rest(&mut connection).await?;
            same(&reply.ends_with("\r\n\r\nhi"), &true, &reply)
        })
    }),
    Case::new("and not asked for when nobody reads it").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let head = b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
            let reply = exchange(transport, head).await?;
            same(&reply.starts_with("HTTP/1.1 200 OK\r\n"), &true, &reply)
        })
    }),
    Case::new("requests of one connection are answered in turn").needs(&[Http1Bytes]).tells(|transport| {
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
    Case::new("requests that did not wait for each other, too").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let pipelined = b"GET /number HTTP/1.1\r\nHost: a\r\n\r\n\
                POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nraw\
                GET /marked HTTP/1.1\r\nHost: a\r\n\r\n\
                GET /marked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let replies = exchange(transport, pipelined).await?;
            let bodies: Vec<_> = replies.split("\r\n\r\n").skip(1).map(|part| part.split("HTTP/1.1").next()).collect();
            let expected = [Some("4"), Some("raw"), Some("fresh"), Some("fresh")];
            same(&bodies[..], &expected[..], "bodies")
        })
    }),
    Case::new("an unread body is not taken for the next request").needs(&[Http1Bytes]).tells(|transport| {
        Box::pin(async move {
            let smuggled = b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n\
                GET /number HTTP/1.1\r\nHost: smuggled\r\n\r\n\
                GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let replies = exchange(transport, smuggled).await?;
            let ends = replies.contains("ignored") && !replies.contains("\r\n\r\n4");
            same(&ends, &true, &replies)
        })
    }),
];
