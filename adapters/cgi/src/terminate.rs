//! SIGTERM, at next to no cost for a reply that is ready at once.

use std::io;
use std::os::unix::net::UnixStream;

use signal_hook::consts::SIGTERM;
use signal_hook::low_level::pipe;

/// From its creation on, SIGTERM does not end the process any more.
///
/// tokio's own signals set up tables and a registration at start-up, which a process that lives for
/// one request would pay each time. Here the runtime hears of it only once somebody waits.
pub(crate) struct Terminate(UnixStream);

impl Terminate {
    pub(crate) fn new() -> io::Result<Self> {
        let (told, tell) = UnixStream::pair()?;
        pipe::register(SIGTERM, tell)?;
        Ok(Self(told))
    }

    /// Waits for SIGTERM.
    pub(crate) async fn recv(self) -> io::Result<()> {
        self.0.set_nonblocking(true)?;
        tokio::net::UnixStream::from_std(self.0)?.readable().await
    }
}
