//! Functions that several scenarios use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhost::{Body, Request};

use crate::received::Received;
use crate::transport::Transport;

/// A key for the counters of the probe that no other run uses, because a deployed probe keeps its counters between
/// runs.
pub(crate) fn fresh_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{now}-{next}", std::process::id())
}

/// Sends a request, reads the complete response, and runs the `wait_until` work.
pub(crate) async fn exchange(
    transport: &dyn Transport,
    request: Request,
) -> Result<Received, String> {
    let received = Received::read(transport.send(request).await?).await;
    transport.finish().await;
    Ok(received)
}

/// The value of a counter of the probe.
pub(crate) async fn counted(transport: &dyn Transport, key: &str) -> Result<u64, String> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = format!("/count/{key}")
        .parse()
        .expect("expected a key that is valid in a path");
    let response = exchange(transport, request).await?;
    let text = String::from_utf8_lossy(&response.body);
    text.parse().map_err(|_| {
        format!(
            "invalid count {text:?} with status {}, expected a number",
            response.status
        )
    })
}
