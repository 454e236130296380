//! The calls of the Runtime API, over one connection that is kept.

use std::io;
use std::time::Duration;

use anyhost_core::Error;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Endpoint;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("anyhost/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The Runtime API, as one worker sees it.
pub(crate) struct Client {
    endpoint: Endpoint,
    connection: Option<SendRequest<Full<Bytes>>>,
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
            endpoint,
            connection: None,
        }
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
        let target = self.endpoint.target("runtime/invocation/next");
        let (status, headers, event) = self
            .call(Method::GET, target, HeaderMap::new(), Bytes::new())
            .await?;
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
    pub(crate) async fn respond(&mut self, id: &HeaderValue, reply: Result<Vec<u8>, Error>) {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                tracing::error!("{error:?}");
                self.fail(id, &error).await;
                return;
            }
        };
        match self
            .post(&invocation(id, "response"), HeaderMap::new(), reply.into())
            .await
        {
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

    async fn fail(&mut self, id: &HeaderValue, error: &Error) {
        if let Err(error) = self.post_error(&invocation(id, "error"), error).await {
            tracing::error!(%error, "the failure could not be posted");
        }
    }

    /// Reports that the function could not start.
    pub(crate) async fn init_error(&mut self, error: &Error) -> io::Result<()> {
        self.post_error("runtime/init/error", error).await
    }

    async fn post_error(&mut self, call: &str, error: &Error) -> io::Result<()> {
        let kind = "Runtime.AnyhostError";
        let chain = format!("{error:?}");
        let body = serde_json::json!({"errorMessage": chain, "errorType": kind, "stackTrace": []});
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("lambda-runtime-function-error-type"),
            HeaderValue::from_static(kind),
        )]);
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
            match self
                .call(Method::POST, target.clone(), headers.clone(), body.clone())
                .await
            {
                Ok((status, ..)) => return Ok(status),
                Err(error) => tracing::debug!(%error, "posting again on a new connection"),
            }
        }
        let (status, ..) = self.call(Method::POST, target, headers, body).await?;
        Ok(status)
    }

    async fn call(
        &mut self,
        method: Method,
        target: String,
        headers: HeaderMap,
        body: Bytes,
    ) -> io::Result<(StatusCode, HeaderMap, Bytes)> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().map_err(io::Error::other)?;
        *request.headers_mut() = headers;
        request
            .headers_mut()
            .insert(HOST, self.endpoint.host.clone());
        request.headers_mut().insert(USER_AGENT, AGENT);

        // On any failure the connection is gone with this local value.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.endpoint.address).await?,
        };
        connection.ready().await.map_err(io::Error::other)?;
        let response = connection
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        self.connection = Some(connection);
        Ok((parts.status, parts.headers, body))
    }
}

async fn connect(address: &str) -> io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the Runtime API ended");
        }
    });
    Ok(sender)
}

fn invocation(id: &HeaderValue, what: &str) -> String {
    // Checked when it came in.
    format!(
        "runtime/invocation/{}/{what}",
        id.to_str().unwrap_or_default()
    )
}
