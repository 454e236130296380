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

/// The time limit for everything that a running probe is expected to do.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The path of the program `probe`. The first call builds it.
pub fn probe_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "-p", "anyhost-conformance", "--example", "probe"]);
        build.arg("--message-format=json");
        // `cargo test` sets these variables for the tests. Some build scripts (ring) run again when they change, and
        // then every test run would build TLS twice.
        for (name, _) in std::env::vars_os() {
            let of_package = [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_BIN_",
                "CARGO_CRATE_",
            ];
            let text = name.to_string_lossy();
            if of_package.iter().any(|prefix| text.starts_with(prefix)) {
                build.env_remove(name);
            }
        }
        let built = build
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo can be started");
        assert!(built.status.success(), "failed to build the probe");
        let lines = String::from_utf8(built.stdout).expect("cargo writes UTF-8");
        let messages = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut executables =
            messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
        executables
            .find(|path| path.ends_with("probe"))
            .expect("cargo reports the path of the probe")
    })
}

/// A TCP port of the loopback interface that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr();
    address.expect("a listener has an address").port()
}

/// Waits at most ten seconds until a process listens at the address.
pub async fn wait_for(address: SocketAddr) {
    assert!(listens(address).await, "no process listens at {address}");
}

/// Whether a process listens at the address within ten seconds.
pub(crate) async fn listens(address: SocketAddr) -> bool {
    let connected = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, connected).await.is_ok()
}

/// A running probe. Dropping it kills the process.
#[derive(Debug)]
pub struct Probe {
    child: Child,
    log: mpsc::UnboundedReceiver<String>,
}

impl Probe {
    /// Starts the probe with these arguments and environment variables. Variables of the current process that could
    /// select another host are not inherited.
    pub fn start(args: &[&str], vars: &[(&str, &str)]) -> Self {
        Self::spawn(tokio::process::Command::new(probe_path()), args, vars)
    }

    /// Runs a shell script, which then replaces itself with the probe in the same process.
    pub fn start_after(script: &str, args: &[&str], vars: &[(&str, &str)]) -> Self {
        // Not `sh`: dash cannot redirect file descriptors above 9.
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
            .expect("the probe can be started");
        let stderr = child.stderr.take().expect("stderr is piped");
        let (lines, log) = mpsc::unbounded_channel();
        // Read even if no test waits for a line: the probe would block on a full pipe.
        tokio::spawn(async move {
            let mut stderr = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = stderr.next_line().await {
                let _ = lines.send(line);
            }
        });
        Self { child, log }
    }

    /// Waits at most ten seconds for the next line of the log that contains `part`.
    pub async fn log_line(&mut self, part: &str) -> String {
        let found = async {
            while let Some(line) = self.log.recv().await {
                if line.contains(part) {
                    return line;
                }
            }
            panic!("the probe exited without a log line that contains {part:?}")
        };
        let found = tokio::time::timeout(TIMEOUT, found).await;
        found.unwrap_or_else(|_| panic!("timed out: no log line contains {part:?}"))
    }

    /// The address in the next log line about a TCP listener.
    pub async fn address(&mut self) -> SocketAddr {
        let line = self.log_line("listening on http://").await;
        let (_, address) = line.rsplit_once("http://").expect("the line has a URL");
        let address = address.trim().parse();
        address.expect("the URL has an address")
    }

    /// The peak resident memory so far, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = self.proc_file("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = peak.and_then(|peak| peak.split_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .expect("VmHWM is a number")
    }

    /// The processor time so far, in clock ticks (1/100 s).
    pub fn processor_ticks(&self) -> u64 {
        let stat = self.proc_file("stat");
        // The fields utime (14) and stime (15), counted after the name, which may contain spaces (proc_pid_stat(5)).
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let times = fields.split_whitespace().skip(11).take(2);
        times.filter_map(|time| time.parse::<u64>().ok()).sum()
    }

    fn proc_file(&self, name: &str) -> String {
        let id = self.child.id().expect("the probe is running");
        let content = std::fs::read_to_string(format!("/proc/{id}/{name}"));
        content.expect("Linux has /proc")
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
        let sent = kill_process(id.expect("the probe is running"), signal);
        sent.expect("the probe can be signalled");
    }

    /// Waits at most ten seconds until the process exits.
    pub async fn exit(mut self) -> ExitStatus {
        let exited = tokio::time::timeout(TIMEOUT, self.child.wait()).await;
        let status = exited.expect("the probe exits in time");
        status.expect("the probe can be waited for")
    }
}
