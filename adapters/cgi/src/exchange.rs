//! One request and its reply.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
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
        let (input, request) = match Input::new(self.framing, stdin) {
            Ok((input, body)) => (input, self.request.map(|request| request.map(|_| body))),
            Err(error) => (Input::none(), Err(error.into())),
        };
        let (response, end) = match request {
            Ok(request) => match by(self.end, dispatch(&handler, request)).await {
                Some(response) => (response, self.end),
                None => {
                    tracing::error!("the handler did not reply by the deadline");
                    let late = Error::from_status(StatusCode::GATEWAY_TIMEOUT);
                    (refuse(late, &self.context), None)
                }
            },
            Err(refused) => {
                tracing::warn!("refused: {refused:?}");
                (refuse(refused, &self.context), self.end)
            }
        };
        let mut output = Output::new(stdout, input.clone());
        let sent = send(response, &mut output, &self.context, self.form);
        let sent = by(end, sent).await.unwrap_or_else(|| {
            tracing::error!("the reply was cut at the deadline");
            Err(io::ErrorKind::TimedOut.into())
        });
        (input, sent)
    }
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
    let whole = body
        .size_hint()
        .exact()
        .is_some_and(|length| length <= 2048);
    if whole && let Some(first) = next(&mut body).await {
        match first {
            Ok(bytes) => head.extend_from_slice(&bytes),
            // Nothing is out yet: this can still be told.
            Err(error) => {
                let failed = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
                Box::pin(send(refuse(failed, context), output, context, form)).await?;
                return Err(error);
            }
        }
    }
    output.write(head.into()).await?;
    while let Some(bytes) = next(&mut body).await {
        output.write(bytes?).await?;
    }
    Ok(())
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
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, async {
        let begun = input.received();
        let mut seen = begun;
        while tokio::time::timeout(DRAIN_IDLE, input.take_in())
            .await
            .is_err()
        {
            let received = input.received();
            if received == seen || received - begun > DRAIN_BYTES {
                return false;
            }
            seen = received;
        }
        true
    });
    if !input.is_taken_in() && drained.await != Ok(true) {
        tracing::warn!("the rest of the request body did not come in time");
    }
}
