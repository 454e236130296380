//! Bytes that wait on disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::Bytes;

/// A queue of bytes in a temporary file that has no name.
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

    /// How much was written since it was last empty.
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

    /// The next bytes, `most` at most.
    pub(crate) fn pop(&mut self, most: usize) -> io::Result<Bytes> {
        let left = self.written - self.read;
        let size = usize::try_from(left).map_or(most, |left| left.min(most));
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
