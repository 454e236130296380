//! The thread that reads stdin.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::shared::{BLOCK, Mode, READ_AHEAD, Shared};

/// If the handler does not read for this time, the rest of the body goes to disk. The handler may be blocked by
/// fcgiwrap, which reads the log (stderr) only after it has written the whole body.
const STALL: Duration = Duration::from_secs(1);

/// Runs the reader on a thread. If no thread can be started, for example because the hosting provider limits threads,
/// this function reads the whole body before the handler starts.
pub(super) fn spawn<R: Read + Send + 'static>(reader: Reader<R>) {
    let shared = reader.shared.clone();
    // `Builder::spawn` consumes the closure even if it fails, so the reader is shared with the closure.
    let reader = Arc::new(Mutex::new(Some(reader)));
    let for_thread = reader.clone();
    let take = |reader: &Mutex<Option<Reader<R>>>| {
        let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.take()
    };
    let thread = std::thread::Builder::new().name("stdin".into());
    let spawned = thread.spawn(move || {
        if let Some(reader) = take(&for_thread) {
            reader.run();
        }
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "failed to start a thread for stdin; the whole request body is read before the handler runs");
        shared.set_mode(Mode::ReadAll);
        if let Some(reader) = take(&reader) {
            reader.run();
        }
    }
}

/// Reads stdin on a separate thread.
pub(super) struct Reader<R> {
    pub(super) shared: Arc<Shared>,
    pub(super) source: R,
    pub(super) remaining: Option<u64>,
}

impl<R: Read> Reader<R> {
    /// Reads to the end of the body in every mode. If the program stopped reading while the server writes, the
    /// program and the server would wait for each other without an end.
    fn run(mut self) {
        let mut block = vec![0; BLOCK];
        let end = loop {
            match self.read(&mut block) {
                Ok(0) => break self.end(),
                Ok(length) => self.deliver(&block[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        let mut state = self.shared.lock();
        state.end = Some(end);
        let wakers = [state.handler.take(), state.response.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Reads at most the declared length, because bytes after it are not part of the body (RFC 3875 §4.2).
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let limit = match self.remaining {
            Some(remaining) => usize::try_from(remaining)
                .map_or(block.len(), |remaining| remaining.min(block.len())),
            None => block.len(),
        };
        let length = self.source.read(&mut block[..limit])?;
        if let Some(remaining) = &mut self.remaining {
            *remaining -= length as u64;
        }
        Ok(length)
    }

    fn end(&self) -> io::Result<()> {
        match self.remaining {
            Some(missing) if missing > 0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the body ended {missing} bytes before its Content-Length"),
            )),
            _ => Ok(()),
        }
    }

    /// Keeps the bytes for the handler, or discards them. First waits until the handler has read enough, but no
    /// longer if the handler does not read for [`STALL`].
    fn deliver(&self, bytes: &[u8]) {
        let mut state = self.shared.lock();
        while state.mode == Mode::Follow && state.ready_bytes >= READ_AHEAD {
            let waited = self.shared.changed.wait_timeout(state, STALL);
            let (locked, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = locked;
            if timeout.timed_out() {
                break;
            }
        }
        state.received += bytes.len() as u64;
        if state.mode == Mode::Discard || state.is_faulty {
            return;
        }
        if let Err(fault) = state.keep(bytes) {
            state.fault = Some(fault);
            state.is_faulty = true;
        }
        if let Some(handler) = state.handler.take() {
            drop(state);
            handler.wake();
        }
    }
}
