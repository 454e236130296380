//! The calls of the Runtime API, over one kept connection.

use std::io;
use std::time::Duration;

use anyhost_core::Error;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRAILER, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use tokio::time::{Instant, timeout, timeout_at};

use super::connection::{Connection, Payload, StreamingBody};
use super::endpoint::Endpoint;

/// The trailers of a streamed response that failed.
pub(crate) const ERROR_TYPE: HeaderName =
    HeaderName::from_static("lambda-runtime-function-error-type");
pub(crate) const ERROR_BODY: HeaderName =
    HeaderName::from_static("lambda-runtime-function-error-body");

const AGENT: HeaderValue = HeaderValue::from_static(concat!("anyhost/", env!("CARGO_PKG_VERSION")));
const INTEGRATION_RESPONSE: HeaderValue =
    HeaderValue::from_static("application/vnd.awslambda.http-integration-response");
const RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
const EXTENSION_NAME: HeaderName = HeaderName::from_static("lambda-extension-name");
const EXTENSION_ID: HeaderName = HeaderName::from_static("lambda-extension-identifier");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How long the API may take to answer a POST.
const POST_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the Runtime API. Each worker has one.
pub(crate) struct Client {
    endpoint: Endpoint,
    next: Uri,
    connection: Option<Box<Connection>>,
}

