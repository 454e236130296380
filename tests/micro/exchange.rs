//! Sends one request on a new connection, and then a second request, which shows whether the connection still works.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Outcome;
use crate::requests::Request;
use crate::response::{Received, parse};

/// How long a response may take. Some requests never get a response from micro, and only the time shows this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

pub(crate) async fn exchange(address: SocketAddr, request: &Request) -> Outcome<Received> {
    let (reader, writer) = TcpStream::connect(address).await?.into_split();
    let mut connection = Connection {
        reader,
        received: Vec::new(),
        ended: false,
    };
    // A server can respond before it has read the request, and then stop reading.
    let bytes = request.bytes.clone();
    let writing = tokio::spawn(write(writer, bytes));
    let Some(mut received) = connection.response(request.is_head).await else {
        return Ok(Received::nothing(connection.state()));
    };
    let state = connection.after(writing).await;
    received.set_connection(&state);
    Ok(received)
}

async fn write(mut writer: OwnedWriteHalf, bytes: Vec<u8>) -> std::io::Result<OwnedWriteHalf> {
    writer.write_all(&bytes).await?;
    Ok(writer)
}

struct Connection {
    reader: OwnedReadHalf,
    received: Vec<u8>,
    /// Whether the server has closed the connection.
    ended: bool,
}

impl Connection {
    /// Reads a response; `None` if the server sends none.
    async fn response(&mut self, is_head: bool) -> Option<Received> {
        loop {
            if let Some((received, length)) = parse(&self.received, is_head, self.ended) {
                self.received.drain(..length);
                return Some(received);
            }
            if self.ended {
                return None;
            }
            let mut buffer = [0; 16 * 1024];
            match timeout(PATIENCE, self.reader.read(&mut buffer)).await {
                Ok(Ok(length @ 1..)) => self.received.extend(&buffer[..length]),
                Ok(_) => self.ended = true,
                Err(_) => {
                    // The time is up, so the response consists of the bytes that have arrived.
                    let (mut received, _) = parse(&self.received, is_head, true)?;
                    received.set_connection("stuck");
                    return Some(received);
                }
            }
        }
    }

    fn state(&self) -> &'static str {
        match self.ended {
            true => "closed",
            false => "stuck",
        }
    }

    /// Sends a second request after the first was written.
    async fn after(&mut self, writing: JoinHandle<std::io::Result<OwnedWriteHalf>>) -> String {
        let abort = writing.abort_handle();
        let Ok(written) = timeout(PATIENCE, writing).await else {
            abort.abort();
            return "stuck".to_owned();
        };
        // The writer is kept: dropping it would end the request.
        let writer = match written {
            Ok(Ok(mut writer)) => writer.write_all(NEXT).await.map(|()| writer),
            _ => return "closed".to_owned(),
        };
        if writer.is_err() {
            return "closed".to_owned();
        }
        match self.response(false).await {
            Some(next) if next.value("status") == "200" => "open".to_owned(),
            Some(next) => format!("next request {}", next.value("status")),
            None => self.state().to_owned(),
        }
    }
}
