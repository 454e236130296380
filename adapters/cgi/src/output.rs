//! The reply on stdout.

use std::io::{self, Write};

use bytes::Bytes;

use crate::input::Input;

/// What every pipe holds without being read (POSIX's PIPE_BUF on Linux). Up to here the reply can be written
/// whatever the server is doing.
const SAFE: usize = 4096;

/// Writes the reply, but never more than the server is sure to take: Apache and fcgiwrap read nothing
/// before they have written the whole request body, so a long reply waits until that was taken in.
pub(crate) struct Output<W> {
    sink: Option<W>,
    written: usize,
    input: Input,
}

impl<W: Write + Send + 'static> Output<W> {
    pub(crate) fn new(sink: W, input: Input) -> Self {
        Self {
            sink: Some(sink),
            written: 0,
            input,
        }
    }

    /// Writes all of these bytes and flushes them.
    ///
    /// # Errors
    /// When the server does not take them any more.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let total = self.written.saturating_add(bytes.len());
        if total > SAFE && !self.input.is_taken_in() {
            self.input.take_in().await;
        }
        self.written = total;
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        if total <= SAFE {
            return write_all(self.sink.as_mut().ok_or_else(gone)?, &bytes);
        }
        // A server that is slow to read must not hold up the handler's timers, or SIGTERM.
        let mut sink = self.sink.take().ok_or_else(gone)?;
        let write = tokio::task::spawn_blocking(move || {
            let result = write_all(&mut sink, &bytes);
            (sink, result)
        });
        let (sink, result) = write.await.map_err(io::Error::other)?;
        self.sink = Some(sink);
        result
    }
}

fn write_all(sink: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    sink.write_all(bytes)?;
    sink.flush()
}
