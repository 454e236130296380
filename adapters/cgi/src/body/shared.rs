//! The bytes of the request body that were read from stdin and that the handler has not read yet.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use anyhost_core::http::StatusCode;
use anyhost_core::{BoxError, Error};
use bytes::Bytes;

use super::spool::Spool;

/// The size of one read from stdin, in bytes.
pub(super) const BLOCK: usize = 64 * 1024;

/// The number of bytes that are kept in memory ahead of the handler.
pub(super) const READ_AHEAD: usize = 4 * BLOCK;

/// The largest size of the temporary file. If the body is longer, the handler gets a 413 error.
const MAX_SPOOL: u64 = 1024 * 1024 * 1024;

/// Shared by the reading thread, the handler and the response.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) mode: Mode,
    /// The bytes in memory for the handler, and their number. The bytes on disk follow the bytes in memory.
    pub(super) ready: VecDeque<Bytes>,
    pub(super) ready_bytes: usize,
    pub(super) spool: Option<Spool>,
    /// The error that ends the body for the handler, although reading stdin did not fail.
    pub(super) fault: Option<BoxError>,
    /// Stays true after the handler took `fault`. No more bytes are kept while this field is true.
    pub(super) is_faulty: bool,
    /// The result of reading stdin to the end: `Ok` if the body is complete.
    pub(super) end: Option<io::Result<()>>,
    pub(super) received: u64,
    pub(super) handler: Option<Waker>,
    pub(super) response: Option<Waker>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Read a little ahead of the handler.
    #[default]
    Follow,
    /// Read everything and keep it, because the server may write the whole body before it reads the response.
    ReadAll,
    /// Read everything and discard it.
    Discard,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_mode(&self, mode: Mode) {
        let mut state = self.lock();
        // Once the handler has dropped the body, nothing reads the bytes any more.
        if state.mode != Mode::Discard {
            state.mode = mode;
        }
        if mode == Mode::Discard {
            (state.ready, state.ready_bytes, state.spool) = (VecDeque::new(), 0, None);
        }
        self.changed.notify_all();
    }
}

impl State {
    /// Keeps bytes for the handler: in memory up to [`READ_AHEAD`], on disk beyond that.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        let on_disk = self.spool.as_ref().is_some_and(|spool| !spool.is_empty());
        if !on_disk && self.ready_bytes < READ_AHEAD {
            self.ready_bytes += bytes.len();
            self.ready.push_back(Bytes::copy_from_slice(bytes));
            return Ok(());
        }
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool::new()?),
        };
        if spool.len() + bytes.len() as u64 > MAX_SPOOL {
            let too_large = Error::from_status(StatusCode::PAYLOAD_TOO_LARGE);
            return Err(too_large
                .with_source("the temporary file for the request body exceeded 1 GiB")
                .into_boxed());
        }
        Ok(spool.push(bytes)?)
    }
}
