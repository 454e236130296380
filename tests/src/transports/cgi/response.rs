//! Parses the output of a CGI program (RFC 3875 §6).

use std::io;

use anyhost::{Body, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::sync::mpsc;

/// The output of a program in chunks, followed by an error if the program failed.
pub(super) type Output = mpsc::Receiver<io::Result<Bytes>>;

/// Reads the head, and returns a response whose body is the rest of the output.
pub(super) async fn read(mut output: Output) -> Result<Response, String> {
    let mut head = BytesMut::new();
    let end = loop {
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match output.recv().await {
            Some(Ok(bytes)) => head.extend_from_slice(&bytes),
            Some(Err(error)) => return Err(error.to_string()),
            None => {
                return Err(format!(
                    "missing end of the head: {:?}",
                    head.escape_ascii().to_string()
                ));
            }
        }
    };
    let first = head.split_off(end + 4).freeze();
    let mut response = Response::new(body(first, output));
    for line in head[..end].split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let invalid = || format!("invalid header line \"{}\"", line.escape_ascii());
        let colon = line
            .iter()
            .position(|&byte| byte == b':')
            .ok_or_else(invalid)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name == b"Status" {
            let code = value.get(..3).unwrap_or_default();
            *response.status_mut() = StatusCode::from_bytes(code).map_err(|_| invalid())?;
            continue;
        }
        let name = HeaderName::from_bytes(name).map_err(|_| invalid())?;
        let value = HeaderValue::from_bytes(value).map_err(|_| invalid())?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

fn body(first: Bytes, output: Output) -> Body {
    let first = (!first.is_empty()).then_some(Ok(first));
    Body::from_stream(stream::unfold(
        (first, output),
        |(first, mut output)| async move {
            let chunk = match first {
                Some(chunk) => chunk,
                None => output.recv().await?,
            };
            Some((chunk, (None, output)))
        },
    ))
}
