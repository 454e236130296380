//! The calls of the Runtime API, over one connection that is kept.

use std::io;
use std::time::Duration;

use anyhost_core::Error;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRAILER, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use tokio::time::{Instant, timeout, timeout_at};

use super::Endpoint;
use super::connection::{Connection, Payload};
use crate::stream::{ERROR_BODY, ERROR_TYPE, Streamed};

const AGENT: HeaderValue = HeaderValue::from_static(concat!("anyhost/", env!("CARGO_PKG_VERSION")));

/// How long the API may take to agree to what was posted.
const PATIENCE: Duration = Duration::from_secs(30);

const INTEGRATION_RESPONSE: HeaderValue =
    HeaderValue::from_static("application/vnd.awslambda.http-integration-response");
const RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
const EXTENSION_NAME: HeaderName = HeaderName::from_static("lambda-extension-name");
const EXTENSION_ID: HeaderName = HeaderName::from_static("lambda-extension-identifier");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The Runtime API, as one worker sees it.
pub(crate) struct Client {
    endpoint: Endpoint,
    next: Uri,
    connection: Option<Box<Connection>>,
}

/// An invocation that `/next` gave.
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

    /// The same API, over a connection of its own.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.endpoint.clone())
    }

    /// Waits for the next invocation, however long that takes and however often the API fails.
    pub(crate) async fn next(&mut self) -> Next {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.try_next().await {
                Ok(next) => return next,
                Err(error) => tracing::error!(%error, ?pause, "no invocation from the Runtime API"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn try_next(&mut self) -> io::Result<Next> {
        let target = self.next.clone();
        let (status, headers, event) = self.get(target, HeaderMap::new()).await?;
        if status != StatusCode::OK {
            return Err(io::Error::other(format!("/next said {status}")));
        }
        let id = headers.get("lambda-runtime-aws-request-id").cloned();
        let usable = |id: &HeaderValue| {
            id.as_bytes()
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        };
        let id = id
            .filter(usable)
            .ok_or_else(|| io::Error::other("/next gave no request id"))?;
        Ok(Next { id, headers, event })
    }

    /// Posts the reply of an invocation. If the API does not want it, the invocation is failed, so that
    /// nobody waits for it until the timeout.
    pub(crate) async fn respond(&mut self, id: &HeaderValue, reply: Bytes) {
        let call = invocation(id, "response");
        let posted = self.post(&call, HeaderMap::new(), reply).await;
        self.settle(id, posted).await;
    }

    /// Posts a reply while it is made. It cannot be said a second time.
    pub(crate) async fn stream(
        &mut self,
        id: &HeaderValue,
        reply: Streamed,
        deadline: Option<Instant>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, INTEGRATION_RESPONSE);
        headers.insert(RESPONSE_MODE, HeaderValue::from_static("streaming"));
        for name in [ERROR_TYPE, ERROR_BODY] {
            headers.append(TRAILER, name.into());
        }
        let target = self.endpoint.target(&invocation(id, "response"));
        let payload = Payload::Stream(Box::new(reply));
        let posted = self.call(Method::POST, target, headers, payload);
        // The reply itself ends at the deadline.
        let patience = deadline.and_then(|deadline| deadline.checked_add(PATIENCE));
        let posted = match patience {
            Some(end) => timeout_at(end, posted)
                .await
                .unwrap_or_else(|_| Err(timed_out())),
            None => posted.await,
        };
        let posted = posted.map(|(status, ..)| status);
        if !posted.as_ref().is_ok_and(StatusCode::is_success) {
            // What was refused may not have been sent to its end.
            self.connection = None;
        }
        self.settle(id, posted).await;
    }

    async fn settle(&mut self, id: &HeaderValue, posted: io::Result<StatusCode>) {
        match posted {
            Ok(status) if status.is_success() => {}
            Ok(status) => {
                tracing::error!(%status, "the Runtime API refused the reply");
                let refused = format!("The Runtime API refused the reply with {status}");
                self.fail(id, &Error::new(StatusCode::INTERNAL_SERVER_ERROR, refused))
                    .await;
            }
            Err(error) => {
                tracing::error!(%error, "the reply could not be posted");
                let failed = Error::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The reply was not posted",
                );
                self.fail(id, &failed).await;
            }
        }
    }

    /// Says that an invocation failed.
    pub(crate) async fn fail(&mut self, id: &HeaderValue, error: &Error) {
        if let Err(error) = self.post_error(&invocation(id, "error"), error).await {
            tracing::error!(%error, "the failure could not be posted");
        }
    }

    /// Reports that the function could not start.
    pub(crate) async fn init_error(&mut self, error: &Error) -> io::Result<()> {
        self.post_error("runtime/init/error", error).await
    }

    /// Reports that a hook after the restore failed.
    pub(crate) async fn restore_error(&mut self, error: &Error) -> io::Result<()> {
        self.post_error("runtime/restore/error", error).await
    }

    /// Says that the start is done, and waits until the process goes on from its snapshot.
    pub(crate) async fn restore_next(&mut self) -> io::Result<()> {
        let target = self.endpoint.target("runtime/restore/next");
        let (status, ..) = self.get(target, HeaderMap::new()).await?;
        // No connection outlives a snapshot.
        self.connection = None;
        match status.is_success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("/restore/next said {status}"))),
        }
    }

    /// Registers an extension that wants no events, and gives its id.
    pub(crate) async fn register_extension(&mut self) -> io::Result<HeaderValue> {
        let target = self.endpoint.extension_target("register");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(EXTENSION_NAME, HeaderValue::from_static("anyhost"));
        let nothing = Payload::Whole(Bytes::from_static(br#"{"events":[]}"#).into());
        let (status, headers, _) = self.call(Method::POST, target, headers, nothing).await?;
        let id = headers.get(EXTENSION_ID).filter(|_| status.is_success());
        id.cloned()
            .ok_or_else(|| io::Error::other(format!("/extension/register said {status}")))
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
        // A kept connection may have died while the sandbox was frozen; what is posted is kept, so it
        // can be said again on a new one.
        if self.connection.is_some() {
            let payload = Payload::Whole(body.clone().into());
            let said = self.call(Method::POST, target.clone(), headers.clone(), payload);
            match timeout(PATIENCE, said)
                .await
                .unwrap_or_else(|_| Err(timed_out()))
            {
                Ok((status, ..)) => return Ok(status),
                Err(error) => tracing::debug!(%error, "posting again on a new connection"),
            }
        }
        let said = self.call(Method::POST, target, headers, Payload::Whole(body.into()));
        let said = timeout(PATIENCE, said).await;
        let (status, ..) = said.unwrap_or_else(|_| Err(timed_out()))?;
        Ok(status)
    }

    async fn get(
        &mut self,
        target: Uri,
        headers: HeaderMap,
    ) -> io::Result<(StatusCode, HeaderMap, Bytes)> {
        let nothing = Payload::Whole(Full::default());
        self.call(Method::GET, target, headers, nothing).await
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
        request
            .headers_mut()
            .insert(HOST, self.endpoint.host.clone());
        request.headers_mut().insert(USER_AGENT, AGENT);

        // On any failure the connection is gone with this local value.
        let mut kept = self.connection.take();
        if let Some(connection) = &mut kept
            && !connection.is_alive().await
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

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

fn invocation(id: &HeaderValue, what: &str) -> String {
    // Checked when it came in.
    format!(
        "runtime/invocation/{}/{what}",
        id.to_str().unwrap_or_default()
    )
}
