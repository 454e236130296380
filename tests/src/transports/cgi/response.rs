//! A program's response as a server reads it.

use std::io;

use anyhost::{Body, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::sync::mpsc;

/// What a program writes, piece by piece, and an error at the end if it failed.
pub(super) type Output = mpsc::Receiver<io::Result<Bytes>>;

/// Reads the head (RFC 3875 §6) and leaves the body to come.
pub(super) async fn read(mut output: Output) -> Result<Response, String> {
    let mut head = BytesMut::new();
    let end = loop {
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match output.recv().await {
            Some(Ok(bytes)) => head.extend_from_slice(&bytes),
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err(format!("no head in {:?}", head.escape_ascii().to_string())),
        }
    };
    let first = head.split_off(end + 4).freeze();
    let mut response = Response::new(body(first, output));
    for line in head[..end].split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let wrong = || format!("a line is no header: {}", line.escape_ascii());
        let colon = line
            .iter()
            .position(|&byte| byte == b':')
            .ok_or_else(wrong)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name == b"Status" {
            let code = value.get(..3).unwrap_or_default();
            *response.status_mut() = StatusCode::from_bytes(code).map_err(|_| wrong())?;
            continue;
        }
        let name = HeaderName::from_bytes(name).map_err(|_| wrong())?;
        let value = HeaderValue::from_bytes(value).map_err(|_| wrong())?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

fn body(first: Bytes, output: Output) -> Body {
    let first = (!first.is_empty()).then_some(Ok(first));
    Body::from_stream(stream::unfold(
        (first, output),
        |(first, mut output)| async move {
            let piece = match first {
                Some(piece) => piece,
                None => output.recv().await?,
            };
            Some((piece, (None, output)))
        },
    ))
}
