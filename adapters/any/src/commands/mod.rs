//! The commands of a program: they call the handler once, print what it returns, and exit.

mod event;
mod fetch;

use std::ffi::OsStr;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::process::ExitCode;

use anyhost_core::bytes::Bytes;
use anyhost_core::{Body, BoxError, Error, IntoHandler};
use anyhost_hyper::clap;
use http_body::{Body as _, Frame};
use tokio::runtime::Builder;

use crate::hosts::{block_on, build_handler};

/// A command of the program.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Fetch(fetch::Fetch),
    Event(event::Event),
}

impl Command {
    /// Builds the handler, and runs the command. The exit code is that of the command, or 2 if its input is invalid.
    ///
    /// # Errors
    /// When the handler cannot be built.
    pub(crate) fn run<K, H, E>(
        self,
        build: impl AsyncFnOnce() -> Result<H, E>,
    ) -> Result<ExitCode, Error>
    where
        H: IntoHandler<K>,
        E: Into<Error>,
    {
        // The input is read before the handler is built, so that a wrong path of a file is reported at once.
        match self {
            Self::Fetch(fetch) => match fetch.into_request() {
                Ok(request) => block_on(Builder::new_multi_thread(), async {
                    let handler = build_handler(build).await?;
                    Ok(request.send(handler.into_handler()).await)
                }),
                Err(error) => Ok(invalid_input(error)),
            },
            Self::Event(event) => match event.read() {
                Ok(event) => block_on(Builder::new_multi_thread(), async {
                    let handler = build_handler(build).await?;
                    event.replay(handler.into_handler()).await
                }),
                Err(error) => Ok(invalid_input(error)),
            },
        }
    }
}

/// Reports invalid input of a command in the form in which clap reports an invalid command line.
pub(crate) fn invalid_input(error: impl fmt::Display) -> ExitCode {
    report(format_args!("error: {error}"));
    ExitCode::from(2)
}

/// Writes a line to stderr. If the write fails, there is no place to report the error.
fn report(line: fmt::Arguments<'_>) {
    // One write, because another thread may write lines of the log at the same time.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Reads a file, or stdin if the path is `-`.
fn read_file(path: &OsStr) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = match path == "-" {
        true => io::stdin().read_to_end(&mut bytes).map(|_| ()),
        false => std::fs::read(path).map(|read| bytes = read),
    };
    match read {
        Ok(()) => Ok(bytes),
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.to_string_lossy());
            Err(io::Error::new(error.kind(), message))
        }
    }
}

/// Writes bytes to stdout at once, so that each chunk of a streamed body is visible when it arrives.
fn print(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// The next frame of a body; `None` at its end.
async fn next_frame(body: &mut Body) -> Option<Result<Frame<Bytes>, BoxError>> {
    poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}
