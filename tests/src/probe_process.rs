//! Starts the probe as a child process.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{Process, TIMEOUT};

/// The path of the program `probe`. The first call builds it.
pub fn probe_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "-p", "anyhost-conformance", "--example", "probe"]);
        build.arg("--message-format=json");
        // `cargo test` sets these variables for the tests. Some build scripts (ring) run again when the variables
        // change, and then every test run would build TLS twice.
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
            .expect("expected to start cargo");
        assert!(built.status.success(), "failed to build the probe");
        let lines = String::from_utf8(built.stdout).expect("expected UTF-8 from cargo");
        let messages = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut executables =
            messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
        executables
            .find(|path| path.ends_with("probe"))
            .expect("expected the path of the probe from cargo")
    })
}

/// A TCP port of the loopback interface that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("expected a free port");
    let address = listener.local_addr();
    address
        .expect("expected the address of the listener")
        .port()
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
pub struct Probe(Process);

impl Probe {
    /// Starts the probe with these arguments and environment variables. Variables of the current process that could
    /// select another host are not inherited.
    pub fn start(args: &[&str], vars: &[(&str, &str)]) -> Self {
        let mut command = tokio::process::Command::new(probe_path());
        command.args(args);
        Self(Process::spawn(command, vars))
    }

    /// Runs a shell script, which then replaces itself with the probe in the same process.
    pub fn start_after(script: &str, args: &[&str], vars: &[(&str, &str)]) -> Self {
        // Uses bash and not `sh`, because dash cannot redirect file descriptors above 9.
        let mut command = tokio::process::Command::new("bash");
        let script = format!("{script} && exec \"$0\" \"$@\"");
        command.args(["-c", &script]).arg(probe_path()).args(args);
        Self(Process::spawn(command, vars))
    }

    /// Waits at most ten seconds for the next line of the log that contains `part`.
    pub async fn log_line(&mut self, part: &str) -> String {
        self.0.log_line(part).await
    }

    /// The address in the next log line about a TCP listener.
    pub async fn address(&mut self) -> SocketAddr {
        let line = self.log_line("listening on http://").await;
        let (_, address) = line
            .rsplit_once("http://")
            .expect("expected a URL in the log line");
        let address = address.trim().parse();
        address.expect("expected an IP address and a port at the end of the URL")
    }

    /// The peak resident memory so far, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let status = self.proc_file("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = peak.and_then(|peak| peak.split_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .expect("expected a number in VmHWM")
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
        let content = std::fs::read_to_string(format!("/proc/{}/{name}", self.id()));
        content.expect("expected the /proc file system of Linux")
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let sent = kill_process(id.expect("expected a positive process id"), signal);
        sent.expect("expected to send a signal to the probe");
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.0.id().expect("expected the probe to run")
    }

    /// Waits at most ten seconds until the process exits.
    pub async fn exit(mut self) -> ExitStatus {
        self.0.exit().await
    }
}
