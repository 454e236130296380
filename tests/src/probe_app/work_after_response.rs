//! `wait_until` work, which continues after the response was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhost::{Error, Request, RequestExt, Router};

pub(super) fn routes() -> Router {
    let counter = Arc::new(AtomicU64::new(0));
    let counted = counter.clone();
    let schedule = move |request: Request| {
        let counter = counter.clone();
        async move {
            let pause = Duration::from_millis(request.param("ms")?);
            request.context().wait_until(async move {
                tokio::time::sleep(pause).await;
                counter.fetch_add(1, Ordering::Relaxed);
                // The file shows another process that the work has finished.
                if let Some(path) = std::env::var_os("PROBE_DONE") {
                    let _ = std::fs::write(path, "");
                }
            });
            Ok::<_, Error>("scheduled")
        }
    };
    let count = move || std::future::ready(counted.load(Ordering::Relaxed).to_string());
    Router::new()
        .post("/after/{ms}", schedule)
        .get("/after", count)
}