/// The response of `GET /invocation/next`.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) id: HeaderValue,
    pub(crate) headers: HeaderMap,
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
    pub(crate) async fn next(&mut self) -> Next {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.try_next().await {
                Ok(next) => return next,
                Err(error) => {
                    tracing::error!(%error, ?pause, "failed to get an invocation from the Lambda Runtime API");
                }
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
        // The id becomes part of a request target.
        let is_valid = |id: &HeaderValue| {
            id.as_bytes()
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        };
        let id = headers.get("lambda-runtime-aws-request-id").cloned();
        let id = id
            .filter(is_valid)
            .ok_or_else(|| io::Error::other("GET /invocation/next returned no valid request id"))?;
        Ok(Next { id, headers, event })
    }

    /// Posts the response of an invocation. If that fails, the invocation is reported as failed, so that its
    /// caller does not wait until the timeout.
    pub(crate) async fn respond(&mut self, id: &HeaderValue, response: Bytes) {
        let call = invocation(id, "response");
        let posted = self.post(&call, HeaderMap::new(), response).await;
        self.check_posted(id, posted).await;
    }

    /// Posts a response while it is produced. The call cannot be repeated.
    pub(crate) async fn stream(
        &mut self,
        id: &HeaderValue,
        response: StreamingBody,
        deadline: Option<Instant>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, INTEGRATION_RESPONSE);
        headers.insert(RESPONSE_MODE, HeaderValue::from_static("streaming"));
        for name in [ERROR_TYPE, ERROR_BODY] {
            headers.append(TRAILER, name.into());
        }
        let target = self.endpoint.target(&invocation(id, "response"));
        let posted = self.call(Method::POST, target, headers, Payload::Stream(response));
        // The body itself ends at the deadline.
        let end = deadline.and_then(|deadline| deadline.checked_add(POST_TIMEOUT));
        let posted = match end {
            Some(end) => timeout_at(end, posted)
                .await
                .unwrap_or_else(|_| Err(timed_out())),
            None => posted.await,
        };
        let posted = posted.map(|(status, ..)| status);
        if !posted.as_ref().is_ok_and(StatusCode::is_success) {
            // The API may have answered before it read the whole body.
            self.connection = None;
        }
        self.check_posted(id, posted).await;
    }

    async fn check_posted(&mut self, id: &HeaderValue, posted: io::Result<StatusCode>) {
        let posted = posted.and_then(|status| match status.is_success() {
            true => Ok(()),
            false => Err(unexpected("POST /invocation/response", status)),
        });
        if let Err(error) = posted {
            tracing::error!(%error, "failed to post the response to the Lambda Runtime API");
            let message = format!("failed to post the response: {error}");
            self.fail(id, &Error::new(StatusCode::INTERNAL_SERVER_ERROR, message))
                .await;
        }
    }

    /// Reports that an invocation failed.
    pub(crate) async fn fail(&mut self, id: &HeaderValue, error: &Error) {
        if let Err(error) = self.post_error(&invocation(id, "error"), error).await {
            tracing::error!(%error, "failed to report the failed invocation to Lambda");
        }
    }

    /// Reports that the function failed to start.
    pub(crate) async fn report_init_error(&mut self, error: &Error) {
        self.report_start("runtime/init/error", error).await;
    }

    /// Reports that a hook after the SnapStart restore failed.
    pub(crate) async fn report_restore_error(&mut self, error: &Error) {
        self.report_start("runtime/restore/error", error).await;
    }

    async fn report_start(&mut self, call: &str, error: &Error) {
        if let Err(error) = self.post_error(call, error).await {
            tracing::error!(%error, "failed to report the failed start to Lambda");
        }
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

    /// Registers an extension for no events, and returns its id.
    pub(crate) async fn register_extension(&mut self) -> io::Result<HeaderValue> {
        let target = self.endpoint.extension_target("register");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(EXTENSION_NAME, HeaderValue::from_static("anyhost"));
        let no_events = Payload::Whole(Bytes::from_static(br#"{"events":[]}"#).into());
        let (status, headers, _) = self.call(Method::POST, target, headers, no_events).await?;
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

    async fn post_error(&mut self, call: &str, error: &Error) -> io::Result<()> {
        let kind = "Runtime.AnyhostError";
        let chain = format!("{error:?}");
        let body = serde_json::json!({"errorMessage": chain, "errorType": kind, "stackTrace": []});
        let headers = HeaderMap::from_iter([(ERROR_TYPE, HeaderValue::from_static(kind))]);
        self.post(call, headers, body.to_string().into())
            .await
            .map(drop)
    }

    async fn post(
        &mut self,
        call: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> io::Result<StatusCode> {
        headers.insert(CONTENT_TYPE, JSON);
        let target = self.endpoint.target(call);
        // The kept connection may have died while Lambda had frozen the process. The body is in memory, so the
        // call can be repeated on a new connection.
        if self.connection.is_some() {
            let payload = Payload::Whole(body.clone().into());
            let call = self.call(Method::POST, target.clone(), headers.clone(), payload);
            match timeout(POST_TIMEOUT, call)
                .await
                .unwrap_or_else(|_| Err(timed_out()))
            {
                Ok((status, ..)) => return Ok(status),
                Err(error) => tracing::debug!(%error, "retrying a POST on a new connection"),
            }
        }
        let call = self.call(Method::POST, target, headers, Payload::Whole(body.into()));
        let called = timeout(POST_TIMEOUT, call).await;
        let (status, ..) = called.unwrap_or_else(|_| Err(timed_out()))?;
        Ok(status)
    }

    async fn get(
        &mut self,
        target: Uri,
        headers: HeaderMap,
    ) -> io::Result<(StatusCode, HeaderMap, Bytes)> {
        let empty = Payload::Whole(Full::default());
        self.call(Method::GET, target, headers, empty).await
    }

    async fn call(
        &mut self,
        method: Method,
        target: Uri,
        headers: HeaderMap,
        body: Payload,
    ) -> io::Result<(StatusCode, HeaderMap, Bytes)> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = target;
        *request.headers_mut() = headers;
        let headers = request.headers_mut();
        headers.insert(HOST, self.endpoint.host.clone());
        headers.insert(USER_AGENT, AGENT);

        // The connection is put back only after a successful exchange.
        let mut kept = self.connection.take();
        if let Some(connection) = &mut kept
            && !connection.is_open().await
        {
            kept = None;
        }
        let mut connection = match kept {
            Some(connection) => connection,
            None => Box::new(Connection::open(&self.endpoint.address).await?),
        };
        let (parts, body) = connection.exchange(request).await?;
        self.connection = Some(connection);
        Ok((parts.status, parts.headers, body))
    }
}

fn unexpected(call: &str, status: StatusCode) -> io::Error {
    io::Error::other(format!("{call} returned {status}"))
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

fn invocation(id: &HeaderValue, call: &str) -> String {
    // `try_next` accepts only ids that are valid strings.
    let id = id.to_str().unwrap_or_default();
    format!("runtime/invocation/{id}/{call}")
}
