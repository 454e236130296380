//! A simulated Lambda Runtime API. Unlike emulators, it sends events of every event source, and it can fail on demand.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// A call of the function to the Runtime API or the Extensions API.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The last part of the path: `response`, `error`, `init`, `restore`, `restore-next`, or `register`.
    pub call: String,
    /// The headers of the call.
    pub headers: HeaderMap,
    /// The body of the call.
    pub body: Bytes,
    /// The trailers of the call.
    pub trailers: HeaderMap,
}

impl Answer {
    /// Parses the body as JSON.
    ///
    /// # Panics
    /// The body is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("expected JSON in the body of the call")
    }
}

/// A running Runtime API.
#[derive(Debug)]
pub struct LambdaApi {
    address: SocketAddr,
    events: mpsc::UnboundedSender<(String, Response<Full<Bytes>>)>,
    state: Arc<State>,
    inits: tokio::sync::Mutex<mpsc::UnboundedReceiver<Answer>>,
    next: AtomicU64,
    restore: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    queue: tokio::sync::Mutex<mpsc::UnboundedReceiver<(String, Response<Full<Bytes>>)>>,
    waiting: Mutex<HashMap<String, mpsc::UnboundedSender<Answer>>>,
    refusals: Mutex<Vec<StatusCode>>,
    inits: mpsc::UnboundedSender<Answer>,
    restored: watch::Receiver<bool>,
    extensions: AtomicBool,
    drops: AtomicU64,
}

impl State {
    /// Records a call that has no body and belongs to the start of the function.
    fn record_start_call(&self, call: &str, headers: &HeaderMap) {
        let _ = self.inits.send(Answer {
            call: call.to_owned(),
            headers: headers.clone(),
            body: Bytes::new(),
            trailers: HeaderMap::new(),
        });
    }
}

