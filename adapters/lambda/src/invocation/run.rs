//! The invocation loop: request an invocation, respond to it, finish its work, repeat.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use anyhost_core::adapter::panic::catch_panic;
use anyhost_core::adapter::{finish_after_response, has_work_after_response};
use anyhost_core::{Context, Error, Handler};
use futures_core::Stream;
use http::StatusCode;
use signal_hook::consts::SIGTERM;
use signal_hook_tokio::Signals;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::respond::{InvocationResult, respond};
use crate::options::FunctionOptions;
use crate::runtime::{Client, Metadata, Next};

/// What all workers share.
struct Shared {
    handler: Arc<dyn Handler>,
    settings: FunctionOptions,
}

/// Serves one invocation at a time for each client until SIGTERM, and then finishes those in flight.
pub(crate) async fn run(
    handler: Arc<dyn Handler>,
    clients: Vec<Client>,
    settings: FunctionOptions,
) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM])?;
    let shared = Arc::new(Shared { handler, settings });
    let (shutdown, draining) = watch::channel(());
    let mut workers = JoinSet::new();
    for client in clients {
        workers.spawn(work(shared.clone(), client, draining.clone()));
    }
    tokio::select! {
        () = sigterm(&mut signals) => {}
        // A worker ends before the shutdown only by a bug. The process exits, and Lambda starts a new one.
        Some(Err(error)) = workers.join_next() => return Err(io::Error::other(error)),
    }
    drop(shutdown);
    while workers.join_next().await.is_some() {}
    Ok(())
}

async fn sigterm(signals: &mut Signals) {
    poll_fn(|cx| Pin::new(&mut *signals).poll_next(cx)).await;
}

async fn work(shared: Arc<Shared>, mut client: Client, mut draining: watch::Receiver<()>) {
    loop {
        let next = tokio::select! {
            // `biased`: an invocation that arrives together with the shutdown is still served.
            biased;
            next = client.next() => next,
            _ = draining.changed() => return,
        };
        let id = next.id.clone();
        // The level decides only whether the span exists; at `error` it exists whenever any log is written.
        let span = tracing::error_span!("invocation", requestId = id.to_str().unwrap_or_default());
        let served = catch_panic(serve(&shared, &mut client, next)).instrument(span);
        if let Err(panic) = served.await {
            tracing::error!(%panic, "invocation panicked outside the handler");
            // The panic may have interrupted a call.
            client = client.with_new_connection();
            let message = "The invocation panicked outside the handler";
            let error = Error::new(StatusCode::INTERNAL_SERVER_ERROR, message);
            client.fail(&id, &error).await;
        }
        if draining.has_changed().is_err() {
            return;
        }
    }
}

async fn serve(shared: &Shared, client: &mut Client, next: Next) {
    let metadata = Metadata::new(next.headers);
    let left = metadata.time_left();
    let deadline = left.and_then(|left| Instant::now().checked_add(left));
    let handler = shared.handler.clone();
    let (result, context) = respond(handler, next.event, metadata, &shared.settings).await;
    match result {
        InvocationResult::Response(json) => client.respond(&next.id, json.into()).await,
        InvocationResult::Stream(body) => client.stream(&next.id, body, deadline).await,
        InvocationResult::Failure(error) => {
            tracing::error!(?error, "invocation failed");
            client.fail(&next.id, &error).await;
        }
    }
    if has_work_after_response(&context) {
        finish_until(deadline, context).await;
    }
}

async fn finish_until(deadline: Option<Instant>, context: Context) {
    let Some(deadline) = deadline else {
        finish_after_response(&context, pending()).await;
        return;
    };
    let finished = timeout_at(deadline, finish_after_response(&context, pending())).await;
    if finished.is_err() {
        // Lambda ends a process at the deadline. On hosts that do not, the next invocation must not wait.
        tracing::warn!(
            "wait_until work did not finish by the deadline, continuing it in the background"
        );
        tokio::spawn(async move { finish_after_response(&context, pending()).await });
    }
}
