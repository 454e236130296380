//! State that all requests share, created asynchronously before the first request, and `wait_until` work.
//!
//! `curl -X POST http://localhost:3000/visit`, then `curl http://localhost:3000/visits`

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhost::{Request, RequestExt, Result, Router};

/// The shared state. A real program would have a database pool in this type.
struct Store {
    visits: AtomicU64,
}

impl Store {
    async fn open() -> Result<Self> {
        let visits = std::env::var("FIRST_VISIT").unwrap_or_else(|_| "0".into());
        Ok(Self {
            visits: AtomicU64::new(visits.parse()?),
        })
    }
}

async fn visits(request: Request) -> Result<u64> {
    let store = request.state::<Store>()?;
    Ok(store.visits.load(Ordering::Relaxed))
}

/// Counts the visit after the response was sent. Every host runs this work before the process ends, within a time
/// limit.
async fn visit(request: Request) -> Result<&'static str> {
    let store = request.state::<Store>()?;
    request.context().wait_until(async move {
        store.visits.fetch_add(1, Ordering::Relaxed);
    });
    Ok("welcome")
}

/// Runs in the Tokio runtime of the host, before the first request. If it fails, the program logs the error and exits.
async fn app() -> Result<Router> {
    Ok(Router::new()
        .get("/visits", visits)
        .post("/visit", visit)
        .with_state(Store::open().await?))
}

fn main() -> ExitCode {
    anyhost::run_with(app)
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    #[tokio::test]
    async fn a_visit_is_counted_after_the_response() {
        let client = Client::new(super::app().await.unwrap());
        assert_eq!(client.post("/visit").await.text().await.unwrap(), "welcome");
        assert_eq!(client.get("/visits").await.text().await.unwrap(), "0");
        client.finish().await;
        assert_eq!(client.get("/visits").await.text().await.unwrap(), "1");
    }
}
