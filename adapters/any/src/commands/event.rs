//! The command `event`, which calls the handler with a Lambda event and prints what the function would send.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use anyhost_core::{Error, Handler};
use anyhost_hyper::clap;

use super::read_file;
#[cfg(feature = "lambda")]
use super::{invalid_input, next_frame, print, report};

/// Calls the handler with a Lambda event, and prints what the function would send to the Runtime API
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The settings of the function are read from the environment, as on Lambda: ANYHOST_LAMBDA_MODE=stream streams the
response. stdout has the data of the call, and stderr has its path. The exit code is 0 for a response, and 1 if the
invocation failed.")]
pub(crate) struct Event {
    /// File with the event as JSON, or - for stdin
    #[arg(value_name = "FILE")]
    file: OsString,
}

/// An event that was read from a file.
#[cfg_attr(not(feature = "lambda"), allow(dead_code))]
pub(super) struct Read {
    name: String,
    json: Vec<u8>,
}

impl Event {
    pub(super) fn read(self) -> io::Result<Read> {
        Ok(Read {
            json: read_file(&self.file)?,
            name: self.file.to_string_lossy().into_owned(),
        })
    }
}

impl Read {
    #[cfg(not(feature = "lambda"))]
    pub(super) async fn replay(self, handler: impl Handler) -> Result<ExitCode, Error> {
        drop(handler);
        Err(crate::hosts::missing_feature(crate::hosts::HostKind::Lambda).into())
    }

    /// Calls the handler, prints the call of the Runtime API, and finishes the `wait_until` work.
    ///
    /// # Errors
    /// When a setting of the function is invalid.
    #[cfg(feature = "lambda")]
    pub(super) async fn replay(self, handler: impl Handler) -> Result<ExitCode, Error> {
        use anyhost_lambda::{Function, Posted};

        let function = Function::from_env()?;
        let replay = match function.replay(handler, self.json.into()).await {
            Ok(replay) => replay,
            Err(error) => {
                let name = &self.name;
                return Ok(invalid_input(format_args!("{name} is not JSON: {error}")));
            }
        };
        let (posted, work) = replay.into_parts();
        let printed = match posted {
            Posted::Response(json) => {
                report(format_args!("POST {INVOCATION}/response"));
                print(&json).and_then(|()| print(b"\n")).map(|()| true)
            }
            Posted::Stream(body) => {
                report(format_args!("POST {INVOCATION}/response (streamed)"));
                print_stream(body).await
            }
            Posted::Error(json) => {
                report(format_args!("POST {INVOCATION}/error"));
                print(&json).and_then(|()| print(b"\n")).map(|()| false)
            }
            _ => Ok(false),
        };
        work.await;
        match printed {
            Ok(true) => Ok(ExitCode::SUCCESS),
            Ok(false) => Ok(ExitCode::FAILURE),
            Err(error) => Ok(invalid_input(format_args!(
                "cannot write to stdout: {error}"
            ))),
        }
    }
}

#[cfg(feature = "lambda")]
const INVOCATION: &str = "/2018-06-01/runtime/invocation/REQUEST-ID";

/// Prints a streamed response, with an empty line in place of the eight NUL bytes. Returns whether the response is
/// complete: a failure is in the trailers.
#[cfg(feature = "lambda")]
async fn print_stream(mut body: anyhost_core::Body) -> io::Result<bool> {
    let mut in_prelude = true;
    while let Some(frame) = next_frame(&mut body).await {
        let frame = frame.map_err(io::Error::other)?;
        match frame.into_data() {
            // The function sends the NUL bytes in a separate frame.
            Ok(data) if in_prelude && *data == [0; 8] => {
                in_prelude = false;
                print(b"\n\n")?;
            }
            Ok(data) => print(&data)?,
            Err(frame) => {
                for (name, value) in frame.into_trailers().iter().flatten() {
                    report(format_args!("{name}: {}", value.as_bytes().escape_ascii()));
                }
                return Ok(false);
            }
        }
    }
    print(b"\n")?;
    Ok(true)
}
