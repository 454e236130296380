//! State that requests share, built inside the runtime before the first one comes.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhost::http::StatusCode;
use anyhost::{Error, Handler, Request, RequestExt, Response, Result, Router, async_trait, send};

/// What a real service would open here: a pool, a client, a file.
struct Store {
    visits: AtomicU64,
}

impl Store {
    async fn open() -> Result<Self> {
        let first = std::env::var("FIRST_VISIT")
            .unwrap_or_else(|_| "0".into())
            .parse()?;
        Ok(Self {
            visits: AtomicU64::new(first),
        })
    }
}

/// A handler with a field of its own.
struct Visit(Arc<Store>);

#[async_trait]
impl Handler for Visit {
    async fn handle(&self, request: Request) -> Result<Response> {
        let store = self.0.clone();
        // Counting can wait until the reply is out. No host ends the process before it is done.
        request.context().wait_until(async move {
            store.visits.fetch_add(1, Ordering::Relaxed);
        });
        send(StatusCode::OK, "welcome")
    }
}

fn app(store: Arc<Store>) -> Router {
    // A closure shares state as well as a struct does.
    let counted = store.clone();
    let visits = move || {
        let visits = counted.visits.load(Ordering::Relaxed);
        async move { visits }
    };
    Router::new()
        .post("/visit", Visit(store))
        .get("/visits", visits)
}

fn main() -> ExitCode {
    anyhost::run_with(async || {
        let store = Store::open().await?;
        Ok::<_, Error>(app(Arc::new(store)))
    })
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    use super::*;

    #[tokio::test]
    async fn a_visit_is_counted_after_the_reply() {
        let client = Client::new(app(Arc::new(Store::open().await.unwrap())));
        assert_eq!(client.post("/visit").await.text().await.unwrap(), "welcome");
        assert_eq!(client.get("/visits").await.text().await.unwrap(), "0");
        client.finish().await;
        assert_eq!(client.get("/visits").await.text().await.unwrap(), "1");
    }
}
