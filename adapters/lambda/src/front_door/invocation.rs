//! One request through a simulated source: event, invocation, response.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use anyhost_core::adapter::finish_after_response;
use anyhost_core::{Body, Context, Response};
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::client::Client;
use super::simulator::{error_response, error_with_message};
use crate::event::Timeout;
use crate::invocation::{InvocationResult, handler_end, respond};
use crate::runtime::Metadata;

/// An invocation that may have `wait_until` work.
pub(super) enum Unfinished {
    /// The source has the response.
    Responded(Context),
    /// The source has stopped waiting for the response.
    Running(JoinHandle<()>),
}

impl Unfinished {
    /// Waits for the end of the invocation and of its `wait_until` work.
    pub(super) async fn finish(self) {
        match self {
            Self::Responded(context) => {
                finish_after_response(&context, std::future::pending()).await;
            }
            Self::Running(task) => {
                let _ = task.await;
            }
        }
    }
}

type Invocation = Pin<Box<dyn Future<Output = (InvocationResult, Context)> + Send>>;

impl Client {
    /// Sends a request from `peer`. The invocation is `None` if the source rejected the request.
    pub(super) async fn invoke(
        &self,
        request: http::Request<Bytes>,
        peer: IpAddr,
    ) -> (Response, Option<Unfinished>) {
        let event = match self.simulator.event_in(&self.deployment, &request, peer) {
            Ok(event) => event,
            Err(status) => return (error_response(status), None),
        };
        let mut invocation = self.start(event);
        let (result, context) = match self.time_limit() {
            None => invocation.await,
            Some(limit) => match timeout(limit.after, &mut invocation).await {
                Ok(ended) => ended,
                Err(_) => {
                    let response = error_with_message(limit.status, limit.message);
                    let task = tokio::spawn(async {
                        let (_, context) = invocation.await;
                        finish_after_response(&context, std::future::pending()).await;
                    });
                    return (response, Some(Unfinished::Running(task)));
                }
            },
        };
        let response = match result {
            InvocationResult::Response(json) => self.simulator.response(&json),
            InvocationResult::Stream { body, .. } => {
                self.simulator.streamed_response(Body::new(body)).await
            }
            InvocationResult::Failure(_) => self.simulator.failure(),
        };
        (response, Some(Unfinished::Responded(context)))
    }

    fn start(&self, event: Bytes) -> Invocation {
        let handler = self.handler.clone();
        let metadata = Metadata::simulated(self.timeout);
        let settings = self.function.settings.clone();
        Box::pin(async move {
            let end = handler_end(&metadata, &settings);
            respond(handler, event, metadata, end, &settings).await
        })
    }

    /// How long the source waits. The limit is for complete responses: a streamed response may take 15 minutes.
    fn time_limit(&self) -> Option<Timeout> {
        let streams = self.function.settings.mode.streams(self.simulator.source());
        let simulation = self.simulator.simulation().filter(|_| !streams);
        simulation.and_then(|simulation| simulation.timeout)
    }
}
