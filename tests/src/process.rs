//! A child process whose log tests can read.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// The time limit for each step of a running process.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// A running process. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: mpsc::UnboundedReceiver<String>,
}

impl Process {
    /// Starts a program with these environment variables. Variables of the current process that could select another
    /// host for the probe are not inherited. The log is standard error, and standard output if that is a pipe.
    pub(crate) fn spawn(mut command: Command, vars: &[(&str, &str)]) -> Self {
        for var in [
            "PORT",
            "HOST",
            "ANYHOST",
            "ANYHOST_ENV",
            "RUST_LOG",
            "GATEWAY_INTERFACE",
        ] {
            command.env_remove(var);
        }
        let mut child = command
            .envs(vars.iter().copied())
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("expected to start the program");
        let (lines, log) = mpsc::unbounded_channel();
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(forward(stdout, lines.clone()));
        }
        let stderr = child.stderr.take().expect("expected a pipe as stderr");
        tokio::spawn(forward(stderr, lines));
        Self { child, log }
    }

    /// Waits at most ten seconds for the next line of the log that contains `part`.
    pub(crate) async fn log_line(&mut self, part: &str) -> String {
        let found = async {
            while let Some(line) = self.log.recv().await {
                if line.contains(part) {
                    return line;
                }
            }
            panic!("the process exited without a log line that contains {part:?}")
        };
        let found = tokio::time::timeout(TIMEOUT, found).await;
        found.unwrap_or_else(|_| panic!("timed out: no log line contains {part:?}"))
    }

    /// The lines of the log that the process has written and no caller has read yet.
    pub(crate) fn log(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.log.try_recv().ok()).collect()
    }

    /// The process id, unless the process has exited.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.start_kill();
    }

    /// Waits at most ten seconds until the process exits.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let exited = tokio::time::timeout(TIMEOUT, self.child.wait()).await;
        let status = exited.expect("expected the process to exit within the timeout");
        status.expect("expected the exit status of the process")
    }
}

/// Reads the log even if no test waits for a line, because otherwise the process would block on a full pipe.
async fn forward(log: impl AsyncRead + Unpin, lines: mpsc::UnboundedSender<String>) {
    let mut log = BufReader::new(log).lines();
    while let Ok(Some(line)) = log.next_line().await {
        let _ = lines.send(line);
    }
}
