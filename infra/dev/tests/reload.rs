//! Changes the source of a small program while a client sends requests without a pause.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The time limit of each step. The first step compiles anyhost.
const TIMEOUT: Duration = Duration::from_secs(280);

#[test]
fn each_change_is_served_without_a_lost_request_and_a_failed_build_or_start_changes_nothing() {
    let project = Project::new();
    project.write("src/main.rs", &program(r#""one""#));
    let mut command = DevCommand::start(project.path());
    let address = command.address();
    // The connections wait in the queue of the socket until the first build is complete.
    let mut client = Client::start(address);
    client.wait_for("one");

    project.write("src/main.rs", &program(r#""two""#));
    client.wait_for("two");
    command.wait_for("server stopped");
    client.expect_next("two");

    project.write("src/main.rs", "fn main( {");
    command.wait_for("error: ");
    command.wait_for("the build failed; the last good program continues to serve");
    client.expect_next("two");

    project.write("src/main.rs", "fn main() { std::process::exit(3) }");
    command.wait_for("ended at its start (exit status: 3); the last good program");
    client.expect_next("two");

    let greeting = r#"std::env::var("GREETING").unwrap_or_default()"#;
    project.write("src/main.rs", &program(greeting));
    client.wait_for("");
    project.write(".env", "GREETING=hello");
    client.wait_for("hello");

    client.stop();
    command.stop();
}

/// A program that responds with the value of an expression.
fn program(expression: &str) -> String {
    format!("fn main() -> std::process::ExitCode {{ anyhost::run(|| async {{ {expression} }}) }}")
}

/// A package in a temporary folder.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let this = Self(tempfile::tempdir().unwrap());
        let anyhost = workspace.join("adapters/any");
        let manifest = format!(
            "[package]\nname = \"reload\"\nedition = \"2024\"\n\n[dependencies.anyhost]\npath = {anyhost:?}\n\
             default-features = false\nfeatures = [\"http\"]\n\n[profile.dev]\ndebug = false\n"
        );
        fs::create_dir(this.path().join("src")).unwrap();
        this.write("Cargo.toml", &manifest);
        // The versions of the workspace are downloaded already.
        fs::copy(workspace.join("Cargo.lock"), this.path().join("Cargo.lock")).unwrap();
        this
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).unwrap();
    }
}

/// A running `cargo anyhost-dev`.
struct DevCommand {
    child: Child,
    /// The lines of stderr, which the program shares.
    lines: Receiver<String>,
}

impl DevCommand {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cargo-anyhost-dev"))
            .args(["anyhost-dev", "--host", "127.0.0.1", "--port", "0"])
            .current_dir(folder)
            // A later run of this test finds the dependencies compiled.
            .env(
                "CARGO_TARGET_DIR",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/reload"),
            )
            .env_remove("GREETING")
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                eprintln!("{line}");
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    fn wait_for(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(TIMEOUT);
            let line = line.unwrap_or_else(|_| panic!("no line contains {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    fn address(&self) -> SocketAddr {
        let line = self.wait_for("local: http://localhost:");
        let (_, port) = line.rsplit_once(':').unwrap();
        SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
    }

    /// The process and all processes of the program end.
    fn stop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        // stderr is closed when the last process has ended.
        while self.lines.recv_timeout(TIMEOUT).is_ok() {}
    }
}

/// After a failed test, lets the processes of the program end.
impl Drop for DevCommand {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A client that sends requests without a pause, on a new connection after every tenth request.
struct Client {
    bodies: Receiver<String>,
    is_stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Client {
    fn start(address: SocketAddr) -> Self {
        let (sender, bodies) = channel();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = is_stopped.clone();
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let mut connection = connect(address);
                for _ in 0..10 {
                    let (body, is_last) = get(&mut connection);
                    // The main thread may have failed.
                    let _ = sender.send(body);
                    if is_last {
                        break;
                    }
                }
            }
        });
        Self {
            bodies,
            is_stopped,
            thread,
        }
    }

    /// Waits until a response has this body.
    fn wait_for(&mut self, expected: &str) {
        loop {
            let body = self.bodies.recv_timeout(TIMEOUT);
            let body = body.unwrap_or_else(|error| panic!("no response {expected:?}: {error}"));
            if body == expected {
                return;
            }
        }
    }

    /// The next responses have this body. Responses that were received before this call are skipped.
    fn expect_next(&mut self, expected: &str) {
        while self.bodies.try_recv().is_ok() {}
        for _ in 0..20 {
            let body = self.bodies.recv_timeout(TIMEOUT).unwrap();
            assert_eq!(body, expected);
        }
    }

    /// Fails if any request got no response.
    fn stop(self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    BufReader::new(stream)
}

/// Sends a request and reads its response. Returns the body, and whether the server closes the connection.
fn get(connection: &mut BufReader<TcpStream>) -> (String, bool) {
    connection
        .get_mut()
        .write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        .unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let length = connection.read_line(&mut head).unwrap();
        assert_ne!(length, 0, "the connection was closed after {head:?}");
    }
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse().ok())
        .unwrap();
    let mut body = vec![0; length];
    connection.read_exact(&mut body).unwrap();
    let is_last = head.contains("connection: close");
    (String::from_utf8(body).unwrap(), is_last)
}
