#![no_main]
//! Responses on their way to clients: through the core, a CGI program, and the event sources of AWS. The first
//! line is the status, the method, and any of the words `stream` (each line of the body is a chunk), `fail` (the
//! stream ends with an error), `error` (the handler returns an `Err`) and `nph`.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use anyhost_cgi::{Environment, Outcome, Program};
use anyhost_core::adapter::{Deadline, exchange};
use anyhost_core::{Body, Error, Request, Result, handler};
use anyhost_fuzz::{Message, block_on, check_response, read_body, split_output};
use anyhost_lambda::front_door::Client;
use anyhost_lambda::{Function, Mode, Source};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode};
use libfuzzer_sys::fuzz_target;

/// What the handler returns.
#[derive(Clone)]
struct Plan {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    stream: bool,
    fail: bool,
    error: bool,
}

/// A response as a client received it; the body is `None` if it was aborted.
struct Received {
    status: StatusCode,
    headers: HeaderMap,
    body: Option<Bytes>,
}

fuzz_target!(|input: &[u8]| {
    let message = Message::parse(input);
    let mut words = message.words();
    let Some(Ok(status)) = words.next().map(StatusCode::from_bytes) else {
        return;
    };
    let Some(Ok(method)) = words.next().map(Method::from_bytes) else {
        return;
    };
    // HTTP defines no status from 600 on; API Gateway and others replace such a response.
    if status.as_u16() >= 600 || method == Method::CONNECT {
        return;
    }
    let words: Vec<_> = words.collect();
    let has = |word: &[u8]| words.contains(&word);
    let plan = Plan {
        status,
        headers: message.headers(),
        body: Bytes::copy_from_slice(message.body),
        stream: has(b"stream"),
        fail: has(b"fail"),
        error: has(b"error"),
    };
    let reference = block_on(in_process(&plan, &method));
    check_response(
        &method,
        reference.status,
        &reference.headers,
        reference.body.as_deref(),
    );
    block_on(cgi(&plan, &method, has(b"nph"), &reference));
    for (source, mode) in [
        (Source::FunctionUrl, Mode::Buffer),
        (Source::FunctionUrl, Mode::Stream),
        (Source::RestApi, Mode::Buffer),
        (Source::RestApi, Mode::Stream),
        (Source::HttpApi, Mode::Buffer),
        (Source::Alb, Mode::Buffer),
        (Source::AlbMultiValue, Mode::Buffer),
        (Source::Lattice, Mode::Buffer),
    ] {
        block_on(lambda(&plan, &method, source, mode, &reference));
    }
});

impl Plan {
    async fn respond(self) -> Result {
        if self.error {
            let mut error = Error::new(
                self.status,
                String::from_utf8_lossy(&self.body).into_owned(),
            );
            for (name, value) in &self.headers {
                error = error.with_header(name.clone(), value.clone());
            }
            return Err(error);
        }
        let mut response = http::Response::new(match self.stream || self.fail {
            false => Body::from(self.body),
            true => {
                let chunks = self.body.split(|&b| b == b'\n').map(Bytes::copy_from_slice);
                let mut chunks: Vec<_> = chunks.map(Ok).collect();
                if self.fail {
                    chunks.push(Err(io::Error::other("fails")));
                }
                Body::from_stream(stream::iter(chunks))
            }
        });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        Ok(response)
    }

    fn handler(&self) -> impl anyhost_core::Handler + use<> {
        let plan = self.clone();
        handler(move || plan.clone().respond())
    }
}

async fn in_process(plan: &Plan, method: &Method) -> Received {
    let mut request = Request::default();
    *request.method_mut() = method.clone();
    let exchanged = exchange(Arc::new(plan.handler()), request, Deadline::none()).await;
    let (head, body) = exchanged.response.into_parts();
    Received {
        status: head.status,
        headers: head.headers,
        body: read_body(body).await,
    }
}

async fn cgi(plan: &Plan, method: &Method, nph: bool, reference: &Received) {
    let environment = Environment::new([("REQUEST_METHOD", method.as_str()), ("PATH_INFO", "/")]);
    let stdout = Stdout::default();
    let program = Program::new().with_nph(nph);
    let exchange = program.exchange(plan.handler(), environment, io::empty(), stdout.clone());
    let (_, outcome) = exchange.await;
    let output = stdout.0.lock().unwrap();
    let (status, headers, body) = split_output(&output);
    let aborted = outcome != Outcome::Completed;
    assert_eq!(aborted, reference.body.is_none(), "{outcome:?}");
    let body = (!aborted).then(|| Bytes::copy_from_slice(body));
    if aborted && status == 500 {
        return;
    }
    compare(
        "CGI",
        reference,
        &Received {
            status,
            headers,
            body,
        },
    );
}

async fn lambda(plan: &Plan, method: &Method, source: Source, mode: Mode, reference: &Received) {
    let function = Function::new().with_mode(mode);
    let client = Client::new(source, plan.handler()).with_function(function);
    let request = http::Request::builder()
        .method(method)
        .uri("/")
        .body("")
        .unwrap();
    let (head, body) = client.send(request).await.into_response().into_parts();
    let received = Received {
        status: head.status,
        headers: head.headers,
        body: read_body(body).await,
    };
    if reference.body.is_none() && mode == Mode::Buffer
        || !source.can_stream() && reference.body.is_none()
    {
        // Nothing had been sent when the body failed.
        assert_eq!(received.status, 500, "{source}");
        return;
    }
    compare(&source.to_string(), reference, &received);
}

/// The parts that every host transmits: the status, the body, the type, cookies, and headers without a meaning for
/// hosts.
fn compare(host: &str, reference: &Received, received: &Received) {
    assert_eq!(received.status, reference.status, "{host}");
    assert_eq!(received.body, reference.body, "{host}");
    let names = reference.headers.keys().filter(|name| {
        let own = name.as_str().starts_with("x-") && !name.as_str().starts_with("x-cgi-");
        own && !name.as_str().starts_with("x-amz") || *name == CONTENT_TYPE || *name == SET_COOKIE
    });
    for name in names {
        let values = |headers: &HeaderMap| -> Option<Vec<u8>> {
            let values = headers.get_all(name).iter().map(|value| value.as_bytes());
            let mut values: Vec<_> = values.collect();
            if host == Source::AlbMultiValue.to_string() {
                // A load balancer reverses the order of the values.
                values.sort_unstable();
            }
            values.concat().is_ascii().then(|| values.join(&b", "[..]))
        };
        if let Some(expected) = values(&reference.headers) {
            let received = values(&received.headers).unwrap_or_default();
            assert_eq!(
                received.escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{host} {name}"
            );
        }
    }
}

#[derive(Clone, Default)]
struct Stdout(Arc<Mutex<Vec<u8>>>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
