//! Handlers whose clients disconnect.

use std::sync::Arc;

use anyhost_hyper::Server;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::{GET, PATIENCE, Serving};

/// Reports, when it is dropped, whether the handler ran to its end.
struct Guard(mpsc::UnboundedSender<&'static str>, bool);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send(if self.1 { "finished" } else { "dropped" });
    }
}

/// Disconnects a client while its handler waits. Returns whether the handler was dropped, or ran to its end after the
/// wait was over.
async fn outcome_after_disconnect(
    configure: impl FnOnce(Server) -> Server,
    head: &str,
) -> &'static str {
    let (sender, mut events) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let waiting = go_on.clone();
    let serving = Serving::start_with(configure, move || {
        let (sender, waiting) = (sender.clone(), waiting.clone());
        async move {
            let mut guard = Guard(sender.clone(), false);
            let _ = sender.send("started");
            waiting.notified().await;
            guard.1 = true;
            "done"
        }
    })
    .await;
    let stream = serving.send(head).await;
    assert_eq!(events.recv().await, Some("started"));
    drop(stream);
    let dropped = timeout(std::time::Duration::from_millis(300), events.recv()).await;
    if let Ok(Some(outcome)) = dropped {
        return outcome;
    }
    go_on.notify_one();
    let outcome = timeout(PATIENCE, events.recv()).await;
    outcome.expect("expected the handler to end").unwrap()
}

#[tokio::test]
async fn a_handler_is_dropped_when_its_client_disconnects() {
    assert_eq!(
        outcome_after_disconnect(|server| server, GET).await,
        "dropped"
    );
}

/// hyper does not read from a connection while its buffer contains bytes that belong to no request in flight.
#[tokio::test]
async fn a_handler_is_dropped_when_its_client_disconnects_after_sending_further_bytes() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    for (request, further) in [(GET, "\r\n"), (GET, "G"), (GET, GET), (post, "\r\n")] {
        let bytes = format!("{request}{further}");
        let outcome = outcome_after_disconnect(|server| server, &bytes).await;
        assert_eq!(outcome, "dropped", "{bytes:?}");
    }
}

#[tokio::test]
async fn a_detached_handler_runs_to_its_end_when_its_client_disconnects() {
    let outcome = outcome_after_disconnect(Server::with_detached_handlers, GET).await;
    assert_eq!(outcome, "finished");
}

#[tokio::test]
async fn a_client_gets_the_response_of_a_detached_handler_or_a_500_if_the_handler_panics() {
    let serving = Serving::start_with(
        Server::with_detached_handlers,
        |request: anyhost_core::Request| async move {
            assert_ne!(request.uri().path(), "/panic", "on purpose");
            "done"
        },
    )
    .await;
    assert!(
        serving
            .exchange(crate::CLOSING)
            .await
            .ends_with("\r\n\r\ndone")
    );
    let panic = "GET /panic HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(serving.exchange(panic).await.starts_with("HTTP/1.1 500 "));
}

#[tokio::test]
async fn a_drain_waits_for_a_detached_handler_whose_client_has_disconnected() {
    let (sender, mut events) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let waiting = go_on.clone();
    let serving = Serving::start_with(Server::with_detached_handlers, move || {
        let (sender, waiting) = (sender.clone(), waiting.clone());
        async move {
            let mut guard = Guard(sender.clone(), false);
            let _ = sender.send("started");
            waiting.notified().await;
            guard.1 = true;
        }
    })
    .await;
    let stream = serving.send(GET).await;
    assert_eq!(events.recv().await, Some("started"));
    drop(stream);
    serving.handle.graceful_shutdown();
    go_on.notify_one();
    assert_eq!(events.recv().await, Some("finished"));
    serving.stopped().await;
}

/// A handler whose future uses the handler while the future is dropped. The handler must be dropped after all its
/// futures.
struct ChecksItself(mpsc::UnboundedSender<&'static str>, String);

#[anyhost_core::async_trait]
impl anyhost_core::Handler for ChecksItself {
    async fn handle(&self, _: anyhost_core::Request) -> anyhost_core::Result {
        struct UsesHandler<'a>(&'a ChecksItself);
        impl Drop for UsesHandler<'_> {
            fn drop(&mut self) {
                assert_eq!(self.0.1, "here");
                let _ = self.0.0.send("future dropped");
            }
        }
        let _uses_handler = UsesHandler(self);
        let _ = self.0.send("started");
        std::future::pending().await
    }
}

impl Drop for ChecksItself {
    fn drop(&mut self) {
        let _ = self.0.send("handler dropped");
    }
}

#[tokio::test]
async fn a_handler_outlives_the_futures_of_its_requests_when_the_server_is_dropped() {
    let (sender, mut events) = mpsc::unbounded_channel();
    let serving = Serving::start(ChecksItself(sender, "here".to_owned())).await;
    let _stream = serving.send(GET).await;
    assert_eq!(events.recv().await, Some("started"));
    serving.task.abort();
    assert_eq!(events.recv().await, Some("future dropped"));
    assert_eq!(events.recv().await, Some("handler dropped"));
}
