//! The requests that are measured.

use std::fmt::Write;

use super::client::Response;
use crate::Result;

pub struct Workload {
    pub title: &'static str,
    /// The program that serves it: `hello` or `app`.
    pub application: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    pub content_type: Option<&'static str>,
    /// The number of headers beside those that the request needs.
    pub headers: usize,
    pub body: Vec<u8>,
    expected: Vec<u8>,
    /// The numbers of requests whose instructions are counted.
    pub repetitions: (u64, u64),
    /// The numbers of connections. Large responses are not measured with 1,000 connections, because most requests would
    /// still be in flight at the end of a run.
    pub connections: &'static [u32],
    pub rounds: usize,
}

const MANY: &[u32] = &[1, 64, 1000];
const FEW: &[u32] = &[1, 64];

pub fn all() -> Vec<Workload> {
    let (small, large) = (vec![b'x'; 64 << 10], vec![b'x'; 1 << 20]);
    vec![
        text(),
        json(),
        parameter(),
        Workload {
            repetitions: (50, 250),
            ..get("Response of 64 KB", "app", "/bytes/65536", small.clone())
        },
        Workload {
            repetitions: (50, 250),
            ..post("Upload of 64 KB", "/upload", small, b"65536".to_vec())
        },
        Workload {
            repetitions: (10, 50),
            connections: FEW,
            ..get("Response of 1 MB", "app", "/bytes/1048576", large.clone())
        },
        Workload {
            repetitions: (10, 50),
            connections: FEW,
            ..post(
                "Upload of 1 MB",
                "/upload",
                large.clone(),
                b"1048576".to_vec(),
            )
        },
        Workload {
            repetitions: (10, 50),
            connections: FEW,
            ..echo("1 MB, echoed", 1 << 20)
        },
        Workload {
            repetitions: (2, 12),
            connections: FEW,
            ..get(
                "Stream of 10,000 chunks",
                "app",
                "/stream",
                b"sixteen bytes...".repeat(10_000),
            )
        },
    ]
}

pub fn text() -> Workload {
    Workload {
        rounds: 5,
        ..get("Text", "hello", "/", b"Hello, world!".to_vec())
    }
}

pub fn json() -> Workload {
    json_of("JSON of 1 KB, echoed", 20)
}

/// An order of this number of items, which have about 50 bytes each.
pub fn json_of(title: &'static str, items: usize) -> Workload {
    Workload {
        content_type: Some("application/json"),
        ..post(title, "/json", order(items), order(items))
    }
}

/// A body of this number of bytes, which is also the body of the response.
pub fn echo(title: &'static str, length: usize) -> Workload {
    post(title, "/echo", vec![b'x'; length], vec![b'x'; length])
}

pub fn parameter() -> Workload {
    get(
        "A route with a parameter among 200",
        "app",
        "/route100/42",
        b"42".to_vec(),
    )
}

fn get(
    title: &'static str,
    application: &'static str,
    path: &'static str,
    expected: Vec<u8>,
) -> Workload {
    Workload {
        title,
        application,
        method: "GET",
        path,
        content_type: None,
        headers: 0,
        body: Vec::new(),
        expected,
        repetitions: (200, 1200),
        connections: MANY,
        rounds: 3,
    }
}

fn post(title: &'static str, path: &'static str, body: Vec<u8>, expected: Vec<u8>) -> Workload {
    Workload {
        method: "POST",
        body,
        ..get(title, "app", path, expected)
    }
}

fn order(items: usize) -> Vec<u8> {
    let mut json = String::from(r#"{"customer":"Ada Lovelace","items":["#);
    for n in 0..items {
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(
            json,
            r#"{comma}{{"name":"item number {n}","price":{},"count":{n}}}"#,
            100 * n
        );
    }
    json.push_str("]}");
    json.into_bytes()
}

impl Workload {
    /// The bytes of a request over HTTP/1.1.
    pub fn request(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\n",
            self.method, self.path
        );
        if let Some(content_type) = self.content_type {
            let _ = write!(head, "Content-Type: {content_type}\r\n");
        }
        if self.method == "POST" {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        for n in 0..self.headers {
            let _ = write!(head, "X-Header-{n}: some value\r\n");
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }

    /// Fails if this is not the response that the workload expects.
    pub fn check(&self, response: &Response) -> Result {
        let Response { status, body } = response;
        match status == "200" && *body == self.expected {
            true => Ok(()),
            false => {
                let start = String::from_utf8_lossy(&body[..body.len().min(100)]);
                let (length, path) = (body.len(), self.path);
                Err(
                    format!("unexpected response to {path}: {status}, {length} bytes: {start}")
                        .into(),
                )
            }
        }
    }
}
