//! The calls of the Runtime API, over one keep-alive connection.

use std::io;
use std::time::Duration;

use anyhost_core::Error;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRAILER, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use tokio::time::{Instant, timeout};

use super::connection::{self, Connection, Failed, Payload, StreamingBody};
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::invocation_id::InvocationId;
use super::metadata::Metadata;

/// The trailers of a streamed response that failed.
pub(crate) const ERROR_TYPE: HeaderName =
    HeaderName::from_static("lambda-runtime-function-error-type");
pub(crate) const ERROR_BODY: HeaderName =
    HeaderName::from_static("lambda-runtime-function-error-body");

const X_RAY_CAUSE: HeaderName = HeaderName::from_static("lambda-runtime-function-xray-error-cause");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("anyhost/", env!("CARGO_PKG_VERSION")));
const INTEGRATION_RESPONSE: HeaderValue =
    HeaderValue::from_static("application/vnd.awslambda.http-integration-response");
const RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
const EXTENSION_NAME: HeaderName = HeaderName::from_static("lambda-extension-name");
const EXTENSION_ID: HeaderName = HeaderName::from_static("lambda-extension-identifier");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How long the report of a failed start may take. The calls of an invocation have no timeout, because the API
/// responds once the response was delivered, and Lambda ends the invocation at its deadline.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the API may refuse connections. On Lambda, it never does. With an emulator, it means that the emulator
/// has ended, and another emulator may later use the same port.
const GONE_AFTER: Duration = Duration::from_secs(5);

/// A client of the Runtime API. Each worker has one.
pub(crate) struct Client {
    endpoint: Endpoint,
    next: Uri,
    connection: Option<Box<Connection>>,
}

