//! The reply on stdout.

use std::io::{self, Write};
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::input::Input;

/// What every pipe holds without being read (POSIX's PIPE_BUF on Linux). Up to here the reply can be
/// written whatever the server is doing.
const SAFE: usize = 4096;

/// What a write takes of that at least: a socket, which mod_cgid gives, counts small ones as more than
/// they are.
const LEAST: usize = 1024;

/// How long nothing may come of a body that has to be taken in before the reply can be written.
const IDLE: Duration = Duration::from_secs(60);

/// Writes the reply, but never more than the server is sure to take: Apache and fcgiwrap read nothing
/// before they have written the whole request body, so a long reply waits until that was taken in.
pub(crate) struct Output<W> {
    sink: Sink<W>,
    written: usize,
    input: Input,
}

enum Sink<W> {
    /// Here, for what is short.
    Own(W),
    /// On a thread, since a server that is slow to read must not hold up the handler's timers, or
    /// SIGTERM. Dropped, it ends by itself once the server lets it; nobody waits.
    Thread(mpsc::Sender<Job>),
    Lost,
}

/// Bytes to be written, and whom to tell.
type Job = (Bytes, oneshot::Sender<io::Result<()>>);

impl<W: Write + Send + 'static> Output<W> {
    pub(crate) fn new(sink: W, input: Input) -> Self {
        Self {
            sink: Sink::Own(sink),
            written: 0,
            input,
        }
    }

    /// Whether nothing was written yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.written == 0
    }

    /// Writes all of these bytes and flushes them.
    ///
    /// # Errors
    /// When the server does not take them any more.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let total = self.written.saturating_add(bytes.len().max(LEAST));
        if total > SAFE
            && !self.input.is_taken_in()
            && !self.input.take_in_while_it_comes(IDLE).await
        {
            let why = "the request body did not come, and the reply had to wait for it";
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        self.written = total;
        if total > SAFE {
            self.sink.move_to_thread();
        }
        match &mut self.sink {
            Sink::Own(sink) => write_all(sink, &bytes),
            Sink::Thread(jobs) => {
                let (done, result) = oneshot::channel();
                let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
                jobs.send((bytes, done)).map_err(|_| gone())?;
                result.await.map_err(|_| gone())?
            }
            Sink::Lost => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl<W: Write + Send + 'static> Sink<W> {
    /// Hosts may limit threads; then it stays where it is.
    fn move_to_thread(&mut self) {
        let sink = match std::mem::replace(self, Self::Lost) {
            Self::Own(sink) => sink,
            other => {
                *self = other;
                return;
            }
        };
        let (jobs, todo) = mpsc::channel::<Job>();
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
                Err(mpsc::SendError(sink)) => Self::Own(sink),
            },
            Err(error) => {
                tracing::debug!(%error, "no thread for the reply");
                Self::Own(sink)
            }
        };
    }
}

fn write_all(sink: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    sink.write_all(bytes)?;
    sink.flush()
}
