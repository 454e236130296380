//! The functions that are measured.

/// A function that is measured, with or without its log.
#[derive(Clone, Copy)]
pub struct Peer {
    pub name: &'static str,
    pub package: &'static str,
    pub log: bool,
}

impl Peer {
    const fn new(name: &'static str, package: &'static str) -> Peer {
        Peer {
            name,
            package,
            log: true,
        }
    }

    /// The same function without its log.
    pub fn without_log(self) -> Peer {
        Peer { log: false, ..self }
    }
}

pub const ANYHOST: Peer = Peer::new("anyhost", "peer-anyhost");

/// The functions that have both programs. The last one is the base of the ratios.
pub const PEERS: [Peer; 4] = [
    ANYHOST,
    Peer::new("axum on lambda_http", "peer-lambda-axum"),
    Peer::new("lambda_http", "peer-lambda-http"),
    Peer::new("lambda_runtime", "peer-lambda-runtime"),
];

/// Without the other hosts. It has only the program `hello`.
pub const ANYHOST_LAMBDA: Peer = Peer::new("anyhost, only feature `lambda`", "peer-lambda-anyhost");
