//! A Lambda function under the emulator of cargo-lambda.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhost::{Request, Response, async_trait};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::HttpTransport;
use crate::probe_process::{Probe, free_port, listens};
use crate::profile::Profile;
use crate::transport::Transport;

/// The emulator of cargo-lambda, for one function. Dropping it ends the emulator.
///
/// `tests/run` installs cargo-lambda from PyPI into `target/tools`.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    function: String,
    _project: TempDir,
    _process: Child,
}

impl Emulator {
    /// Starts the emulator for a function with this name.
    ///
    /// # Errors
    /// The emulator is not installed, or does not start.
    pub async fn start(function: &str) -> Result<Self, String> {
        let project = project(function).map_err(|error| error.to_string())?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let process = Command::new("cargo-lambda")
            .args([
                "lambda",
                "watch",
                "--only-lambda-apis",
                "-A",
                "127.0.0.1",
                "-P",
            ])
            .arg(address.port().to_string())
            .current_dir(project.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cargo-lambda: {error} (tests/run installs it)"))?;
        match listens(address).await {
            true => Ok(Self {
                address,
                function: function.to_owned(),
                _project: project,
                _process: process,
            }),
            false => Err("cargo-lambda did not start to listen".to_owned()),
        }
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API` for the function.
    pub fn api(&self) -> String {
        format!("http://{}/.rt/{}", self.address, self.function)
    }

    /// The address at which clients reach the function, as behind a Function URL, below [`path`](Self::path).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The prefix of the paths, which the emulator removes.
    pub fn path(&self) -> String {
        format!("/lambda-url/{}", self.function)
    }
}

/// The probe under the emulator.
#[derive(Debug)]
pub(super) struct Emulated {
    http: HttpTransport,
    // Dropping these fields ends the probe and the emulator.
    _probe: Probe,
    emulator: Emulator,
}

/// Starts the emulator, and the probe with these environment variables.
///
/// # Errors
/// The emulator cannot be started.
pub(super) async fn emulated(profile: &Profile, vars: &[(&str, &str)]) -> Result<Emulated, String> {
    let emulator = Emulator::start("probe").await?;
    let api = emulator.api();
    let mut all = vec![
        ("AWS_LAMBDA_RUNTIME_API", api.as_str()),
        ("PROBE_LINT", "1"),
    ];
    all.extend(vars);
    Ok(Emulated {
        http: HttpTransport::tcp(emulator.address(), profile.clone()),
        _probe: Probe::start(&[], &all),
        emulator,
    })
}

/// The emulator reads the names of the functions from a Cargo manifest.
fn project(function: &str) -> std::io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let manifest = format!(
        "[package]\nname = \"{function}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n"
    );
    std::fs::write(folder.path().join("Cargo.toml"), manifest)?;
    std::fs::create_dir(folder.path().join("src"))?;
    std::fs::write(folder.path().join("src/main.rs"), "fn main() {}\n")?;
    Ok(folder)
}

#[async_trait]
impl Transport for Emulated {
    fn profile(&self) -> &Profile {
        self.http.profile()
    }

    /// Adds the prefix that the emulator removes from the path.
    async fn send(&self, mut request: Request) -> Result<Response, String> {
        if request.uri().path() != "*" {
            let mut parts = request.uri().clone().into_parts();
            let target = parts
                .path_and_query
                .as_ref()
                .map_or("/", |target| target.as_str());
            let target = format!("{}{target}", self.emulator.path());
            parts.path_and_query = Some(
                target
                    .parse()
                    .map_err(|_| format!("invalid request target {target:?}"))?,
            );
            *request.uri_mut() = parts
                .try_into()
                .map_err(|_| format!("invalid request target {target:?}"))?;
        }
        self.http.send(request).await
    }
}
