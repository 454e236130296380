//! Ways for a request to reach a handler.

use std::io;

use anyhost::{Request, Response, async_trait};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::profile::Profile;

/// Carries a request to the probe, and its reply back.
///
/// It changes neither. A request's body may be of unknown length and have trailers; its target is a path
/// below the mount, a whole URL, or `*`. A reply's body gives its pieces as they come, and an error
/// where the reply was cut; dropping it is what a client does who leaves.
#[async_trait]
pub trait Transport: Send + Sync {
    /// What is known of the host.
    fn profile(&self) -> &Profile;

    /// Sends a request.
    ///
    /// # Errors
    /// When no reply came at all.
    async fn send(&self, request: Request) -> Result<Response, String>;

    /// Lets the work end that waits for the reply to be out, if it is the transport that runs it.
    async fn finish(&self) {}

    /// A connection that takes the bytes of HTTP/1.1, where requests travel as such. A host without
    /// one declares so (`http1_bytes`).
    async fn connect(&self) -> Option<io::Result<Box<dyn Connection>>> {
        None
    }
}

/// Both directions of a connection.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}
