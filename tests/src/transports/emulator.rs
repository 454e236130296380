//! A Lambda function under the emulator of cargo-lambda.

use anyhost::{Request, Response, async_trait};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::HttpTransport;
use crate::probe_process::{Probe, free_port, listens};
use crate::profile::Profile;
use crate::transport::Transport;

/// The probe under the emulator.
#[derive(Debug)]
pub(super) struct Emulated {
    http: HttpTransport,
    // Dropping these fields ends the emulator and the probe.
    _project: TempDir,
    _emulator: Child,
    _probe: Probe,
}

/// Starts the emulator, and the probe with these environment variables.
///
/// # Errors
/// The emulator cannot be started.
pub(super) async fn emulated(profile: &Profile, vars: &[(&str, &str)]) -> Result<Emulated, String> {
    let (project, port) = (project().map_err(|error| error.to_string())?, free_port());
    let port_text = port.to_string();
    let args = [
        "lambda",
        "watch",
        "--only-lambda-apis",
        "-A",
        "127.0.0.1",
        "-P",
        &port_text,
    ];
    let emulator = Command::new("cargo-lambda")
        .args(args)
        .current_dir(project.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cargo-lambda: {error} (tests/run installs it)"))?;
    let address: std::net::SocketAddr = ([127, 0, 0, 1], port).into();
    if !listens(address).await {
        return Err("cargo-lambda did not start to listen".to_owned());
    }
    let api = format!("http://{address}/.rt/probe");
    let mut all = vec![
        ("AWS_LAMBDA_RUNTIME_API", api.as_str()),
        ("PROBE_LINT", "1"),
    ];
    all.extend(vars);
    Ok(Emulated {
        http: HttpTransport::tcp(address, profile.clone()),
        _project: project,
        _emulator: emulator,
        _probe: Probe::start(&[], &all),
    })
}

/// The emulator reads the names of the functions from a Cargo manifest.
fn project() -> std::io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let manifest =
        "[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
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

    /// The emulator serves the function below `/lambda-url/probe`, and removes this prefix from the path.
    async fn send(&self, mut request: Request) -> Result<Response, String> {
        if request.uri().path() != "*" {
            let mut parts = request.uri().clone().into_parts();
            let target = parts
                .path_and_query
                .as_ref()
                .map_or("/", |target| target.as_str());
            let target = format!("/lambda-url/probe{target}");
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
