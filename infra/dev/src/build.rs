//! Builds the program with cargo.

use std::io::{self, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use cargo_metadata::{Message, Metadata, MetadataCommand, TargetKind};
use rustix::process::{Pid, Signal, kill_process};

use crate::Error;
use crate::options::CargoOptions;
use crate::supervisor::Event;

/// A build in progress.
pub(crate) struct Build {
    pid: Pid,
}

impl Build {
    /// Starts cargo. [`Event::Built`] follows, with the path of the program, or with an error. cargo prints the errors
    /// of the compiler itself.
    pub(crate) fn start(options: &CargoOptions, events: Sender<Event>) -> io::Result<Self> {
        let mut command = Command::new(cargo());
        command
            .args(["build", "--message-format=json-render-diagnostics"])
            .args(options.to_args())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let cargo = command.spawn()?;
        let pid = Pid::from_child(&cargo);
        thread::spawn(move || {
            // Sending fails only if the receiver was dropped, because this process is exiting.
            let _ = events.send(Event::Built(finish(cargo)));
        });
        Ok(Self { pid })
    }

    pub(crate) fn cancel(&self) {
        // If the process has just ended, there is nothing to cancel.
        let _ = kill_process(self.pid, Signal::TERM);
    }
}

/// The cargo that started this process, so that both are of the same toolchain.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Reads the messages of cargo until it ends. Returns the path of the program.
fn finish(mut cargo: Child) -> Result<PathBuf, Error> {
    let mut programs = Vec::new();
    if let Some(stdout) = cargo.stdout.take() {
        for message in Message::parse_stream(BufReader::new(stdout)) {
            if let Message::CompilerArtifact(artifact) = message?
                && artifact.target.kind.iter().any(is_program)
                && let Some(executable) = artifact.executable
            {
                programs.push(executable.into_std_path_buf());
            }
        }
    }
    if !cargo.wait()?.success() {
        return Err("the build failed".into());
    }
    match programs.as_slice() {
        [program] => Ok(program.clone()),
        [] => Err("the package has no program".into()),
        several => {
            let names = several.iter().filter_map(|path| path.file_name());
            let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
            let names = names.join(", ");
            Err(format!("several programs were built ({names}): choose one with --bin").into())
        }
    }
}

fn is_program(kind: &TargetKind) -> bool {
    matches!(kind, TargetKind::Bin | TargetKind::Example)
}

/// The packages of the workspace and their dependencies.
pub(crate) fn metadata() -> Result<Metadata, Error> {
    let metadata = MetadataCommand::new().exec();
    metadata.map_err(|error| error.to_string().trim_end().into())
}
