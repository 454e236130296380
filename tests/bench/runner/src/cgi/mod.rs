//! CGI programs, from the start to the end of the process.

mod request;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use request::Request;

use crate::callgrind::Count;
use crate::{Result, callgrind, programs, table};

pub fn measure() -> Result {
    let mut rows = Vec::new();
    let mut row = vec!["anyhost".to_owned()];
    for request in [Request::hello(), Request::echo(1 << 20)] {
        let program = anyhost(&request)?;
        row.push(table::grouped(instructions(&program, &request)?.total()));
    }
    rows.push(row);
    table::print(
        "CGI: instructions of a process",
        &["program", "hello", "echo of 1 MB"],
        &rows,
    );
    Ok(())
}

/// Builds the program of anyhost for this request.
pub fn anyhost(request: &Request) -> Result<PathBuf> {
    programs::build_static("peer-anyhost", request.program)
}

/// The instructions from `exec` to the end of the process.
pub fn instructions(program: &Path, request: &Request) -> Result<Count> {
    let output = tempfile::NamedTempFile::new()?;
    run(callgrind::command(program, output.path()), request)?;
    callgrind::read(output.path())
}

/// Runs the program for one request, and checks its response.
fn run(mut command: Command, request: &Request) -> Result {
    request.configure(&mut command);
    command
        .stdin(body(request)?)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn()?;
    let mut response = Vec::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_end(&mut response)?;
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("{command:?} failed with {status}").into());
    }
    request.check(&response)
}

/// A file from which the program reads the body of the request.
fn body(request: &Request) -> Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(&request.body)?;
    file.rewind()?;
    Ok(file)
}
