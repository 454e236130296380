//! The probe under AWS's own implementation of the Lambda Runtime API, the Runtime Interface Emulator (RIE).

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::probe_process::{free_port, listens, probe_path};
use crate::process::Process;

/// The longest time that an invocation may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The path for invocations, the same as in the Lambda API ("Invoke" in the API reference).
const INVOCATIONS: &str = "/2015-03-31/functions/function/invocations";

/// The working directory of functions on Lambda.
const TASK_FOLDER: &str = "/var/task";

/// The probe as the runtime of the emulator. Dropping it kills both processes.
///
/// The emulator is part of the package `aws-sam-cli` of PyPI, which `tests/run` installs into `target/tools`.
#[derive(Debug)]
pub struct Rie {
    address: SocketAddr,
    emulator: Process,
    _folder: TempDir,
}

impl Rie {
    /// Starts the emulator with these variables, which the probe inherits.
    ///
    /// `AWS_LAMBDA_FUNCTION_TIMEOUT` is the timeout in seconds (the default is 300). `AWS_LAMBDA_MAX_CONCURRENCY`
    /// selects Lambda Managed Instances, which send this number of concurrent invocations to one process.
    ///
    /// # Errors
    /// The emulator is not installed, or does not start.
    pub async fn start(vars: &[(&str, &str)]) -> Result<Self, String> {
        let binary = binary()?;
        let folder = folder_for(&binary).map_err(|error| error.to_string())?;
        let (address, api) = (loopback(free_port()), loopback(free_port()));
        let mut command = tokio::process::Command::new(folder.path().join("rie"));
        command
            .current_dir(folder.path())
            .args([
                "--log-level",
                "warn",
                "--runtime-interface-emulator-address",
            ])
            .arg(address.to_string())
            .arg("--runtime-api-address")
            .arg(api.to_string())
            .arg(folder.path().join("bootstrap"))
            .stdout(Stdio::piped());
        let emulator = Process::spawn(command, vars);
        match listens(address).await {
            true => Ok(Self {
                address,
                emulator,
                _folder: folder,
            }),
            false => Err("the emulator of AWS did not start to listen".to_owned()),
        }
    }

    /// Invokes the function and returns what the emulator returns to the client of the Lambda API.
    ///
    /// The status is always 200. On Managed Instances, a failed invocation has the header `Error-Type`.
    ///
    /// # Errors
    /// The emulator closed the connection, or did not respond within a minute.
    pub async fn invoke(&self, event: impl Into<Bytes>) -> Result<Response<Bytes>, String> {
        self.invoke_with(event, &[]).await
    }

    /// Like [`invoke`](Self::invoke), with headers such as `X-Amzn-RequestId`.
    ///
    /// # Errors
    /// The emulator closed the connection, or did not respond within a minute.
    pub async fn invoke_with(
        &self,
        event: impl Into<Bytes>,
        headers: &[(&str, &str)],
    ) -> Result<Response<Bytes>, String> {
        let mut request = Request::post(INVOCATIONS).header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(event.into()));
        let request = request.map_err(|error| error.to_string())?;
        let exchange = async {
            let stream = TcpStream::connect(self.address).await;
            let stream = TokioIo::new(stream.map_err(|error| error.to_string())?);
            let connected = http1::handshake(stream).await;
            let (mut sender, connection) = connected.map_err(|error| error.to_string())?;
            tokio::spawn(connection);
            let response = sender.send_request(request).await;
            let (parts, body) = response.map_err(|error| error.to_string())?.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        let exchanged = tokio::time::timeout(TIMEOUT, exchange).await;
        exchanged.unwrap_or_else(|_| Err(format!("the emulator did not respond in {TIMEOUT:?}")))
    }

    /// The lines that the emulator and the probe have written to the log and no caller has read yet.
    pub fn log(&mut self) -> Vec<String> {
        self.emulator.log()
    }

    /// The process id of the probe. The emulator starts the probe at the first invocation, or immediately on
    /// Managed Instances.
    pub fn probe_id(&self) -> Option<i32> {
        let emulator = self.emulator.id()?;
        let threads = std::fs::read_dir(format!("/proc/{emulator}/task")).ok()?;
        let children = threads.filter_map(|thread| {
            let ids = std::fs::read_to_string(thread.ok()?.path().join("children")).ok()?;
            ids.split_whitespace().next()?.parse().ok()
        });
        children.last()
    }
}

impl Drop for Rie {
    /// Kills both processes, because the emulator cannot end the probe when the emulator itself is killed with SIGKILL.
    fn drop(&mut self) {
        let probe = self.probe_id().and_then(Pid::from_raw);
        self.emulator.kill();
        if let Some(probe) = probe {
            let _ = kill_process(probe, Signal::KILL);
        }
    }
}

/// The emulator for this architecture, in a Python environment whose folder `bin` is in `PATH`.
fn binary() -> Result<PathBuf, String> {
    let name = match std::env::consts::ARCH {
        "aarch64" => "aws-lambda-rie-arm64",
        arch => &format!("aws-lambda-rie-{arch}"),
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/bin"));
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push(tools.to_owned());
    let versions = folders.iter().filter_map(|bin| {
        let library = bin.parent()?.join("lib").read_dir().ok()?;
        Some(library.filter_map(Result::ok).map(|entry| entry.path()))
    });
    let mut binaries = versions
        .flatten()
        .map(|version| version.join("site-packages/samcli/local/rapid").join(name));
    binaries.find(|binary| binary.is_file()).ok_or_else(|| {
        format!(
            "{name} not found: it is part of the PyPI package aws-sam-cli, which tests/run installs"
        )
    })
}

/// A folder with the emulator (`rie`) and the program that it starts (`bootstrap`).
///
/// In the mode for Managed Instances, the emulator ignores its command line. It starts `/var/task/bootstrap` in
/// `/var/task`, which tests cannot create without root. So the copy of the emulator has another path of the same
/// length in place of each `/var/task`.
fn folder_for(binary: &Path) -> std::io::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("")
        .rand_bytes(TASK_FOLDER.len() - "/tmp/".len())
        .tempdir_in("/tmp")?;
    let path = folder.path().as_os_str().as_encoded_bytes();
    let mut emulator = std::fs::read(binary)?;
    let mut start = 0;
    while let Some(offset) = find(&emulator[start..], TASK_FOLDER.as_bytes()) {
        start += offset;
        emulator[start..start + path.len()].copy_from_slice(path);
    }
    write_program(&folder.path().join("rie"), &emulator)?;
    let bootstrap = format!("#!/bin/sh\nexec '{}'\n", probe_path().display());
    write_program(&folder.path().join("bootstrap"), bootstrap.as_bytes())?;
    Ok(folder)
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn write_program(path: &Path, content: &[u8]) -> std::io::Result<()> {
    std::fs::write(path, content)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}
