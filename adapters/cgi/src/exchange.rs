//! One request and its response.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhost_core::adapter::{self, Deadline, Outcome, RequestInfo, log_aborted, timed_out};
use anyhost_core::{Context, Error, Handler, Request, Response};
use tokio::time::{Instant, sleep_until};

use crate::body::{Framing, Input, Output};
use crate::environment::Environment;
use crate::options::Options;
use crate::path::SplitPath;
use crate::response::{Form, SendError, send};
use crate::{context, request};

/// A decoded request, before its handler runs.
pub(crate) struct Exchange {
    pub(crate) context: Context,
    /// When the deadline passes.
    pub(crate) end: Option<Instant>,
    request: Result<Request, (Error, RequestInfo)>,
    framing: Framing,
    form: Form,
}

impl Exchange {
    pub(crate) fn new(environment: &Environment, options: &Options) -> Self {
        let split = SplitPath::of(environment);
        let mut context = context::of(environment, &split.base_path);
        let end = options.deadline.and_then(end_of);
        if let Some((_, end)) = end {
            context = context.with_deadline(end);
        }
        let framing = Framing::of(environment, options);
        Self {
            end: end.map(|(end, _)| end),
            // Even if the length is invalid, the body must be read and discarded, or the web server blocks.
            framing: framing.as_ref().copied().unwrap_or(Framing::ToEnd),
            request: request::decode(environment, &split.path, framing, context.clone()),
            context,
            form: Form::of(environment, options),
        }
    }

    /// Opens stdin, if the request has a body. `std::io::stdin` is not used, because it allocates a buffer.
    pub(crate) fn open_stdin(&self) -> io::Result<Box<dyn Read + Send>> {
        if self.framing == Framing::None {
            return Ok(Box::new(io::empty()));
        }
        let stdin = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        Ok(Box::new(File::from(stdin)))
    }

    /// Runs the handler and writes the response. The caller discards the rest of the request body.
    pub(crate) async fn run(
        self,
        handler: Arc<dyn Handler>,
        stdin: impl Read + Send + 'static,
        stdout: impl Write + Send + 'static,
    ) -> (Input, Outcome) {
        let deadline = deadline_at(self.end);
        let (input, body) = Input::new(self.framing, stdin);
        let output = Output::new(stdout, input.clone());
        let outcome = match self.request {
            Ok(request) => {
                let exchange = adapter::exchange(handler, request.map(|_| body), deadline);
                let exchanged = exchange.await;
                let sending = Sending {
                    output,
                    info: exchanged.info,
                    form: self.form,
                };
                let sent = sending.send(exchanged.response, exchanged.deadline);
                sent.await.unwrap_or(exchanged.outcome)
            }
            Err((error, info)) => {
                let response = adapter::reject(error, &info);
                let sending = Sending {
                    output,
                    info,
                    form: self.form,
                };
                let sent = sending.send(response, deadline);
                sent.await.unwrap_or(Outcome::Rejected)
            }
        };
        (input, outcome)
    }
}

/// A response that is being sent.
struct Sending<W> {
    output: Output<W>,
    info: RequestInfo,
    form: Form,
}

impl<W: Write + Send + 'static> Sending<W> {
    /// Sends the response until the deadline. Returns `None` if the response was sent, and otherwise the outcome of
    /// the exchange.
    async fn send(mut self, response: Response, mut deadline: Deadline) -> Option<Outcome> {
        let (output, info) = (&mut self.output, &self.info);
        let sent = deadline
            .limit(send(response, output, info, self.form))
            .await;
        let (sent, outcome) = match sent {
            Ok(sent) => (sent, None),
            // The head is longer than a pipe holds and was still waiting for the request body, so the client can
            // still get a 504.
            Err(_) if output.is_untouched() => (
                send(timed_out(info), output, info, self.form).await,
                Some(Outcome::TimedOut),
            ),
            Err(exceeded) => {
                log_aborted(info, &exceeded);
                (Ok(()), Some(Outcome::Aborted))
            }
        };
        match sent {
            Ok(()) => outcome,
            Err(SendError::Body) => Some(Outcome::Aborted),
            Err(SendError::Write(error)) if is_disconnect(&error) => {
                Some(Outcome::ClientDisconnected)
            }
            Err(SendError::Write(error)) => {
                log_aborted(info, &error);
                Some(Outcome::Aborted)
            }
        }
    }
}

/// The end of a time limit that starts now, on the clock of the runtime and on the clock of the system. `None` if one
/// of these clocks cannot represent the end.
fn end_of(limit: Duration) -> Option<(Instant, SystemTime)> {
    Instant::now()
        .checked_add(limit)
        .zip(SystemTime::now().checked_add(limit))
}

/// A deadline at `end`; no deadline if `end` is `None`.
pub(crate) fn deadline_at(end: Option<Instant>) -> Deadline {
    end.map_or_else(Deadline::none, |end| Deadline::new(sleep_until(end)))
}

fn is_disconnect(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}
