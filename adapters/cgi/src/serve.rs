//! A process that serves the one request it was started for.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhost_core::{Error, Handler, IntoHandler, Request, Response, Result, async_trait};
use tokio::time::timeout;

use crate::environment::Environment;
use crate::exchange::{Exchange, drain};
use crate::isolate;
use crate::terminate::Terminate;

/// How long work after the reply may go on if SIGTERM came before the reply was out; Apache kills
/// after 3 seconds.
const GRACE: Duration = Duration::from_secs(2);

/// Serves the request that this process was started for, and then runs what was handed to
/// `wait_until`, with stdout and stderr let go.
///
/// Call [`isolate`](crate::isolate()) first, before there are threads; this function takes stdout by
/// itself if that was left out, but cannot remove `HTTP_PROXY`.
///
/// # SIGTERM
/// Until the reply is out, SIGTERM cancels the handler. After that it is ignored: lighttpd and Apache
/// send it as soon as they have the reply, and the work would be lost. (Apache kills the process 3
/// seconds later, so work under Apache should be shorter than that.)
///
/// # Errors
/// `InvalidInput` if no web server started this process; `Interrupted` if SIGTERM ended it;
/// `ConnectionAborted` if the reply's body failed, which has been logged by then.
pub async fn serve<K>(handler: impl IntoHandler<K>) -> io::Result<()> {
    let environment = Environment::of_process();
    if environment.bytes("GATEWAY_INTERFACE").is_none() {
        let why = "this is no CGI request: GATEWAY_INTERFACE is not set";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let stdout = isolate::reply()?;
    let terminate = Terminate::new()?;

    let server = stdout.try_clone()?;
    let exchange = Exchange::new(&environment);
    let context = exchange.context.clone();

    let (input, sent) = tokio::select! {
        // A reply that is ready needs nobody to wait for signals.
        biased;
        replied = exchange.reply(handler, stdin, stdout) => replied,
        told = terminate.recv() => {
            told?;
            let _ = timeout(GRACE, context.finish()).await;
            return Err(io::ErrorKind::Interrupted.into());
        }
    };
    drain(&input).await;
    if context.has_work() {
        isolate::detach(&server);
        drop(server);
        context.finish().await;
    }
    match sent {
        // The client or the server left; there is nobody to tell.
        Err(error) if is_gone(&error) => Ok(()),
        sent => sent,
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

/// Answers the request with an error: for a program that could not even make its handler.
///
/// # Errors
/// As [`serve`], and the error itself is logged.
pub async fn fail(error: Error) -> io::Result<()> {
    serve(Failed(std::sync::Mutex::new(Some(error)))).await
}

struct Failed(std::sync::Mutex<Option<Error>>);

#[async_trait]
impl Handler for Failed {
    async fn handle(&self, _: Request) -> Result<Response> {
        let error = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        Err(error.unwrap_or_else(|| io::Error::other("the program could not start").into()))
    }
}