impl LambdaApi {
    /// Starts the API on a free port of the loopback interface.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("expected a free port");
        let address = listener
            .local_addr()
            .expect("expected the address of the listener");
        let (events, queue) = mpsc::unbounded_channel();
        let (init, inits) = mpsc::unbounded_channel();
        let (restore, restored) = watch::channel(false);
        let state = Arc::new(State {
            queue: queue.into(),
            waiting: Mutex::default(),
            refusals: Mutex::default(),
            inits: init,
            restored,
            extensions: AtomicBool::new(true),
            drops: 0.into(),
        });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let left = |drops: u64| drops.checked_sub(1);
                if shared
                    .drops
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
                    .is_ok()
                {
                    continue;
                }
                let state = shared.clone();
                let serve = service_fn(move |request| answer(request, state.clone()));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), serve),
                );
            }
        });
        Self {
            address,
            events,
            state,
            inits: inits.into(),
            next: 0.into(),
            restore,
        }
    }

    /// The value for `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Invokes the function with an event and returns the call with which the function sends its result.
    pub async fn invoke(&self, event: impl Into<Bytes>) -> Answer {
        self.invoke_with(event, &[]).await
    }

    /// Invokes the function, with additional headers in the response to `GET /invocation/next`.
    pub async fn invoke_with(
        &self,
        event: impl Into<Bytes>,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        self.invoke_all(event, headers, 1).await.remove(0)
    }

    /// Invokes the function and waits for several calls that send the result of this invocation.
    pub async fn invoke_all(
        &self,
        event: impl Into<Bytes>,
        headers: &[(&'static str, &str)],
        count: usize,
    ) -> Vec<Answer> {
        let id = format!("r-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:probe";
        let usual = [
            ("lambda-runtime-aws-request-id", id.as_str()),
            ("lambda-runtime-deadline-ms", "4102444800000"),
            ("lambda-runtime-invoked-function-arn", arn),
        ];
        let mut response = Response::builder();
        for (name, value) in usual.iter().chain(headers) {
            let replaced = headers.iter().any(|(other, _)| other == name);
            if !replaced || headers.contains(&(*name, *value)) {
                response = response.header(*name, *value);
            }
        }
        let (sender, mut receiver) = mpsc::unbounded_channel();
        self.state
            .waiting
            .lock()
            .unwrap()
            .insert(id.clone(), sender);
        let response = response
            .body(Full::new(event.into()))
            .expect("expected a valid response");
        self.events
            .send((id.clone(), response))
            .expect("expected the simulated Runtime API to run");
        let mut answers = Vec::new();
        while answers.len() < count {
            let answer = tokio::time::timeout(Duration::from_secs(10), receiver.recv()).await;
            answers.push(
                answer
                    .expect("expected a call of the function within the timeout")
                    .expect("expected the simulated Runtime API to run"),
            );
        }
        self.state.waiting.lock().unwrap().remove(&id);
        answers
    }

    /// Sends this response to the next `GET /invocation/next`.
    pub fn misbehave(&self, response: Response<&'static str>) {
        let response = response.map(|body| Full::new(body.into()));
        self.events
            .send((String::new(), response))
            .expect("expected the simulated Runtime API to run");
    }

    /// Responds to `GET /restore/next`, as Lambda does when it restores a SnapStart snapshot.
    pub fn restore(&self) {
        self.restore.send_replace(true);
    }

    /// Closes the next `count` connections without a response.
    pub fn drop_connections(&self, count: u64) {
        self.state.drops.store(count, Ordering::Relaxed);
    }

    /// Rejects the registration of extensions with 403.
    pub fn refuse_extensions(&self) {
        self.state.extensions.store(false, Ordering::Relaxed);
    }

    /// Rejects the next response of the function with this status.
    pub fn refuse(&self, status: StatusCode) {
        self.state.refusals.lock().unwrap().push(status);
    }

    /// Waits for the next call that belongs to the start of the function: a failed start, a restore, or the
    /// registration of an extension.
    pub async fn start_up(&self) -> Answer {
        let mut inits = self.inits.lock().await;
        let call = tokio::time::timeout(Duration::from_secs(10), inits.recv()).await;
        call.expect("expected a call of the function within the timeout")
            .expect("expected the simulated Runtime API to run")
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if let Some(call) = path.strip_prefix("/2020-01-01/extension/") {
        return Ok(extension(call, request.headers(), &state).await);
    }
    let path = path
        .strip_prefix("/2018-06-01/runtime/")
        .unwrap_or_default();
    if path == "restore/next" {
        state.record_start_call("restore-next", request.headers());
        let mut restored = state.restored.clone();
        let _ = restored.wait_for(|restored| *restored).await;
        return Ok(status(StatusCode::OK));
    }
    if request.method() == Method::GET && path == "invocation/next" {
        return Ok(match state.queue.lock().await.recv().await {
            Some((_, response)) => response,
            None => status(StatusCode::GONE),
        });
    }
    let (parts, body) = request.into_parts();
    let refused = match path.ends_with("/response") {
        true => state.refusals.lock().unwrap().pop(),
        false => None,
    };
    if let Some(refused) = refused {
        // Like Lambda, respond before the body has been read.
        let answer = Answer {
            call: "response".into(),
            headers: parts.headers,
            body: Bytes::new(),
            trailers: HeaderMap::new(),
        };
        let id = path.rsplit('/').nth(1).unwrap_or_default();
        if let Some(waiting) = state.waiting.lock().unwrap().get(id) {
            let _ = waiting.send(answer);
        }
        return Ok(status(refused));
    }
    let Ok(body) = body.collect().await else {
        return Ok(status(StatusCode::BAD_REQUEST));
    };
    let call = path.rsplit('/').next().unwrap_or_default().to_owned();
    let answer = Answer {
        call,
        headers: parts.headers,
        trailers: body.trailers().cloned().unwrap_or_default(),
        body: body.to_bytes(),
    };
    if let Some(call) = path
        .strip_suffix("/error")
        .filter(|call| ["init", "restore"].contains(call))
    {
        let call = call.to_owned();
        let _ = state.inits.send(Answer { call, ..answer });
        return Ok(status(StatusCode::ACCEPTED));
    }
    let id = path
        .strip_prefix("invocation/")
        .and_then(|path| path.split('/').next())
        .unwrap_or_default();
    if let Some(waiting) = state.waiting.lock().unwrap().get(id) {
        let _ = waiting.send(answer);
    }
    Ok(status(StatusCode::ACCEPTED))
}

/// The Extensions API.
async fn extension(call: &str, headers: &HeaderMap, state: &State) -> Response<Full<Bytes>> {
    if !state.extensions.load(Ordering::Relaxed) {
        return status(StatusCode::FORBIDDEN);
    }
    match call {
        "register" => {
            state.record_start_call("register", headers);
            let mut response = status(StatusCode::OK);
            let id = http::HeaderValue::from_static("e-1");
            response
                .headers_mut()
                .insert("lambda-extension-identifier", id);
            response
        }
        // The extension registered for no events, so the extension waits for this response until Lambda kills the
        // process.
        _ => std::future::pending().await,
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}
