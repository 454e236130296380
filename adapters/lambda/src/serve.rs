//! The life of a function: poll, answer, finish, again.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use anyhost_core::{Error, Handler, IntoHandler};
use futures_core::Stream;
use signal_hook::consts::SIGTERM;
use signal_hook_tokio::Signals;

use crate::context::Invocation;
use crate::invoke::reply_to;
use crate::runtime::{Client, Endpoint, Next};

/// Serves invocations until SIGTERM.
///
/// The work that a handler gave to `wait_until` runs once its reply was posted and before the next
/// invocation is asked for, so Lambda cannot freeze the process in between. It counts towards the
/// function's timeout.
///
/// # Errors
/// When `AWS_LAMBDA_RUNTIME_API` is missing or is no address. A Runtime API that fails is asked again,
/// with growing pauses of up to 5 seconds.
pub async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    let handler: Arc<dyn Handler> = Arc::new(handler.into_handler());
    let mut client = Client::new(Endpoint::from_env()?);
    let mut terminate = Signals::new([SIGTERM])?;
    loop {
        let next = tokio::select! {
            next = client.next() => next,
            () = told(&mut terminate) => return Ok(()),
        };
        answer(&*handler, &mut client, next).await;
    }
}

async fn told(signals: &mut Signals) {
    poll_fn(|cx| Pin::new(&mut *signals).poll_next(cx)).await;
}

async fn answer(handler: &dyn Handler, client: &mut Client, next: Next) {
    let invocation = Invocation::from_headers(&next.headers);
    let (reply, context) = reply_to(handler, next.event, invocation).await;
    client.respond(&next.id, reply).await;
    context.finish().await;
}

/// Tells Lambda that the function could not start, so that the reason is in its log and the start is
/// tried again at once and not after a timeout.
pub async fn report_init_error(error: &Error) {
    let reported = match Endpoint::from_env() {
        Ok(endpoint) => Client::new(endpoint).init_error(error).await,
        Err(error) => Err(error),
    };
    if let Err(error) = reported {
        tracing::error!(%error, "the failed start could not be reported");
    }
}
