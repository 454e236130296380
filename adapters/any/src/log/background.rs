//! A thread that writes to stderr.
//!
//! If a pipe is full because its reader has stopped, a `write` to the pipe blocks. If threads that handle requests
//! wrote the log, these threads would block too, and the server would not stop on SIGTERM. Therefore lines are
//! collected in a buffer, and only the writer thread can block. If the buffer is full, further lines are dropped, and a
//! later line contains the number of dropped lines.
//!
//! `tracing-appender` does the same, but needs one allocation and one message to its thread for each line. Here, a line
//! needs one copy, and the thread is notified at most once in [`PAUSE`].

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::fs::FileType;
use rustix::io::Errno;

/// The size of the buffer in bytes.
const CAPACITY: usize = 1 << 20;

/// After a write, lines are collected for this time, and then written together.
const PAUSE: Duration = Duration::from_millis(10);

/// How long [`flush`] waits for stderr. A blocked stderr delays the exit of the process by at most this time.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// A write of at most this many bytes to a pipe is atomic: the bytes are not mixed with bytes of another process
/// (PIPE_BUF on Linux).
const PIPE_BUF: usize = 4096;

static SHARED: Shared = Shared {
    state: Mutex::new(State {
        lines: Vec::new(),
        dropped: 0,
        thread: Thread::NotStarted,
        is_flushing: false,
        is_ending: false,
    }),
    work: Condvar::new(),
    written: Condvar::new(),
};

static IS_ENABLED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static IS_WRITER: Cell<bool> = const { Cell::new(false) };
}

struct Shared {
    state: Mutex<State>,
    /// Notifies the writer thread of new lines.
    work: Condvar,
    /// Notifies [`flush`] that the lines were written.
    written: Condvar,
}

struct State {
    lines: Vec<u8>,
    dropped: u64,
    thread: Thread,
    is_flushing: bool,
    /// The process is ending, so each line is flushed at once.
    is_ending: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    NotStarted,
    /// The thread could not be started, for example because a hosting provider limits threads. Lines are written
    /// without the buffer.
    Failed,
    /// The thread waits for lines.
    Idle,
    /// The thread has just written lines, and waits while more lines are collected.
    Pausing,
    Writing,
}

/// The log of the server: each `write` is one line.
pub(super) struct Background;

