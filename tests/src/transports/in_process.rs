//! A function call.

use anyhost::testing::Client;
use anyhost::{IntoHandler, Request, Response, async_trait};

use crate::profile::Profile;
use crate::profiles::IN_PROCESS;
use crate::transport::Transport;

/// Calls the probe as a function. The suite compares the responses of every other host with the responses of this call.
#[derive(Debug)]
pub struct InProcess(Client);

impl InProcess {
    /// Creates a new probe.
    pub fn new() -> Self {
        Self::of(crate::app())
    }

    /// Calls another application than the probe.
    pub fn of<K>(app: impl IntoHandler<K>) -> Self {
        Self(Client::new(app))
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Transport for InProcess {
    fn profile(&self) -> &Profile {
        &IN_PROCESS
    }

    async fn send(&self, request: Request) -> Result<Response, String> {
        Ok(self.0.send(request).await.into_response())
    }

    async fn finish(&self) {
        self.0.finish().await;
    }
}
