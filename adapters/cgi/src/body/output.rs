//! The response on stdout.

use std::io::{self, Write};
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Input;

/// Every pipe holds this many bytes even if the server does not read (PIPE_BUF on Linux). Up to this size,
/// writing cannot block.
const PIPE_BUF: usize = 4096;

/// Each write counts as at least this many bytes, because a small write takes more space in the buffer of a socket
/// than its number of bytes. mod_cgid uses a socket.
const MIN_WRITE: usize = 1024;

/// If no bytes of the request body arrive for this time, a response that has to wait for the body is aborted.
const IDLE: Duration = Duration::from_secs(60);

/// Writes the response. Apache and fcgiwrap do not read the response before they have written the whole
/// request body, so a response longer than [`PIPE_BUF`] waits until the body was read. Otherwise, the server
/// and the program would block each other.
pub(crate) struct Output<W> {
    sink: Sink<W>,
    written: usize,
    input: Input,
}

enum Sink<W> {
    /// Short responses are written directly.
    Direct(W),
    /// A thread writes longer responses, because timers of the handler and SIGTERM must still work while a slow
    /// server blocks a write. After the sender is dropped, the thread ends when its current write ends. The process
    /// does not wait for the thread.
    Thread(mpsc::Sender<Job>),
    /// A placeholder while the writer moves to the thread.
    Moving,
}

/// Bytes to write, and the channel for the result.
type Job = (Bytes, oneshot::Sender<io::Result<()>>);

impl<W: Write + Send + 'static> Output<W> {
    pub(crate) fn new(sink: W, input: Input) -> Self {
        Self {
            sink: Sink::Direct(sink),
            written: 0,
            input,
        }
    }

    /// Whether no byte of the response has been written.
    pub(crate) fn is_untouched(&self) -> bool {
        self.written == 0
    }

    /// Writes all of these bytes and flushes them.
    ///
    /// # Errors
    /// `BrokenPipe` if the server closed the connection, `TimedOut` if the request body did not arrive,
    /// or another error of the writer.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let total = self.written.saturating_add(bytes.len().max(MIN_WRITE));
        if total > PIPE_BUF
            && !self.input.is_fully_read()
            && !self.input.read_all_unless_idle(IDLE).await
        {
            let why = "the request body did not arrive, and the response had to wait for it";
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        self.written = total;
        if total > PIPE_BUF {
            self.sink.move_to_thread();
        }
        match &mut self.sink {
            Sink::Direct(sink) => write_all(sink, &bytes),
            Sink::Thread(jobs) => {
                let (done, result) = oneshot::channel();
                let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
                jobs.send((bytes, done)).map_err(|_| closed())?;
                result.await.map_err(|_| closed())?
            }
            Sink::Moving => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl<W: Write + Send + 'static> Sink<W> {
    /// If no thread can be started, for example because the hosting provider limits threads, writes stay direct.
    fn move_to_thread(&mut self) {
        let sink = match std::mem::replace(self, Self::Moving) {
            Self::Direct(sink) => sink,
            other => {
                *self = other;
                return;
            }
        };
        let (jobs, todo) = mpsc::channel::<Job>();
        // The writer is sent after the thread has started, because a failed `spawn` would drop the writer.
        let (hand_over, taken) = mpsc::sync_channel::<W>(1);
        let thread = std::thread::Builder::new().name("stdout".into());
        let spawned = thread.spawn(move || {
            let Ok(mut sink) = taken.recv() else { return };
            while let Ok((bytes, done)) = todo.recv() {
                let _ = done.send(write_all(&mut sink, &bytes));
            }
        });
        *self = match spawned {
            Ok(_) => match hand_over.send(sink) {
                Ok(()) => Self::Thread(jobs),
                Err(mpsc::SendError(sink)) => Self::Direct(sink),
            },
            Err(error) => {
                tracing::debug!(%error, "failed to start a thread for stdout; the response is written without one");
                Self::Direct(sink)
            }
        };
    }
}

fn write_all(sink: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    sink.write_all(bytes)?;
    sink.flush()
}
