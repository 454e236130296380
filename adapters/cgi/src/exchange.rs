//! One request and its response.

use std::io::{self, Read, Write};
use std::time::SystemTime;

use anyhost_core::http::StatusCode;
use anyhost_core::{Context, Error, IntoHandler, Request, Response, dispatch, refuse};
use tokio::time::{Instant, timeout_at};

use crate::body::{Framing, Input, Output};
use crate::environment::Environment;
use crate::options::Options;
use crate::path::SplitPath;
use crate::response::{Form, SendError, send};
use crate::{context, request};

/// A decoded request, before its handler runs.
pub(crate) struct Exchange {
    pub(crate) context: Context,
    /// When the whole exchange must have ended.
    pub(crate) deadline: Option<Instant>,
    request: Result<Request, Error>,
    framing: Framing,
    form: Form,
}

impl Exchange {
    pub(crate) fn new(environment: &Environment, options: &Options) -> Self {
        let split = SplitPath::of(environment);
        let mut context = context::of(environment, &split.base_path);
        if let Some(deadline) = options.deadline
            && let Some(deadline) = SystemTime::now().checked_add(deadline)
        {
            context = context.with_deadline(deadline);
        }
        let framing = Framing::of(environment, options);
        Self {
            deadline: options
                .deadline
                .and_then(|deadline| Instant::now().checked_add(deadline)),
            // Even if the length is invalid, the body must be drained, or the web server blocks.
            framing: framing.as_ref().copied().unwrap_or(Framing::ToEnd),
            request: framing.and_then(|framing| {
                request::decode(environment, &split.path, framing, context.clone())
            }),
            context,
            form: Form::of(environment, options),
        }
    }

    /// Runs the handler and writes the response. The caller drains the rest of the request body.
    pub(crate) async fn run<K>(
        self,
        handler: impl IntoHandler<K>,
        stdin: impl Read + Send + 'static,
        stdout: impl Write + Send + 'static,
    ) -> (Input, io::Result<()>) {
        let handler = handler.into_handler();
        let (input, body) = Input::new(self.framing, stdin);
        let request = self.request.map(|request| request.map(|_| body));
        let (response, deadline) = match request {
            Ok(request) => match limit(self.deadline, dispatch(&handler, request)).await {
                Some(response) => (response, self.deadline),
                None => {
                    tracing::error!("request timed out");
                    (late(&self.context), None)
                }
            },
            Err(rejected) => {
                tracing::warn!("request rejected: {rejected:?}");
                (refuse(rejected, &self.context), self.deadline)
            }
        };
        let mut output = Output::new(stdout, input.clone());
        let sent = send(response, &mut output, &self.context, self.form);
        let sent = match limit(deadline, sent).await {
            Some(sent) => sent,
            None if output.is_untouched() => {
                tracing::error!("request timed out");
                send(late(&self.context), &mut output, &self.context, self.form).await
            }
            None => Err(io::Error::new(io::ErrorKind::TimedOut, "deadline exceeded").into()),
        };
        let sent = sent.map_err(|error| match error {
            SendError::Body => io::ErrorKind::ConnectionAborted.into(),
            SendError::Write(error) => error,
        });
        if let Err(error) = &sent
            && error.kind() == io::ErrorKind::TimedOut
        {
            tracing::error!("response aborted: {error}");
        }
        (input, sent)
    }
}

fn late(context: &Context) -> Response {
    refuse(Error::from_status(StatusCode::GATEWAY_TIMEOUT), context)
}

pub(crate) async fn limit<T>(
    deadline: Option<Instant>,
    future: impl Future<Output = T>,
) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}