/// The response of `GET /invocation/next`.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) id: InvocationId,
    pub(crate) metadata: Metadata,
    pub(crate) event: Bytes,
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            next: endpoint.target("runtime/invocation/next"),
            endpoint,
            connection: None,
        }
    }

    pub(crate) fn with_new_connection(&self) -> Self {
        Self::new(self.endpoint.clone())
    }

    /// Waits for the next invocation, and retries until the API returns one.
    ///
    /// # Errors
    /// Returns an error if the API has refused connections for [`GONE_AFTER`].
    pub(crate) async fn next(&mut self) -> io::Result<Next> {
        let mut pause = Duration::from_millis(50);
        let mut refused_since = None;
        loop {
            let error = match self.try_next().await {
                Ok(next) => return Ok(next),
                Err(error) => error,
            };
            tracing::error!(%error, ?pause, "failed to get an invocation from the Lambda Runtime API");
            if error.kind() == io::ErrorKind::ConnectionRefused {
                let since = *refused_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= GONE_AFTER {
                    let message = "the Lambda Runtime API refuses connections";
                    return Err(io::Error::new(error.kind(), message));
                }
            } else {
                refused_since = None;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn try_next(&mut self) -> io::Result<Next> {
        let target = self.next.clone();
        let (status, headers, event) = self.get(target, HeaderMap::new()).await?;
        if status != StatusCode::OK {
            return Err(unexpected("GET /invocation/next", status));
        }
        let metadata = Metadata::new(headers);
        let id = InvocationId::new(&metadata)
            .ok_or_else(|| io::Error::other("GET /invocation/next returned no request id"))?;
        Ok(Next {
            id,
            metadata,
            event,
        })
    }

    /// Sends the response of an invocation.
    pub(crate) async fn respond(&mut self, id: &InvocationId, response: Bytes) {
        if id.is_over() {
            log_too_late();
            return;
        }
        let target = id.target(&self.endpoint, "response");
        let posted = self.post(target, id.headers(), response).await;
        self.check_posted(id, posted).await;
    }

    /// Sends a response while it is produced. `aborted` ends the call before the response is complete.
    pub(crate) async fn stream(
        &mut self,
        id: &InvocationId,
        response: StreamingBody,
        aborted: impl Future<Output = ()>,
    ) {
        if id.is_over() {
            log_too_late();
            return;
        }
        let mut headers = id.headers();
        headers.insert(CONTENT_TYPE, INTEGRATION_RESPONSE);
        headers.insert(RESPONSE_MODE, HeaderValue::from_static("streaming"));
        for name in [ERROR_TYPE, ERROR_BODY] {
            headers.append(TRAILER, name.into());
        }
        let target = id.target(&self.endpoint, "response");
        let call = self.call(Method::POST, target, headers, Payload::Stream(response));
        let posted = tokio::select! {
            // `biased`, so that the call, which polls the body, is polled first.
            biased;
            posted = call => posted.map(|(status, ..)| status),
            // Dropping the call closes the connection, because the call owns the connection.
            () = aborted => Err(Failed::sent(io::ErrorKind::TimedOut.into())),
        };
        if !posted.as_ref().is_ok_and(StatusCode::is_success) {
            // The API may have responded before it read the whole body. The connection cannot be used for another
            // call then.
            self.connection = None;
        }
        self.check_posted(id, posted).await;
    }

    /// If the API did not accept the response, reports the invocation as failed, so that its caller does not
    /// wait until the timeout. The report must not reach another invocation or end a delivery in progress:
    ///
    /// - 400, 403 and 410 mean that the API does not wait for this response, because the API already has a response or
    ///   because the invocation is over. Lambda may already have started the invocation again with the same request id.
    /// - If the API did not respond to the sent response, it may still deliver the response. Lambda itself reports a
    ///   response that ended early.
    async fn check_posted(&mut self, id: &InvocationId, posted: Result<StatusCode, Failed>) {
        const REJECTED: &str = "Runtime.ResponseRejected";
        let (error, report) = match posted {
            Ok(status) if status.is_success() => return,
            Ok(status @ StatusCode::PAYLOAD_TOO_LARGE) => {
                let error = unexpected("POST /invocation/response", status);
                (error, Some("Function.ResponseSizeTooLarge"))
            }
            Ok(status) => {
                let over = [
                    StatusCode::BAD_REQUEST,
                    StatusCode::FORBIDDEN,
                    StatusCode::GONE,
                ];
                let error = unexpected("POST /invocation/response", status);
                (error, (!over.contains(&status)).then_some(REJECTED))
            }
            Err(failed) => (failed.error, failed.unsent.map(|_| REJECTED)),
        };
        tracing::error!(%error, "failed to post the response to the Lambda Runtime API");
        if let Some(kind) = report {
            let message = format!("failed to post the response: {error}");
            let error = Error::new(StatusCode::INTERNAL_SERVER_ERROR, message);
            self.fail(id, &Failure::new(kind, error)).await;
        }
    }

    /// Reports that an invocation failed.
    pub(crate) async fn fail(&mut self, id: &InvocationId, failure: &Failure) {
        if id.is_over() {
            log_too_late();
            return;
        }
        let target = id.target(&self.endpoint, "error");
        let mut headers = id.headers();
        headers.extend(failure.x_ray_cause().map(|cause| (X_RAY_CAUSE, cause)));
        let error = match self.post_error(target, headers, failure).await {
            Ok(status) if status.is_success() => return,
            Ok(status) => unexpected("POST /invocation/error", status),
            Err(Failed { error, .. }) => error,
        };
        tracing::error!(%error, "failed to report the failed invocation to Lambda");
    }

    /// Reports that the function failed to start.
    pub(crate) async fn report_init_error(&mut self, failure: &Failure) {
        self.report_start("runtime/init/error", failure).await;
    }

    /// Reports that a hook after the SnapStart restore failed.
    pub(crate) async fn report_restore_error(&mut self, failure: &Failure) {
        self.report_start("runtime/restore/error", failure).await;
    }

    async fn report_start(&mut self, call: &str, failure: &Failure) {
        let target = self.endpoint.target(call);
        let report = self.post_error(target, HeaderMap::new(), failure);
        let error = match timeout(REPORT_TIMEOUT, report).await {
            Ok(Ok(_)) => return,
            Ok(Err(Failed { error, .. })) => error,
            Err(elapsed) => elapsed.into(),
        };
        tracing::error!(%error, "failed to report the failed start to Lambda");
    }

    /// Reports that the start is complete, and waits until the process is restored from its snapshot.
    pub(crate) async fn restore_next(&mut self) -> io::Result<()> {
        let target = self.endpoint.target("runtime/restore/next");
        let (status, ..) = self.get(target, HeaderMap::new()).await?;
        // The restored process runs on another machine, so its connections are dead.
        self.connection = None;
        match status.is_success() {
            true => Ok(()),
            false => Err(unexpected("GET /restore/next", status)),
        }
    }

    /// Registers an extension that receives no events, and returns its id.
    pub(crate) async fn register_extension(&mut self) -> io::Result<HeaderValue> {
        let target = self.endpoint.extension_target("register");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(EXTENSION_NAME, HeaderValue::from_static("anyhost"));
        let no_events = Payload::Whole(Bytes::from_static(br#"{"events":[]}"#).into());
        let called = self.call(Method::POST, target, headers, no_events).await;
        let (status, headers, _) = called.map_err(|failed| failed.error)?;
        let id = headers.get(EXTENSION_ID).filter(|_| status.is_success());
        id.cloned()
            .ok_or_else(|| unexpected("POST /extension/register", status))
    }

    /// Waits for an event of an extension.
    pub(crate) async fn next_event(&mut self, id: &HeaderValue) -> io::Result<()> {
        let target = self.endpoint.extension_target("event/next");
        let headers = HeaderMap::from_iter([(EXTENSION_ID, id.clone())]);
        self.get(target, headers).await.map(drop)
    }

    async fn post_error(
        &mut self,
        target: Uri,
        mut headers: HeaderMap,
        failure: &Failure,
    ) -> Result<StatusCode, Failed> {
        headers.insert(ERROR_TYPE, failure.header());
        self.post(target, headers, failure.to_json().into()).await
    }

    async fn post(
        &mut self,
        target: Uri,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<StatusCode, Failed> {
        headers.insert(CONTENT_TYPE, JSON);
        let body = Payload::Whole(body.into());
        let (status, ..) = self.call(Method::POST, target, headers, body).await?;
        Ok(status)
    }

    async fn get(
        &mut self,
        target: Uri,
        headers: HeaderMap,
    ) -> io::Result<(StatusCode, HeaderMap, Bytes)> {
        let kept = self.connection.is_some();
        let empty = || Payload::Whole(Full::default());
        let mut called = self
            .call(Method::GET, target.clone(), headers.clone(), empty())
            .await;
        if kept && called.is_err() {
            // The API closed the kept connection. A GET can be repeated (RFC 9110 §9.2.2).
            called = self.call(Method::GET, target, headers, empty()).await;
        }
        called.map_err(|failed| failed.error)
    }

    /// Makes a call on the kept connection, or on a new connection if the API has closed it. A request is repeated
    /// only if no byte of it was sent, because otherwise the API may have handled the request.
    async fn call(
        &mut self,
        method: Method,
        target: Uri,
        headers: HeaderMap,
        body: Payload,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Failed> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = target;
        *request.headers_mut() = headers;
        let headers = request.headers_mut();
        headers.insert(HOST, self.endpoint.host.clone());
        headers.insert(USER_AGENT, AGENT);

        // The connection is put back only after a successful exchange.
        if let Some(mut connection) = self.connection.take().filter(|kept| kept.is_open()) {
            match connection.exchange(request).await {
                Ok(answer) => return Ok(self.keep(connection, answer)),
                Err(Failed {
                    unsent: Some(unsent),
                    ..
                }) => request = *unsent,
                Err(failed) => return Err(failed),
            }
        }
        let mut connection = match Connection::open(&self.endpoint.address).await {
            Ok(connection) => Box::new(connection),
            Err(error) => {
                let unsent = Some(Box::new(request));
                return Err(Failed { error, unsent });
            }
        };
        let answer = connection.exchange(request).await?;
        Ok(self.keep(connection, answer))
    }

    fn keep(
        &mut self,
        connection: Box<Connection>,
        (parts, body): (Parts, Bytes),
    ) -> (StatusCode, HeaderMap, Bytes) {
        if connection::stays_open(&parts) {
            self.connection = Some(connection);
        }
        (parts.status, parts.headers, body)
    }
}

fn unexpected(call: &str, status: StatusCode) -> io::Error {
    io::Error::other(format!("{call} returned {status}"))
}

/// Logs that a response is not sent. The invocation may already run again with the same request id, and the client of
/// the second run would get this response.
fn log_too_late() {
    tracing::error!("dropped the response, because the deadline of the invocation has passed");
}

#[cfg(test)]
mod tests;
