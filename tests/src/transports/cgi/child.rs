//! A CGI program in a new process.

use std::io;
use std::process::Stdio;

use anyhost::{Request, Response, async_trait};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::{environment, response};
use crate::probe_process::probe_path;
use crate::profile::Profile;
use crate::profiles::CGI_CHILD;
use crate::transport::Transport;

/// The probe as a CGI program, with a new process for each request.
#[derive(Debug, Default)]
pub struct CgiChild(());

impl CgiChild {
    /// Builds the program `probe` if necessary.
    pub fn new() -> Self {
        probe_path();
        Self(())
    }
}

#[async_trait]
impl Transport for CgiChild {
    fn profile(&self) -> &Profile {
        &CGI_CHILD
    }

    async fn send(&self, request: Request) -> Result<Response, String> {
        let (variables, body) = environment::of(request, &CGI_CHILD.base_path).await?;
        let mut child = Command::new(probe_path())
            .env_clear()
            .envs(variables)
            .env("PROBE_LINT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            tokio::spawn(async move {
                // The program may exit before it has read the whole body, so ignore a write error.
                let _ = stdin.write_all(&body).await;
            });
        }
        let (sender, output) = mpsc::channel(1);
        tokio::spawn(async move {
            // The exit status is the only sign of an aborted response.
            if let Err(error) = forward(&mut child, &sender).await {
                let _ = sender.send(Err(error)).await;
            }
        });
        response::read(output).await
    }
}

async fn forward(
    child: &mut Child,
    sender: &mpsc::Sender<io::Result<bytes::Bytes>>,
) -> io::Result<()> {
    if let Some(stdout) = &mut child.stdout {
        let mut block = BytesMut::with_capacity(65_536);
        while stdout.read_buf(&mut block).await? > 0 {
            if sender.send(Ok(block.split().freeze())).await.is_err() {
                return Ok(());
            }
            block.reserve(65_536);
        }
    }
    let status = child.wait().await?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(status.to_string())),
    }
}
