//! One request and its reply.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use anyhost_core::http::StatusCode;
use anyhost_core::{Body, Context, Error, IntoHandler, Request, Response, dispatch, refuse};
use bytes::Bytes;
use http_body::Body as _;
use tokio::time::Instant;

use crate::environment::Environment;
use crate::input::Input;
use crate::output::Output;
use crate::program::{Program, by};
use crate::request::{self, Framing};
use crate::response::{self, Form};

/// How often the limits below are looked at.
const TICK: Duration = Duration::from_secs(1);

/// How long nothing may come of a body that nobody reads before the process ends all the same.
const DRAIN_IDLE: Duration = Duration::from_secs(10);

/// How much of such a body is read after the reply, and for how long at most. A server that still
/// writes then may lose the reply; without an end, a client could keep the process for ever.
const DRAIN_BYTES: u64 = 64 * 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);

/// A request as it was found in the environment.
pub(crate) struct Exchange {
    pub(crate) context: Context,
    /// When all of it has to be over.
    pub(crate) end: Option<Instant>,
    request: Result<Request, Error>,
    framing: Framing,
    form: Form,
}

impl Exchange {
    pub(crate) fn new(program: &Program, environment: &Environment) -> Self {
        let (context, request) = request::from_environment(environment, program);
        // A body whose length makes no sense is still in the server's way.
        let framing = request::framing(environment, program).unwrap_or(Framing::ToEnd);
        Self {
            context,
            end: program
                .deadline
                .and_then(|deadline| Instant::now().checked_add(deadline)),
            request,
            framing,
            form: Form::new(program, environment),
        }
    }

    /// Makes the reply and sends it. What is left of the body is to be drained.
    pub(crate) async fn reply<K>(
        self,
        handler: impl IntoHandler<K>,
        stdin: impl Read + Send + 'static,
        stdout: impl Write + Send + 'static,
    ) -> (Input, io::Result<()>) {
        let handler = handler.into_handler();
        let (input, body) = Input::new(self.framing, stdin);
        let request = self.request.map(|request| request.map(|_| body));
        let (response, end) = match request {
            Ok(request) => match by(self.end, dispatch(&handler, request)).await {
                Some(response) => (response, self.end),
                None => {
                    tracing::error!("the handler did not reply by the deadline");
                    (late(&self.context), None)
                }
            },
            Err(refused) => {
                tracing::warn!("refused: {refused:?}");
                (refuse(refused, &self.context), self.end)
            }
        };
        let mut output = Output::new(stdout, input.clone());
        let sent = send(response, &mut output, &self.context, self.form);
        let sent = match by(end, sent).await {
            Some(sent) => sent,
            None if output.is_untouched() => {
                tracing::error!("the request body did not come by the deadline");
                send(late(&self.context), &mut output, &self.context, self.form).await
            }
            None => Err(io::Error::new(io::ErrorKind::TimedOut, "the deadline")),
        };
        if let Err(error) = &sent
            && error.kind() == io::ErrorKind::TimedOut
        {
            tracing::error!("the reply was cut: {error}");
        }
        (input, sent)
    }
}

fn late(context: &Context) -> Response {
    refuse(Error::from_status(StatusCode::GATEWAY_TIMEOUT), context)
}

async fn send<W: Write + Send + 'static>(
    response: Response,
    output: &mut Output<W>,
    context: &Context,
    form: Form,
) -> io::Result<()> {
    let mut head = response::head(&response, form);
    let mut body = response.into_body();
    // Most replies are one piece of memory, and go out in one write with their head.
    let mut later = None;
    match now(next(&mut body)).await {
        Some(Some(Ok(bytes))) if bytes.len() <= 2048 => head.extend_from_slice(&bytes),
        Some(Some(Ok(bytes))) => later = Some(bytes),
        // Nothing is out yet: this can still be told.
        Some(Some(Err(error))) => {
            let failed = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
            Box::pin(send(refuse(failed, context), output, context, form)).await?;
            return Err(error);
        }
        Some(None) | None => {}
    }
    output.write(head.into()).await?;
    if let Some(bytes) = later {
        output.write(bytes).await?;
    }
    while let Some(bytes) = next(&mut body).await {
        output.write(bytes?).await?;
    }
    Ok(())
}

/// What a future gives, if it does so at once.
async fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// The next bytes of the body. Trailers cannot be sent.
async fn next(body: &mut Body) -> Option<io::Result<Bytes>> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(bytes)) => return Some(Ok(bytes)),
            Ok(Err(_trailers)) => tracing::debug!("CGI cannot carry trailers"),
            // It was logged where it happened.
            Err(error) => {
                return Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, error)));
            }
        }
    }
}

/// mod_cgid and fcgiwrap lose the reply of a child that ends while they still write to it.
pub(crate) async fn drain(input: &Input) {
    if input.is_taken_in() {
        return;
    }
    let begun = (Instant::now(), input.received());
    let mut last = begun;
    while tokio::time::timeout(TICK, input.take_in()).await.is_err() {
        let now = (Instant::now(), input.received());
        if now.1 > last.1 {
            last = now;
        }
        let idle = now.0.duration_since(last.0) >= DRAIN_IDLE;
        let long = now.0.duration_since(begun.0) >= DRAIN_TIMEOUT;
        if idle || long || now.1 - begun.1 > DRAIN_BYTES {
            tracing::warn!("the rest of the request body did not come in time");
            return;
        }
    }
}
