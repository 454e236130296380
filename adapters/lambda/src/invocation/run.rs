//! The invocation loop: request an invocation, respond to it, finish its work, repeat.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;

use anyhost_core::adapter::panic::catch_panic;
use anyhost_core::adapter::{finish_after_response, has_work_after_response};
use anyhost_core::{Error, Handler};
use bytes::Bytes;
use futures_core::Stream;
use http::StatusCode;
use signal_hook::consts::SIGTERM;
use signal_hook_tokio::Signals;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use tracing::Instrument;

use super::respond::{InvocationResult, handler_end, respond};
use super::trace_variable::TraceVariable;
use crate::options::FunctionOptions;
use crate::runtime::{Client, Failure, InvocationId, Metadata};

/// The state that all workers share.
struct Shared {
    handler: Arc<dyn Handler>,
    settings: FunctionOptions,
    /// Whether invocations run at the same time.
    concurrent: bool,
    /// Whether each poll of an invocation first hands over the I/O driver.
    hands_over_driver: bool,
}

/// Serves one invocation at a time for each client until SIGTERM, and then finishes the invocations in flight.
///
/// # Errors
/// Returns an error if the Runtime API has refused connections for some seconds.
pub(crate) async fn run(
    handler: Arc<dyn Handler>,
    clients: Vec<Client>,
    settings: FunctionOptions,
) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM])?;
    let concurrent = clients.len() > 1;
    let multi_thread = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
    let shared = Arc::new(Shared {
        handler,
        settings,
        concurrent,
        hands_over_driver: concurrent && multi_thread,
    });
    let (shutdown, draining) = watch::channel(());
    let mut workers = JoinSet::new();
    for client in clients {
        workers.spawn(work(shared.clone(), client, draining.clone()));
    }
    tokio::select! {
        () = sigterm(&mut signals) => {}
        // A worker ends before the shutdown if the Runtime API refuses connections. The process then exits.
        Some(ended) = workers.join_next() => {
            return ended.unwrap_or_else(|error| Err(io::Error::other(error)));
        }
    }
    drop(shutdown);
    while workers.join_next().await.is_some() {}
    Ok(())
}

async fn sigterm(signals: &mut Signals) {
    poll_fn(|cx| Pin::new(&mut *signals).poll_next(cx)).await;
}

async fn work(
    shared: Arc<Shared>,
    mut client: Client,
    mut draining: watch::Receiver<()>,
) -> io::Result<()> {
    let mut trace_variable = TraceVariable::default();
    loop {
        let next = tokio::select! {
            // `biased`, so that an invocation that arrives together with the shutdown is still served.
            biased;
            next = client.next() => next?,
            _ = draining.changed() => return Ok(()),
        };
        if !shared.concurrent {
            trace_variable.set(next.metadata.trace_id());
        }
        let id = next.id;
        // The level decides only whether the span exists; at `error` it exists whenever any log is written.
        let span = span(&next.metadata);
        let served = {
            // Pinned here, because the future is large, and would be copied into each of its wrappers.
            let serve = pin!(serve(&shared, &mut client, &id, next.metadata, next.event));
            shared.attend(catch_panic(serve).instrument(span)).await
        };
        if let Err(panic) = served {
            tracing::error!(%panic, "invocation panicked outside the handler");
            // The panic may have interrupted a call, so the old connection may be in the middle of a request or
            // response.
            client = client.with_new_connection();
            let message = "The invocation panicked outside the handler";
            let error = Error::new(StatusCode::INTERNAL_SERVER_ERROR, message);
            client
                .fail(&id, &Failure::new("Runtime.Panic", error))
                .await;
        }
        if draining.has_changed().is_err() {
            return Ok(());
        }
    }
}

fn span(metadata: &Metadata) -> tracing::Span {
    let request_id = metadata.request_id().unwrap_or_default();
    tracing::error_span!(
        "invocation",
        requestId = request_id,
        tenantId = metadata.tenant_id()
    )
}

impl Shared {
    /// Runs an invocation so that a handler that blocks its thread does not stop the other invocations.
    async fn attend<F: Future>(&self, invocation: F) -> F::Output {
        let mut invocation = pin!(invocation);
        poll_fn(|cx| {
            if self.hands_over_driver {
                hand_over_driver();
            }
            invocation.as_mut().poll(cx)
        })
        .await
    }
}

/// Wakes another Tokio worker, which takes over the I/O driver.
///
/// One worker at a time polls the I/O and time drivers, and then runs the tasks that they wake. If such a task
/// blocks the worker, no socket and no timer of the process makes progress (tokio-rs/tokio#4730). Tokio's
/// `enable_eager_driver_handoff` is unstable. A spawned task wakes another worker only if that worker could take a
/// task, and the task that was spawned last is reserved for this worker. So the first of two tasks wakes it.
fn hand_over_driver() {
    tokio::spawn(async {});
    tokio::spawn(async {});
}

async fn serve(
    shared: &Shared,
    client: &mut Client,
    id: &InvocationId,
    metadata: Metadata,
    event: Bytes,
) {
    let handler = shared.handler.clone();
    let end = handler_end(&metadata, &shared.settings);
    let (result, context) = respond(handler, event, metadata, end, &shared.settings).await;
    post(client, id, result).await;
    if has_work_after_response(&context) {
        match end {
            Some(end) => finish_after_response(&context, sleep_until(end)).await,
            None => finish_after_response(&context, pending()).await,
        };
    }
}

async fn post(client: &mut Client, id: &InvocationId, result: InvocationResult) {
    match result {
        InvocationResult::Response(json) => client.respond(id, json.into()).await,
        InvocationResult::Stream { body, deadline } => {
            let aborted = deadline.aborted_at(id.deadline());
            client.stream(id, body, aborted).await;
        }
        InvocationResult::Failure(failure) => {
            tracing::error!(error = ?failure.error, "invocation failed");
            client.fail(id, &failure).await;
        }
    }
}

#[cfg(test)]
mod tests;
