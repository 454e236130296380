//! The probe as a child process whose environment block may contain a name twice. `std::process::Command`
//! does not allow this.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::thread;

use bytes::Bytes;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::Stdin;
use crate::probe_process::probe_path;

/// A running probe. Dropping it kills the process, unless it has exited.
pub(super) struct Child {
    id: Option<Pid>,
    log: File,
}

/// The exit of a child process. Another thread can wait for this exit.
pub(super) struct End(Option<Pid>);

/// The server's ends of the standard streams.
pub(super) struct Server {
    stdin: Option<Stream>,
    stdout: Stream,
}

enum Stream {
    Pipe(File),
    Socket(UnixStream),
}

impl Child {
    /// Starts the program. If standard input is a file, it contains the complete body from the start.
    pub(super) fn start(
        stdin: Stdin,
        arguments: &[Vec<u8>],
        variables: &[(String, Vec<u8>)],
        body: &[u8],
    ) -> io::Result<(Self, Server)> {
        let log = tempfile::tempfile()?;
        let (streams, server) = streams(stdin, body)?;
        let program = CString::new(probe_path().as_os_str().as_bytes())?;
        let mut actions = PosixSpawnFileActions::init()?;
        actions.add_dup2(streams.0.as_raw_fd(), 0)?;
        actions.add_dup2(streams.1.as_raw_fd(), 1)?;
        actions.add_dup2(log.as_raw_fd(), 2)?;
        let mut args = vec![program.clone()];
        for argument in arguments {
            args.push(CString::new(argument.clone())?);
        }
        let mut environment = Vec::new();
        for (name, value) in variables {
            environment.push(CString::new([name.as_bytes(), b"=", value].concat())?);
        }
        let attributes = PosixSpawnAttr::init()?;
        let id = posix_spawn(&*program, &actions, &attributes, &args, &environment)?;
        let id = Pid::from_raw(id.as_raw());
        Ok((Self { id, log }, server))
    }

    pub(super) fn end(&self) -> End {
        End(self.id)
    }

    /// Records that the process has exited, so that dropping the child does not kill a later process with the same id.
    pub(super) fn set_exited(&mut self) {
        self.id = None;
    }

    /// The output of the program on standard error so far.
    pub(super) fn log(&self) -> String {
        let mut log = String::new();
        let read = (&self.log)
            .rewind()
            .and_then(|()| (&self.log).read_to_string(&mut log));
        match read {
            Ok(_) => log,
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let _ = kill_process(id, Signal::KILL);
            let _ = End(self.id).wait();
        }
    }
}

impl End {
    pub(super) fn wait(self) -> Result<(), String> {
        match waitpid(self.0, WaitOptions::empty()) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("failed to wait for the program: {error}")),
        }
    }
}

fn streams(stdin: Stdin, body: &[u8]) -> io::Result<((OwnedFd, OwnedFd), Server)> {
    if stdin == Stdin::Socket {
        let (ours, theirs) = UnixStream::pair()?;
        let server = Server {
            stdin: Some(Stream::Socket(ours.try_clone()?)),
            stdout: Stream::Socket(ours),
        };
        return Ok(((theirs.try_clone()?.into(), theirs.into()), server));
    }
    let (stdout, theirs) = io::pipe()?;
    let stdout = Stream::Pipe(File::from(OwnedFd::from(stdout)));
    if stdin == Stdin::File {
        let mut file = tempfile::tempfile()?;
        file.write_all(body)?;
        file.rewind()?;
        let server = Server {
            stdin: None,
            stdout,
        };
        return Ok(((file.into(), theirs.into()), server));
    }
    let (read, write) = io::pipe()?;
    let server = Server {
        stdin: Some(Stream::Pipe(File::from(OwnedFd::from(write)))),
        stdout,
    };
    Ok(((read.into(), theirs.into()), server))
}

impl Server {
    /// Writes the body and reads the response, one after the other or at the same time. Then closes standard input, or
    /// keeps it open until the response is complete.
    pub(super) fn exchange(
        mut self,
        body: Bytes,
        writes_first: bool,
        open: bool,
    ) -> Result<Vec<u8>, String> {
        let stdin = self.stdin.take();
        let write = move || send(stdin, &body, open);
        if writes_first {
            let kept = write().map_err(|error| format!("failed to write the body: {error}"))?;
            let response = self.receive();
            drop(kept);
            return response;
        }
        let writer = thread::spawn(write);
        let response = self.receive();
        // A program may ignore the rest of a body, so a write error is not a failure here.
        let _ = writer.join();
        response
    }

    fn receive(mut self) -> Result<Vec<u8>, String> {
        let mut response = Vec::new();
        let read = match &mut self.stdout {
            Stream::Pipe(pipe) => pipe.read_to_end(&mut response),
            Stream::Socket(socket) => socket.read_to_end(&mut response),
        };
        match read {
            Ok(_) => Ok(response),
            Err(error) => Err(format!("failed to read the response: {error}")),
        }
    }
}

/// Writes the body. Returns the stream if it must stay open.
fn send(stdin: Option<Stream>, body: &[u8], open: bool) -> io::Result<Option<Stream>> {
    let Some(mut stdin) = stdin else {
        return Ok(None);
    };
    match &mut stdin {
        Stream::Pipe(pipe) => pipe.write_all(body)?,
        Stream::Socket(socket) => socket.write_all(body)?,
    }
    if open {
        return Ok(Some(stdin));
    }
    if let Stream::Socket(socket) = &stdin {
        socket.shutdown(Shutdown::Write)?;
    }
    Ok(None)
}
