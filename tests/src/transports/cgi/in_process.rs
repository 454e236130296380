//! A CGI program in this process.

use std::fmt;
use std::io::{self, Cursor, Write};
use std::sync::Arc;

use anyhost::cgi::{Environment, Outcome, Program};
use anyhost::{Handler, IntoHandler, Request, Response, async_trait};
use anyhost_core::adapter::finish_after_response;
use bytes::Bytes;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{environment, response};
use crate::profile::Profile;
use crate::profiles::CGI_IN_PROCESS;
use crate::transport::Transport;

/// The CGI adapter with an environment and standard streams in memory.
pub struct CgiInProcess(Arc<dyn Handler>);

impl CgiInProcess {
    /// Creates a new probe.
    pub fn new() -> Self {
        Self::of(crate::app())
    }

    /// Calls another application than the probe.
    pub fn of<K>(app: impl IntoHandler<K>) -> Self {
        Self(Arc::new(app.into_handler()))
    }
}

impl Default for CgiInProcess {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CgiInProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CgiInProcess(..)")
    }
}

#[async_trait]
impl Transport for CgiInProcess {
    fn profile(&self) -> &Profile {
        &CGI_IN_PROCESS
    }

    async fn send(&self, request: Request) -> Result<Response, String> {
        let (variables, stdin) = environment::of(request, &CGI_IN_PROCESS.base_path).await?;
        let (sender, output) = mpsc::channel(PIPE);
        let (handler, stdout) = (self.0.clone(), Stdout(sender.clone()));
        tokio::spawn(async move {
            let environment = Environment::new(variables);
            let exchange =
                Program::new().exchange(handler, environment, Cursor::new(stdin), stdout);
            let (context, outcome) = exchange.await;
            if outcome == Outcome::Aborted {
                let _ = sender.send(Err(io::Error::other("response aborted"))).await;
            }
            drop(sender);
            finish_after_response(&context, std::future::pending()).await;
        });
        response::read(output).await
    }
}

/// The number of writes that fit into the simulated pipe before the program has to wait.
const PIPE: usize = 4;

struct Stdout(mpsc::Sender<io::Result<Bytes>>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The adapter writes short output on the thread of the runtime, which must not block. Such output fits into the channel.
        let bytes = Bytes::copy_from_slice(bytes);
        let sent = match self.0.try_send(Ok(bytes.clone())) {
            Err(TrySendError::Full(chunk)) => self.0.blocking_send(chunk).is_ok(),
            sent => sent.is_ok(),
        };
        if !sent {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