impl Write for Background {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Marks this process as a server. The thread starts with the first line.
pub(super) fn enable() {
    IS_ENABLED.store(true, Ordering::Relaxed);
}

pub(super) fn is_enabled() -> bool {
    IS_ENABLED.load(Ordering::Relaxed)
}

/// Waits until all lines are written, at most for [`FLUSH_TIMEOUT`].
pub(super) fn flush() {
    let mut state = lock();
    if matches!(state.thread, Thread::NotStarted | Thread::Failed) {
        return;
    }
    state.is_flushing = true;
    SHARED.work.notify_one();
    let pending = |state: &mut State| !state.lines.is_empty() || state.thread == Thread::Writing;
    let waited = SHARED
        .written
        .wait_timeout_while(state, FLUSH_TIMEOUT, pending);
    let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
    state.is_flushing = false;
    // If stderr is blocked, do not flush further lines: each flush would only delay the exit.
    state.is_ending &= !timeout.timed_out();
}

/// Flushes the log, and flushes each later line at once, because the process can exit at any time.
pub(super) fn end() {
    lock().is_ending = true;
    flush();
}

fn lock() -> MutexGuard<'static, State> {
    SHARED.state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a line to the buffer. Never waits for stderr.
pub(super) fn push(line: &[u8]) {
    // The writer thread itself logs only the number of dropped lines. Write this line without the buffer, which may be
    // full again.
    if IS_WRITER.get() {
        let _ = write_all(line, PIPE_BUF);
        return;
    }
    let mut state = lock();
    if state.thread == Thread::NotStarted {
        state.thread = start();
    }
    if state.thread == Thread::Failed {
        drop(state);
        let _ = write_all(line, PIPE_BUF);
        return;
    }
    if state.lines.len() + line.len() > CAPACITY {
        state.dropped += 1;
        return;
    }
    state.lines.extend_from_slice(line);
    let (is_idle, is_ending) = (state.thread == Thread::Idle, state.is_ending);
    if is_idle {
        // Further lines do not have to notify the thread.
        state.thread = Thread::Pausing;
    }
    drop(state);
    if is_idle {
        SHARED.work.notify_one();
    }
    if is_ending {
        flush();
    }
}

fn start() -> Thread {
    let thread = thread::Builder::new().name("log".into());
    match thread.spawn(run) {
        Ok(_) => Thread::Pausing,
        Err(_) => Thread::Failed,
    }
}

/// Writes lines, on the writer thread.
fn run() {
    IS_WRITER.set(true);
    let max_write = max_write();
    let mut batch = Vec::new();
    let mut dropped = 0;
    loop {
        let mut state = lock();
        while state.lines.is_empty() {
            state.thread = Thread::Idle;
            state = SHARED
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.thread = Thread::Writing;
        std::mem::swap(&mut batch, &mut state.lines);
        dropped += std::mem::take(&mut state.dropped);
        drop(state);

        match write_all(&batch, max_write) {
            Ok(()) if dropped > 0 => {
                tracing::error!(
                    dropped,
                    "dropped log lines, because stderr was not read in time"
                );
                dropped = 0;
            }
            Ok(()) => {}
            // Count the lines as dropped and continue: a closed stderr must not stop the server, and a full disk can
            // have space later.
            Err(_) => dropped += batch.iter().filter(|&&b| b == b'\n').count() as u64,
        }
        batch.clear();

        let mut state = lock();
        state.thread = Thread::Pausing;
        SHARED.written.notify_all();
        let paused = SHARED
            .work
            .wait_timeout_while(state, PAUSE, |state| !state.is_flushing);
        drop(paused);
    }
}

/// The maximum number of bytes for one write to stderr. A file is written in whole batches, because a write of 4 KiB costs
/// four times as much for each byte.
fn max_write() -> usize {
    let status = rustix::fs::fstat(rustix::stdio::stderr());
    match status.map(|status| FileType::from_raw_mode(status.st_mode)) {
        Ok(FileType::RegularFile | FileType::CharacterDevice) => usize::MAX,
        _ => PIPE_BUF,
    }
}

/// Writes to the file descriptor without the lock of `std::io::stderr`. If this thread held the lock while it is
/// blocked, every `eprintln!` of the program would block too.
fn write_all(mut lines: &[u8], max_write: usize) -> Result<(), Errno> {
    while !lines.is_empty() {
        match rustix::io::write(rustix::stdio::stderr(), first_lines(lines, max_write)) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => lines = &lines[written..],
            Err(Errno::INTR) => {}
            // stderr is in non-blocking mode, for example because another process shares a terminal.
            Err(Errno::AGAIN) => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns as many whole lines as fit into one write, or the first part of a line that is too long for one write.
fn first_lines(lines: &[u8], max_write: usize) -> &[u8] {
    let Some(most) = lines.get(..max_write) else {
        return lines;
    };
    let end = most.iter().rposition(|&b| b == b'\n');
    end.map_or(most, |end| &most[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_write_contains_only_whole_lines_unless_a_line_is_longer_than_one_write() {
        assert_eq!(first_lines(b"a\nb\n", PIPE_BUF), b"a\nb\n");
        let two = [&[b'x'; 4000][..], b"\n", &[b'y'; 200], b"\n"].concat();
        assert_eq!(first_lines(&two, PIPE_BUF).len(), 4001);
        assert_eq!(first_lines(&[b'x'; 5000], PIPE_BUF).len(), PIPE_BUF);
        assert_eq!(first_lines(&two, usize::MAX).len(), two.len());
    }
}
