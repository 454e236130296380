//! Notifications that a process is ready, as systemd receives them (`sd_notify(3)`).

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::thread;

use tempfile::TempDir;

use crate::supervisor::Event;

/// The socket to which a process reports that it serves.
pub(crate) struct NotifySocket {
    folder: TempDir,
}

impl NotifySocket {
    /// Binds the socket. [`Event::Ready`] follows each notification.
    pub(crate) fn bind(events: Sender<Event>) -> io::Result<Self> {
        let this = Self {
            folder: tempfile::tempdir()?,
        };
        let socket = UnixDatagram::bind(this.path())?;
        thread::spawn(move || {
            let mut message = [0; 4096];
            while let Ok(length) = socket.recv(&mut message) {
                let mut lines = message[..length].split(|&b| b == b'\n');
                if lines.any(|line| line == b"READY=1") && events.send(Event::Ready).is_err() {
                    return;
                }
            }
        });
        Ok(this)
    }

    /// The value of the variable `NOTIFY_SOCKET`.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("notify")
    }
}
