//! Reading the rest of the request body after the response was written.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Input;

/// How often the limits below are checked.
const TICK: Duration = Duration::from_secs(1);

/// The process stops reading if no bytes arrive for this time.
const IDLE: Duration = Duration::from_secs(10);

/// Reading stops after this many bytes, or after this time. Without these limits, a client could keep the process
/// alive by sending without an end. A server that still writes beyond a limit may lose the response.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
const MAX_TIME: Duration = Duration::from_secs(120);

/// Reads the rest of the request body and discards it. mod_cgid and fcgiwrap lose the response if the
/// program exits while they are still writing the request body.
pub(crate) async fn drain(input: &Input) {
    if input.is_fully_read() {
        return;
    }
    let (start, received_before) = (Instant::now(), input.received());
    let (mut last_progress, mut received) = (start, received_before);
    while timeout(TICK, input.read_all()).await.is_err() {
        if input.received() > received {
            (last_progress, received) = (Instant::now(), input.received());
        }
        let idle = last_progress.elapsed() >= IDLE;
        let too_long = start.elapsed() >= MAX_TIME;
        let too_much = received - received_before > MAX_BYTES;
        if idle || too_long || too_much {
            tracing::warn!(
                drained = received - received_before,
                "stopped reading the rest of the request body, which is too long or too slow"
            );
            return;
        }
    }
}
