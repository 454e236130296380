//! The probe as a process.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::mpsc;

/// The probe's binary, built if it is not yet.
pub fn probe_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args([
                "build",
                "-p",
                "anyhost-conformance",
                "--example",
                "probe",
                "--message-format=json",
            ])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(built.status.success(), "the probe does not build");
        let lines = String::from_utf8(built.stdout).expect("cargo writes UTF-8");
        let messages = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut executables =
            messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
        executables
            .find(|path| path.ends_with("probe"))
            .expect("cargo names the executable")
    })
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

/// Waits until something listens there, for at most ten seconds.
pub async fn wait_for(address: SocketAddr) {
    assert!(listens(address).await, "nothing listens on {address}");
}

pub(crate) async fn listens(address: SocketAddr) -> bool {
    let connected = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let connected = tokio::time::timeout(Duration::from_secs(10), connected);
    connected.await.is_ok()
}

/// A running probe. It is killed when dropped.
#[derive(Debug)]
pub struct Probe {
    child: Child,
    log: mpsc::UnboundedReceiver<String>,
}

impl Probe {
    /// Starts the probe with these arguments and variables, and with none that would tell it of another
    /// host.
    pub fn start(args: &[&str], vars: &[(&str, &str)]) -> Self {
        Self::spawn(tokio::process::Command::new(probe_path()), args, vars)
    }

    /// Starts it from a shell that has run this script first, in the same process.
    pub fn start_after(script: &str, args: &[&str], vars: &[(&str, &str)]) -> Self {
        // Not sh: dash knows no descriptors above 9.
        let mut command = tokio::process::Command::new("bash");
        let script = format!("{script} && exec \"$0\" \"$@\"");
        command.args(["-c", &script]).arg(probe_path());
        Self::spawn(command, args, vars)
    }

    fn spawn(mut command: tokio::process::Command, args: &[&str], vars: &[(&str, &str)]) -> Self {
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
            .args(args)
            .envs(vars.iter().copied())
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the probe starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let (lines, log) = mpsc::unbounded_channel();
        // Read on also while nobody asks: a log that is full would stop the probe.
        tokio::spawn(async move {
            let mut stderr = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = stderr.next_line().await {
                let _ = lines.send(line);
            }
        });
        Self { child, log }
    }

    /// The next line of the log with this in it, for at most ten seconds.
    pub async fn log_line(&mut self, part: &str) -> String {
        let found = async {
            while let Some(line) = self.log.recv().await {
                if line.contains(part) {
                    return line;
                }
            }
            panic!("the probe ended without logging {part:?}")
        };
        let found = tokio::time::timeout(Duration::from_secs(10), found).await;
        found.unwrap_or_else(|_| panic!("the probe did not log {part:?}"))
    }

    /// The address in the next line of the log that names one.
    pub async fn address(&mut self) -> SocketAddr {
        let line = self.log_line("listening on http://").await;
        let (_, address) = line.rsplit_once("http://").expect("it is a URL");
        address.trim().parse().expect("it is an address")
    }

    /// The most memory that it has held so far, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let id = self.child.id().expect("the probe runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("Linux tells");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = peak.and_then(|peak| peak.split_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .expect("it is a number")
    }

    /// How much processor time it has had, in clock ticks (1/100 s).
    pub fn processor_ticks(&self) -> u64 {
        let id = self.child.id().expect("the probe runs");
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("Linux tells");
        // Behind the name, which may hold anything: utime and stime are the 14th and 15th field.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let times = fields.split_whitespace().skip(11).take(2);
        times.filter_map(|time| time.parse::<u64>().ok()).sum()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(id.expect("the probe runs"), signal).expect("it can be signalled");
    }

    /// Waits for the end, for at most ten seconds.
    pub async fn exit(mut self) -> ExitStatus {
        let ended = tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await;
        ended
            .expect("the probe ends")
            .expect("it can be waited for")
    }
}
