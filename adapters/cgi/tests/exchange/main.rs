//! Exchanges with environments and streams that the tests provide.

mod body;
mod deadline;
mod error_hook;
mod request;
mod response;

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhost_cgi::{Environment, Outcome, Program};
use anyhost_core::{IntoHandler, Request, RequestExt};

/// stdout, shared with the test: the bytes of each write, and `None` for each flush.
#[derive(Clone, Default)]
struct Stdout(Arc<Mutex<Vec<Option<Vec<u8>>>>>);

impl Stdout {
    fn writes(&self) -> Vec<Option<Vec<u8>>> {
        self.0.lock().unwrap().clone()
    }

    fn bytes(&self) -> Vec<u8> {
        self.writes().into_iter().flatten().flatten().collect()
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(Some(bytes.to_owned()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().push(None);
        Ok(())
    }
}

/// stdin with a given number of bytes, which counts the bytes that were read.
#[derive(Clone)]
struct CountedStdin(Arc<AtomicUsize>, usize);

impl CountedStdin {
    fn new(size: usize) -> Self {
        Self(Arc::default(), size)
    }

    fn read(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Read for CountedStdin {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let size = bytes.len().min(self.1 - self.0.load(Ordering::Relaxed));
        bytes[..size].fill(b'x');
        self.0.fetch_add(size, Ordering::Relaxed);
        Ok(size)
    }
}

/// An environment with these variables, and with those that every server sets.
fn environment(vars: &[(&str, &str)]) -> Environment {
    let defaults = [("REQUEST_METHOD", "POST"), ("SERVER_PROTOCOL", "HTTP/1.1")];
    let missing = defaults
        .iter()
        .filter(|(name, _)| vars.iter().all(|(known, _)| known != name));
    Environment::new(missing.chain(vars).copied())
}

/// Runs a program and returns what it wrote to stdout.
async fn run_program<K>(
    program: Program,
    handler: impl IntoHandler<K>,
    vars: &[(&str, &str)],
    stdin: impl Read + Send + 'static,
) -> (Stdout, Outcome) {
    let stdout = Stdout::default();
    let exchange = program.exchange(handler, environment(vars), stdin, stdout.clone());
    let (_, outcome) = exchange.await;
    (stdout, outcome)
}

/// Runs a program with the default options and returns the response as text.
async fn run<K>(
    handler: impl IntoHandler<K>,
    vars: &[(&str, &str)],
    stdin: impl Read + Send + 'static,
) -> (String, Outcome) {
    let (stdout, outcome) = run_program(Program::new(), handler, vars, stdin).await;
    (stdout.text(), outcome)
}

/// Describes the request that a handler gets for these variables. If the request is rejected, returns the
/// first line of the response.
async fn inspect(describe: fn(&Request) -> String, vars: &[(&str, &str)]) -> String {
    let handler = move |request: Request| std::future::ready(describe(&request));
    let (response, _) = run(handler, vars, io::empty()).await;
    match response.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("Status: 200 OK\r\n") => body.to_owned(),
        _ => response.lines().next().unwrap_or_default().to_owned(),
    }
}

/// A handler that reads the body and responds with its length.
async fn body_length(mut request: Request) -> anyhost_core::Result<String> {
    Ok(request.buffer().await?.len().to_string())
}
