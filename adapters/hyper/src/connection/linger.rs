//! Closes a connection whose client may still be reading.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::io::Io;
use super::serve::OpenConnection;
use crate::state::Phase;

/// How long a closed connection waits until its client closes it as well: in total, and without receiving any bytes.
/// The second time is short, like nginx's `lingering_timeout`, because a client that sends nothing cannot cause a
/// reset.
const LINGER_TIMEOUT: Duration = Duration::from_secs(60);
const LINGER_IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads and discards the bytes that the client sends, until the client closes the connection.
///
/// If a socket is closed with unread input, or input arrives after it was closed, the kernel resets the connection and
/// discards the bytes that the client has not read yet (RFC 9112 §9.6). HTTP/2 clients send WINDOW_UPDATE frames while
/// they read.
pub(super) fn linger(mut io: Io, open: Box<OpenConnection>) {
    let shared = open.shared().clone();
    let lingering = async move {
        let mut bytes = [0; 512];
        let read = async {
            while let Ok(Ok(1..)) = timeout(LINGER_IDLE_TIMEOUT, io.read(&mut bytes)).await {}
        };
        let state = &open.shared().state;
        tokio::select! {
            _ = timeout(LINGER_TIMEOUT, read) => {}
            () = state.reached(Phase::Aborting) => {}
        }
    };
    shared.runtime.spawn(lingering);
}
