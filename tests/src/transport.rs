//! How a request reaches the probe.

use std::io;

use anyhost::{Request, Response, async_trait};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::profile::Profile;

/// Sends a request to the probe through a host, and returns the response.
///
/// A transport must not change requests and responses:
///
/// - The path of the request is relative to the base path of the [profile](Profile), which the transport
///   prepends. The target can also be an absolute URL or `*`.
/// - The body of the request may have an unknown length and trailers.
/// - The body of the response yields each chunk when it arrives, and an error where the response was aborted.
///   Dropping the body disconnects the client.
#[async_trait]
pub trait Transport: Send + Sync {
    /// The description of the host.
    fn profile(&self) -> &Profile;

    /// Sends a request and returns the response as soon as its head has arrived.
    ///
    /// # Errors
    /// There was no response.
    async fn send(&self, request: Request) -> Result<Response, String>;

    /// Runs the `wait_until` work, if the transport, and not the host, has to run it.
    async fn finish(&self) {}

    /// Opens a connection that accepts the bytes of HTTP/1.1. A transport without such connections returns
    /// `None`, and its profile declares that the host lacks `http1_bytes`.
    async fn connect(&self) -> Option<io::Result<Box<dyn Connection>>> {
        None
    }
}

/// A connection that can be read and written.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}
