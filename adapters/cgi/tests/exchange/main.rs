//! One exchange with environments and streams of our own.

mod body;
mod deadline;
mod request;
mod response;

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhost_cgi::{Environment, Program};
use anyhost_core::{Context, IntoHandler, Request, RequestExt};

/// stdout, shared with the test: what was written, write by write, and a `None` for each flush.
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

/// stdin of so many bytes, that counts what was read of it.
#[derive(Clone)]
struct Counted(Arc<AtomicUsize>, usize);

impl Counted {
    fn new(size: usize) -> Self {
        Self(Arc::default(), size)
    }

    fn read(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let size = bytes.len().min(self.1 - self.0.load(Ordering::Relaxed));
        bytes[..size].fill(b'x');
        self.0.fetch_add(size, Ordering::Relaxed);
        Ok(size)
    }
}

/// An environment of these variables, and of what every server sets unless they set it.
fn environment(vars: &[(&str, &str)]) -> Environment {
    let usual = [("REQUEST_METHOD", "POST"), ("SERVER_PROTOCOL", "HTTP/1.1")];
    let missing = usual
        .iter()
        .filter(|(name, _)| vars.iter().all(|(known, _)| known != name));
    Environment::new(missing.chain(vars).copied())
}

/// Runs a program in such an environment.
async fn run_as<K>(
    program: Program,
    handler: impl IntoHandler<K>,
    vars: &[(&str, &str)],
    stdin: impl Read + Send + 'static,
) -> (Stdout, Context, io::Result<()>) {
    let stdout = Stdout::default();
    let exchanged = program.exchange(handler, environment(vars), stdin, stdout.clone());
    let (context, result) = exchanged.await;
    (stdout, context, result)
}

async fn run<K>(
    handler: impl IntoHandler<K>,
    vars: &[(&str, &str)],
    stdin: impl Read + Send + 'static,
) -> (String, io::Result<()>) {
    let (stdout, _, result) = run_as(Program::new(), handler, vars, stdin).await;
    (stdout.text(), result)
}

/// What `look` sees of a request of these variables.
async fn seen(look: fn(&Request) -> String, vars: &[(&str, &str)]) -> String {
    let handler = move |request: Request| std::future::ready(look(&request));
    let (reply, _) = run(handler, vars, io::empty()).await;
    match reply.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("Status: 200 OK\r\n") => body.to_owned(),
        _ => reply.lines().next().unwrap_or_default().to_owned(),
    }
}

/// The length of the body, or the status of the error in it.
async fn length(mut request: Request) -> anyhost_core::Result<String> {
    Ok(request.buffer().await?.len().to_string())
}
