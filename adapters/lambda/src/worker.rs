//! Polling, answering, finishing, and again.

use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use anyhost_core::{Error, Handler};
use futures_core::Stream;
use http::StatusCode;
use signal_hook::consts::SIGTERM;
use signal_hook_tokio::Signals;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::context::Invocation;
use crate::invoke::{Reply, reply_to};
use crate::options::Options;
use crate::runtime::{Client, Next};

/// What all workers of a function share.
struct Shared {
    handler: Arc<dyn Handler>,
    options: Options,
}

/// Serves as many invocations at once as there are clients, until SIGTERM, and those in flight to their
/// end.
pub(crate) async fn run(
    handler: Arc<dyn Handler>,
    clients: Vec<Client>,
    options: Options,
) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM])?;
    let shared = Arc::new(Shared { handler, options });
    let (stop, stopped) = watch::channel(());
    let mut workers = JoinSet::new();
    for client in clients {
        workers.spawn(work(shared.clone(), client, stopped.clone()));
    }
    tokio::select! {
        () = told(&mut signals) => {}
        // A worker ends only by a fault of ours. Lambda starts a new process for one that ends.
        Some(Err(error)) = workers.join_next() => return Err(io::Error::other(error)),
    }
    drop(stop);
    while workers.join_next().await.is_some() {}
    Ok(())
}

async fn told(signals: &mut Signals) {
    poll_fn(|cx| Pin::new(&mut *signals).poll_next(cx)).await;
}

async fn work(shared: Arc<Shared>, mut client: Client, mut stopped: watch::Receiver<()>) {
    loop {
        let next = tokio::select! {
            // An invocation that came in time is served.
            biased;
            next = client.next() => next,
            _ = stopped.changed() => return,
        };
        let id = next.id.clone();
        // At the level that is never off while anything is on.
        let span = tracing::error_span!("invocation", requestId = id.to_str().unwrap_or_default());
        let answered = unpanicked(answer(&shared, &mut client, next)).instrument(span);
        if answered.await.is_err() {
            client = client.again();
            let why = "The invocation panicked outside of its handler";
            let error = Error::new(StatusCode::INTERNAL_SERVER_ERROR, why);
            client.fail(&id, &error).await;
        }
        if stopped.has_changed().is_err() {
            return;
        }
    }
}

/// What a future gives, unless it panics: a handler that is dropped at the deadline may.
async fn unpanicked<T>(future: impl Future<Output = T>) -> std::thread::Result<T> {
    let mut future = pin!(future);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}

async fn answer(shared: &Shared, client: &mut Client, next: Next) {
    let invocation = Invocation::new(next.headers);
    let left = invocation.left();
    let deadline = left.and_then(|left| Instant::now().checked_add(left));
    let (reply, context) =
        reply_to(&*shared.handler, next.event, invocation, &shared.options).await;
    match reply {
        Reply::Whole(reply) => client.respond(&next.id, reply.into()).await,
        Reply::Stream(reply) => client.stream(&next.id, *reply, deadline).await,
        Reply::Failed(error) => {
            tracing::error!("{error:?}");
            client.fail(&next.id, &error).await;
        }
    }
    if !context.has_work() {
        return;
    }
    let Some(deadline) = deadline else {
        return context.finish().await;
    };
    if timeout_at(deadline, context.finish()).await.is_err() {
        // Lambda ends a process that is late; where it does not, the next invocation must not wait.
        tracing::warn!("work after the reply goes on beyond the deadline");
        tokio::spawn(async move { context.finish().await });
    }
}
