//! Unix signals as a stream.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use futures_core::Stream;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::signal_name;

/// The signals that shut a server down. Orchestrators send either one (Fly sends SIGINT), so both mean the same.
pub(crate) const SHUTDOWN_SIGNALS: [i32; 2] = [SIGTERM, SIGINT];

/// Receives signals. The process's signal handlers stay installed when this is dropped.
pub(crate) struct Signals(signal_hook_tokio::Signals);

impl Signals {
    pub(crate) fn new(signals: impl IntoIterator<Item = i32>) -> io::Result<Self> {
        signal_hook_tokio::Signals::new(signals).map(Self)
    }

    /// Waits for a signal and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        let next = poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)).await;
        next.and_then(signal_name).unwrap_or("unknown signal")
    }
}
