//! The Node process that serves micro's services.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::Outcome;
use crate::exchange::PATIENCE;
use crate::requests::Target;

/// A running process. Dropping it ends the process.
pub(crate) struct Micro {
    child: Mutex<Child>,
    ports: Ports,
}

#[derive(Deserialize)]
struct Ports {
    services: u16,
    routes: u16,
    site: u16,
}

impl Micro {
    /// Starts `server.js` in `folder`, and waits until it listens.
    pub(crate) async fn start(folder: &Path) -> Outcome<Self> {
        let mut child = Command::new("node")
            .arg("server.js")
            .current_dir(folder)
            .env_remove("NODE_ENV")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // micro prints the stack of every error.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("node has no stdout")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let line = line.ok_or("server.js ended before it printed its ports")?;
        Ok(Self {
            child: Mutex::new(child),
            ports: serde_json::from_str(&line)?,
        })
    }

    pub(crate) fn address(&self, target: Target) -> SocketAddr {
        let port = match target {
            Target::Services => self.ports.services,
            Target::Routes => self.ports.routes,
            Target::Site => self.ports.site,
        };
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Whether the process has exited, or exits soon after it closed a connection.
    pub(crate) async fn has_exited(&self) -> bool {
        timeout(PATIENCE, self.child.lock().await.wait())
            .await
            .is_ok()
    }
}
