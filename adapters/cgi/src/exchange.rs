//! One request and its reply.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::time::Duration;

use anyhost_core::{Body, Context, IntoHandler, Response, dispatch, refuse};
use bytes::Bytes;
use http_body::Body as _;

use crate::environment::Environment;
use crate::input::Input;
use crate::output::Output;
use crate::request::{self, Framing};
use crate::response;

/// How long the rest of a body that nobody reads is waited for before the process ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves one request from any environment, stdin and stdout: what [`serve`](crate::serve) does with
/// the process's own, and what tests do with cursors.
///
/// The work that the handler gave to `wait_until` is not run: it is the caller's, in the context
/// that comes back, since it has to let go of stdout first.
///
/// # Errors
/// `ConnectionAborted` when the reply was cut by its own body, and others when the server did not take
/// it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use anyhost_cgi::{Environment, exchange};
///
/// let environment = Environment::new([("REQUEST_METHOD", "GET"), ("PATH_INFO", "/")]);
/// let (stdout, mut reply) = std::io::pipe().unwrap();
/// # let (mut reply, stdout) = (stdout, reply);
/// let (_, result) = exchange(|| async { "Hello!" }, environment, std::io::empty(), stdout).await;
/// result.unwrap();
/// let reply = std::io::read_to_string(reply).unwrap();
/// assert!(reply.starts_with("Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n"));
/// assert!(reply.ends_with("\r\n\r\nHello!"));
/// # })
/// ```
pub async fn exchange<K>(
    handler: impl IntoHandler<K>,
    environment: Environment,
    stdin: impl Read + Send + 'static,
    stdout: impl Write + Send + 'static,
) -> (Context, io::Result<()>) {
    let handler = handler.into_handler();
    let (context, request) = request::from_environment(&environment);
    // A body whose length makes no sense is still in the server's way.
    let framing = request::framing(&environment).unwrap_or(Framing::ToEnd);
    let result = match Input::new(framing, stdin) {
        Ok((input, body)) => {
            let response = match request {
                Ok(request) => dispatch(&handler, request.map(|_| body)).await,
                Err(refused) => {
                    tracing::warn!("refused: {refused:?}");
                    drop(body);
                    refuse(refused, &context)
                }
            };
            let sent = send(response, Output::new(stdout, input.clone())).await;
            drain(&input).await;
            sent
        }
        Err(error) => Err(error),
    };
    (context, result)
}

async fn send<W: Write + Send + 'static>(
    response: Response,
    mut output: Output<W>,
) -> io::Result<()> {
    let mut head = response::head(&response);
    let mut body = response.into_body();
    // Most replies are one piece of memory, and go out in one write with their head.
    let whole = body
        .size_hint()
        .exact()
        .is_some_and(|length| length <= 2048);
    if whole && let Some(first) = next(&mut body).await {
        head.extend_from_slice(&first?);
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
async fn drain(input: &Input) {
    if !input.is_taken_in()
        && tokio::time::timeout(DRAIN_TIMEOUT, input.take_in())
            .await
            .is_err()
    {
        tracing::warn!("the rest of the request body did not come in time");
    }
}
