//! The probe as a CGI process, started by the tests with the environment and streams of a web server.
//!
//! The suite in `src/cases` tests what a request and its response show on every host. These tests need the
//! log, the exit code, signals, or the way in which a web server reads and writes.

mod deployments;
mod detection;
mod memory;
mod process;
mod request;
mod response;

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhost_conformance::probe_path;
use rustix::process::{Pid, Signal, kill_process};

/// The output and exit code of a process.
#[derive(Debug)]
struct Outcome {
    /// Everything on stdout.
    stdout: String,
    /// Everything on stderr.
    log: String,
    code: Option<i32>,
}

impl Outcome {
    fn body(&self) -> &str {
        self.stdout
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body)
    }

    fn status(&self) -> &str {
        let status = self.stdout.strip_prefix("Status: ").unwrap_or_default();
        status.get(..3).unwrap_or_default()
    }
}

/// The probe with the variables that every web server sets, and with `vars`.
fn command(vars: &[(&str, &[u8])]) -> Command {
    let mut command = Command::new(probe_path());
    command
        .env_clear()
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("SERVER_PROTOCOL", "HTTP/1.1")
        .env("REQUEST_METHOD", "GET")
        .env("SCRIPT_NAME", "/app")
        .envs(
            vars.iter()
                .map(|(name, value)| (name, OsStr::from_bytes(value))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the probe to its end. Like Apache, writes the whole body before it reads the response.
fn run(vars: &[(&str, &[u8])], stdin: &[u8]) -> Outcome {
    let mut child = command(vars).spawn().unwrap();
    let written = child.stdin.take().unwrap().write_all(stdin);
    let outcome = finish(child);
    written
        .unwrap_or_else(|error| panic!("the process did not read the body: {error}; {outcome:?}"));
    outcome
}

/// Reads the rest of the output and waits for the exit. Kills a process that hangs for a minute.
fn finish(mut child: Child) -> Outcome {
    let id = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    let (done, waiting) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if waiting.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = kill_process(id, Signal::KILL);
        }
    });
    let mut output = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut output).unwrap();
    }
    let mut log = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut log).unwrap();
    }
    let code = child.wait().unwrap().code();
    drop(done);
    watchdog.join().unwrap();
    Outcome {
        stdout: String::from_utf8_lossy(&output).into_owned(),
        log,
        code,
    }
}

fn get(path: &str) -> Outcome {
    run(&[("PATH_INFO", path.as_bytes())], b"")
}

fn post(path: &str, vars: &[(&str, &[u8])], stdin: &[u8]) -> Outcome {
    let length = stdin.len().to_string();
    let mut all: Vec<(&str, &[u8])> = vec![
        ("REQUEST_METHOD", b"POST"),
        ("PATH_INFO", path.as_bytes()),
        ("CONTENT_LENGTH", length.as_bytes()),
    ];
    all.extend(vars);
    run(&all, stdin)
}

/// Starts the probe with a request without a body, and returns while it runs.
fn spawn(vars: &[(&str, &[u8])]) -> Child {
    command(vars).stdin(Stdio::null()).spawn().unwrap()
}

/// Reads the first bytes of the response, which shows that the handler has begun.
fn read_start(child: &mut Child, bytes: usize) {
    let stdout = child.stdout.as_mut().unwrap();
    stdout.read_exact(&mut vec![0; bytes]).unwrap();
}

fn signal(child: &Child, signal: Signal) {
    let id = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}
