//! Making a process fit to be a CGI program. It has to happen before the first thread.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;

/// The reply's own descriptor, once stdout was taken away from everyone else.
static REPLY: Mutex<Option<File>> = Mutex::new(None);

/// Prepares this process. Call it first in `main`, before any thread is started.
///
/// - `HTTP_PROXY` is removed. A client sets it with a `Proxy` header, and HTTP libraries would send
///   the program's own requests there ("httpoxy", CVE-2016-5385).
/// - stdout becomes the reply's alone. Whatever else is printed goes to stderr, which is the
///   server's log, so a `println!` cannot corrupt the reply.
///
/// # Errors
/// When descriptors cannot be duplicated.
pub fn isolate() -> io::Result<()> {
    // SAFETY: no other thread can read the environment yet; the caller is told so.
    unsafe { std::env::remove_var("HTTP_PROXY") };
    let reply = take_stdout()?;
    REPLY
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .replace(reply);
    Ok(())
}

/// The descriptor that the server reads the reply from.
pub(crate) fn reply() -> io::Result<File> {
    match REPLY.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(reply) => Ok(reply),
        None => take_stdout(),
    }
}

fn take_stdout() -> io::Result<File> {
    let reply = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(reply.into())
}

/// Lets go of the server, so that it takes the reply for finished. Apache waits for the end of stdout
/// and of stderr, and mod_cgid gives a child one socket for stdin and stdout both.
pub(crate) fn detach(reply: &File) {
    let detach = || -> io::Result<()> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
        Ok(())
    };
    // Not a socket: then closing it is enough.
    let _ = rustix::net::shutdown(reply, rustix::net::Shutdown::Write);
    if let Err(error) = detach() {
        tracing::warn!(%error, "the server may wait for work after the reply");
    }
}
