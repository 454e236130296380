//! Runs a CGI program for one request.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use super::Request;
use crate::callgrind::Count;
use crate::{Result, callgrind};

/// What a process used from its start to its end.
pub struct Usage {
    pub time: Duration,
    pub page_faults: i64,
}

/// Runs the program, and checks its response.
pub fn run(mut command: Command, request: &Request) -> Result<Usage> {
    request.configure(&mut command);
    command
        .stdin(body(request)?)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut response = Vec::with_capacity(request.body.len() + 1024);
    let page_faults = page_faults_of_children()?;
    let started = Instant::now();
    let mut child = command.spawn()?;
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_end(&mut response)?;
    }
    let status = child.wait()?;
    let usage = Usage {
        time: started.elapsed(),
        page_faults: page_faults_of_children()? - page_faults,
    };
    request.check(&response)?;
    match status.success() {
        true => Ok(usage),
        false => Err(format!("{command:?} failed with {status}").into()),
    }
}

/// The instructions from `exec` to the end of the process.
pub fn instructions(program: &Path, request: &Request) -> Result<Count> {
    let output = tempfile::NamedTempFile::new()?;
    run(callgrind::command(program, output.path()), request)?;
    callgrind::read(output.path())
}

/// A file from which the program reads the body of the request.
fn body(request: &Request) -> Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(&request.body)?;
    file.rewind()?;
    Ok(file)
}

/// Of all processes that have ended. Faults that need no disk, because the programs are in the cache of the system.
fn page_faults_of_children() -> Result<i64> {
    Ok(getrusage(UsageWho::RUSAGE_CHILDREN)?.minor_page_faults())
}
