//! What becomes of a handler whose client has left.

use std::sync::Arc;

use anyhost_hyper::Server;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::{GET, PATIENCE, Serving};

/// Tells when it is dropped, and whether the handler had come to its end.
struct Guard(mpsc::UnboundedSender<&'static str>, bool);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send(if self.1 { "finished" } else { "dropped" });
    }
}

/// Lets a client leave while its handler waits, and says what became of the handler. `go_on` is given to it
/// once the client has left.
async fn fate(change: impl FnOnce(Server) -> Server, head: &str) -> &'static str {
    let (told, mut events) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let waiting = go_on.clone();
    let serving = Serving::start_with(change, move || {
        let (told, waiting) = (told.clone(), waiting.clone());
        async move {
            let mut guard = Guard(told.clone(), false);
            let _ = told.send("begun");
            waiting.notified().await;
            guard.1 = true;
            "done"
        }
    })
    .await;
    let stream = serving.send(head).await;
    assert_eq!(events.recv().await, Some("begun"));
    drop(stream);
    let gone = timeout(std::time::Duration::from_millis(300), events.recv()).await;
    if let Ok(Some(fate)) = gone {
        return fate;
    }
    go_on.notify_one();
    let fate = timeout(PATIENCE, events.recv()).await;
    fate.expect("it ends").unwrap()
}

#[tokio::test]
async fn a_handler_is_dropped_when_its_client_leaves() {
    assert_eq!(fate(|server| server, GET).await, "dropped");
}

#[tokio::test]
async fn a_detached_handler_runs_to_its_end() {
    assert_eq!(fate(Server::with_detached_handlers, GET).await, "finished");
}

#[tokio::test]
async fn a_detached_handler_answers_like_any_other_and_panics_like_any_other() {
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
async fn a_drain_waits_for_a_detached_handler_whose_client_has_left() {
    let (told, mut events) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let waiting = go_on.clone();
    let serving = Serving::start_with(Server::with_detached_handlers, move || {
        let (told, waiting) = (told.clone(), waiting.clone());
        async move {
            let mut guard = Guard(told.clone(), false);
            let _ = told.send("begun");
            waiting.notified().await;
            guard.1 = true;
        }
    })
    .await;
    let stream = serving.send(GET).await;
    assert_eq!(events.recv().await, Some("begun"));
    drop(stream);
    serving.handle.drain();
    go_on.notify_one();
    assert_eq!(events.recv().await, Some("finished"));
    serving.stopped().await;
}

/// Looks at itself when its work is dropped, and must not be gone by then.
struct Careful(mpsc::UnboundedSender<&'static str>, String);

#[anyhost_core::async_trait]
impl anyhost_core::Handler for Careful {
    async fn handle(&self, _: anyhost_core::Request) -> anyhost_core::Result {
        struct Look<'a>(&'a Careful);
        impl Drop for Look<'_> {
            fn drop(&mut self) {
                assert_eq!(self.0.1, "here");
                let _ = self.0.0.send("work dropped");
            }
        }
        let _look = Look(self);
        let _ = self.0.send("begun");
        std::future::pending().await
    }
}

impl Drop for Careful {
    fn drop(&mut self) {
        let _ = self.0.send("handler dropped");
    }
}

#[tokio::test]
async fn a_handler_outlives_its_work_when_the_server_is_dropped() {
    let (told, mut events) = mpsc::unbounded_channel();
    let serving = Serving::start(Careful(told, "here".to_owned())).await;
    let _stream = serving.send(GET).await;
    assert_eq!(events.recv().await, Some("begun"));
    serving.task.abort();
    assert_eq!(events.recv().await, Some("work dropped"));
    assert_eq!(events.recv().await, Some("handler dropped"));
}
