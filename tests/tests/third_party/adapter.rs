//! An adapter for a host with another protocol: JSON, one value a line, one request for each TCP connection.
//!
//! ```text
//! → {"method": "POST", "target": "/echo?q", "headers": [["x-a", "1"]], "body": "aGk="}
//! ← {"status": 200, "headers": [["content-type", "application/json"]]}
//! ← {"chunk": "eyJ9"}
//! ← {"end": true}
//! ```
//!
//! Header values are decoded as Latin-1, because JSON cannot hold raw bytes. Bodies are in Base64. A response without
//! `end` was aborted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhost_core::adapter::{
    Deadline, RequestInfo, exchange, finish_after_response, log_aborted, reject,
};
use anyhost_core::http::header::CONTENT_LENGTH;
use anyhost_core::http::{HeaderName, HeaderValue, StatusCode};
use anyhost_core::{Context, Error, Handler, Host, Request, Response, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The kind of host, which `Context::host` returns.
const HOST: Host = Host::new("json-lines");

pub(crate) async fn serve(listener: TcpListener, handler: Arc<dyn Handler>) {
    while let Ok((stream, peer)) = listener.accept().await {
        let handler = handler.clone();
        tokio::spawn(async move {
            let _ = connection(stream, peer, handler).await;
        });
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    handler: Arc<dyn Handler>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let context = Context::new(HOST).with_peer(peer.ip());
    let (response, info) = match decode(&line) {
        Ok(mut request) => {
            request.extensions_mut().insert(context.clone());
            let exchanged = exchange(handler, request, Deadline::none()).await;
            (exchanged.response, exchanged.info)
        }
        Err(error) => {
            let info = RequestInfo::unknown(context.clone());
            (reject(error, &info), info)
        }
    };
    let sent = encode(response, &info, stream.get_mut()).await;
    // `wait_until` work runs even if the client disconnected.
    finish_after_response(&context, std::future::pending()).await;
    sent
}

fn decode(line: &str) -> Result<Request> {
    let invalid = || Error::new(StatusCode::BAD_REQUEST, "Invalid request");
    let value: Value = serde_json::from_str(line).map_err(|_| invalid())?;
    let text = |name: &str| value[name].as_str().ok_or_else(invalid);
    let body = BASE64.decode(text("body")?).map_err(|_| invalid())?;
    let length = body.len();
    let mut request = Request::new(body.into());
    *request.method_mut() = text("method")?.parse().map_err(|_| invalid())?;
    *request.uri_mut() = text("target")?.parse().map_err(|_| invalid())?;
    for header in value["headers"].as_array().ok_or_else(invalid)? {
        let (Some(name), Some(value)) = (header[0].as_str(), header[1].as_str()) else {
            return Err(invalid());
        };
        let name: HeaderName = name.parse().map_err(|_| invalid())?;
        let value: Vec<u8> = value
            .chars()
            .map(|c| u8::try_from(c).unwrap_or(b'?'))
            .collect();
        let value = HeaderValue::from_bytes(&value).map_err(|_| invalid())?;
        request.headers_mut().append(name, value);
    }
    if length > 0 {
        request.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    Ok(request)
}

async fn encode(response: Response, info: &RequestInfo, stream: &mut TcpStream) -> io::Result<()> {
    let (head, mut body) = response.into_parts();
    let headers: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| {
            let value: String = value
                .as_bytes()
                .iter()
                .map(|&byte| char::from(byte))
                .collect();
            json!([name.as_str(), value])
        })
        .collect();
    write(
        stream,
        json!({"status": head.status.as_u16(), "headers": headers}),
    )
    .await?;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Ok(chunk) = frame.into_data() {
                    write(stream, json!({"chunk": BASE64.encode(chunk)})).await?;
                }
            }
            Err(error) => {
                log_aborted(info, error.as_ref());
                return Ok(());
            }
        }
    }
    write(stream, json!({"end": true})).await
}

async fn write(stream: &mut TcpStream, line: Value) -> io::Result<()> {
    stream.write_all(format!("{line}\n").as_bytes()).await
}
