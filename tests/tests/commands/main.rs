//! What the command line of a program does besides serving: the commands `fetch` and `event`, which call the handler once,
//! and `--as`, which puts a simulated event source in front of it.

mod event;
mod fetch;
mod front_door;

use std::io::Write;
use std::process::{Command, Stdio};

use anyhost_conformance::probe_path;

/// The end of a command.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs a command of the probe without input.
fn run(args: &[&str]) -> Ended {
    run_with(args, &[], b"")
}

/// Runs a command of the probe with these environment variables and this input.
fn run_with(args: &[&str], vars: &[(&str, &str)], stdin: &[u8]) -> Ended {
    let mut child = Command::new(probe_path())
        .args(args)
        .env_remove("RUST_LOG")
        .env_remove("ANYHOST")
        .env("RUST_BACKTRACE", "0")
        .envs(vars.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("expected to start the probe");
    let mut pipe = child.stdin.take().expect("expected a pipe as stdin");
    // A command that does not read its input may exit before the input is written.
    let _ = pipe.write_all(stdin);
    drop(pipe);
    let output = child
        .wait_with_output()
        .expect("expected to read the output");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Creates a file in a temporary folder, which is removed with the returned value.
fn file(content: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("expected a temporary folder");
    let path = folder.path().join("input");
    std::fs::write(&path, content).expect("expected to write a file");
    let path = path.to_str().expect("expected a path in UTF-8").to_owned();
    (folder, path)
}
