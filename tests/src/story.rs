//! What stories are told with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhost::{Body, Request};

use crate::received::Received;
use crate::transport::Transport;

/// A key that no other run uses, against whatever probe.
pub(crate) fn fresh_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{now}-{next}", std::process::id())
}

/// Sends a request, and reads its reply.
pub(crate) async fn reply(transport: &dyn Transport, request: Request) -> Result<Received, String> {
    let received = Received::read(transport.send(request).await?).await;
    transport.finish().await;
    Ok(received)
}

/// What the probe has counted under a key.
pub(crate) async fn counted(transport: &dyn Transport, key: &str) -> Result<u64, String> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = format!("/count/{key}").parse().expect("it is a path");
    let reply = reply(transport, request).await?;
    let text = String::from_utf8_lossy(&reply.body);
    text.parse()
        .map_err(|_| format!("no count: {} {text:?}", reply.status))
}
