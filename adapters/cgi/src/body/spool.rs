//! A queue of bytes on disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::Bytes;

/// A queue of bytes in a temporary file without a name. The kernel frees the space when the process ends,
/// even if the process is killed.
pub(crate) struct Spool {
    file: File,
    read: u64,
    written: u64,
}

impl Spool {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            read: 0,
            written: 0,
        })
    }

    /// The size of the file: all bytes written since the queue was last empty.
    pub(crate) fn len(&self) -> u64 {
        self.written
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.read == self.written
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.written)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Takes at most `limit` bytes from the front of the queue.
    pub(crate) fn pop(&mut self, limit: usize) -> io::Result<Bytes> {
        let queued = self.written - self.read;
        let size = usize::try_from(queued).map_or(limit, |queued| queued.min(limit));
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, self.read)?;
        self.read += size as u64;
        if self.is_empty() {
            (self.read, self.written) = (0, 0);
            self.file.set_len(0)?;
        }
        Ok(bytes.into())
    }
}
