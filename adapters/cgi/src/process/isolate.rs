//! Preparing the process before its first thread, and detaching it from the web server at the end.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;

/// The descriptor for the response, after stdout was redirected to stderr.
static RESPONSE: Mutex<Option<File>> = Mutex::new(None);

/// Prepares this process. Call this function first in `main`, before any thread is started.
///
/// - `HTTP_PROXY` is removed. A client sets it with a `Proxy` header, and HTTP libraries would send the
///   program's own requests to that proxy ("httpoxy", CVE-2016-5385).
/// - stdout is reserved for the response. Everything else that the program prints goes to stderr, which is
///   the server's log, so `println!` cannot corrupt the response.
///
/// `anyhost::run` calls this function. A program that prints before `run` must call this function before it prints;
/// the call in `run` then has no effect.
///
/// # Errors
/// An error of the operating system if descriptors cannot be duplicated.
pub fn isolate() -> io::Result<()> {
    // `remove_var` compares every variable, and most requests do not set this one.
    if std::env::var_os("HTTP_PROXY").is_some() {
        // SAFETY: the documentation requires that no other thread exists, so no other thread can read the environment.
        unsafe { std::env::remove_var("HTTP_PROXY") };
    }
    let mut response = RESPONSE.lock().unwrap_or_else(PoisonError::into_inner);
    if response.is_none() {
        *response = Some(redirect_stdout()?);
    }
    Ok(())
}

/// Returns the descriptor from which the server reads the response.
pub(crate) fn take_response_file() -> io::Result<File> {
    let isolated = RESPONSE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match isolated {
        Some(response) => Ok(response),
        None => redirect_stdout(),
    }
}

/// Redirects stdout to stderr and returns the original stdout.
fn redirect_stdout() -> io::Result<File> {
    let stdout = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(stdout.into())
}

/// Closes all connections to the web server, so that the server treats the response as finished while the
/// process continues. Apache waits until stdout and stderr are closed. mod_cgid gives a program one socket
/// as stdin and stdout.
pub(crate) fn detach(response: &File) {
    let detach = || -> io::Result<()> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
        Ok(())
    };
    // `shutdown` fails for a pipe, for which closing the descriptor is enough.
    let _ = rustix::net::shutdown(response, rustix::net::Shutdown::Write);
    if let Err(error) = detach() {
        tracing::warn!(%error, "failed to detach from the web server, which may now wait for wait_until work");
    }
}
