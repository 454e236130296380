//! The servers that are compared.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::NamedTempFile;

use super::client::Connection;
use crate::process::{Process, connect, free_address};
use crate::{Result, cores, programs};

/// As deployed comes first.
pub const PEERS: [Peer; 8] = [
    ANYHOST,
    ANYHOST_LOG_OFF,
    Peer {
        name: "anyhost, strict limits, log off",
        environment: &[("RUST_LOG", "off"), ("ANYHOST_HTTP_LIMITS", "strict")],
        is_variant: true,
        ..ANYHOST
    },
    rust("hyper", "peer-hyper", true),
    AXUM,
    rust("actix-web", "peer-actix-web", true),
    rust("ntex", "peer-ntex", false),
    Peer {
        name: "micro",
        source: Source::Node,
        environment: &[("NODE_ENV", "production")],
        http2: false,
        is_variant: false,
    },
];

pub const ANYHOST: Peer = Peer {
    name: "anyhost",
    source: Source::Anyhost,
    environment: &[],
    http2: true,
    is_variant: false,
};

pub const ANYHOST_LOG_OFF: Peer = Peer {
    name: "anyhost, log off",
    environment: &[("RUST_LOG", "off")],
    is_variant: true,
    ..ANYHOST
};

pub const AXUM: Peer = rust("axum", "peer-axum", true);

const fn rust(name: &'static str, package: &'static str, http2: bool) -> Peer {
    Peer {
        name,
        source: Source::Rust(package),
        environment: &[],
        http2,
        is_variant: false,
    }
}

#[derive(Clone, Copy)]
pub struct Peer {
    pub name: &'static str,
    pub source: Source,
    environment: &'static [(&'static str, &'static str)],
    /// Whether the server accepts HTTP/2 without TLS.
    pub http2: bool,
    /// Whether this is the program of another peer with other settings.
    pub is_variant: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Source {
    Anyhost,
    /// A package whose programs take the address as argument.
    Rust(&'static str),
    /// The folder `peers/micro`.
    Node,
}

impl Source {
    /// The package in `peers/`, if this is a Rust program.
    pub fn package(self) -> Option<&'static str> {
        match self {
            Source::Anyhost => Some("peer-anyhost"),
            Source::Rust(package) => Some(package),
            Source::Node => None,
        }
    }
}

/// A peer whose program was built.
pub struct Server {
    pub peer: Peer,
    /// `hello` or `app`.
    application: &'static str,
    pub program: PathBuf,
}

impl Server {
    pub fn build(peer: Peer, application: &'static str) -> Result<Server> {
        let program = match peer.source.package() {
            Some(package) => programs::build(package, application)?,
            None => {
                programs::install_micro()?;
                "node".into()
            }
        };
        Ok(Server {
            peer,
            application,
            program,
        })
    }

    /// Starts the server on the core for servers.
    pub fn start(&self) -> Result<Running> {
        self.start_as(cores::first(&self.program)?)
    }

    /// Starts the server with a command that ends with the program, for example under valgrind.
    pub fn start_as(&self, mut command: Command) -> Result<Running> {
        let address = free_address()?;
        match self.peer.source {
            Source::Anyhost => command.args(["-l", &address.to_string()]),
            Source::Rust(_) => command.arg(address.to_string()),
            Source::Node => command
                .arg(programs::micro_folder().join(format!("{}.js", self.application)))
                .arg(address.to_string()),
        };
        let log = NamedTempFile::new()?;
        command
            .envs(self.peer.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(append(log.path())?)
            .stderr(append(log.path())?);
        Ok(Running {
            process: Process::start(&mut command)?,
            address,
            log,
        })
    }
}

fn append(path: &Path) -> Result<File> {
    Ok(OpenOptions::new().append(true).open(path)?)
}

/// A server that was started. Its log goes to a file, and the log of each run is deleted after the run.
pub struct Running {
    pub process: Process,
    pub address: SocketAddr,
    log: NamedTempFile,
}

impl Running {
    /// Waits until the server accepts connections.
    pub fn connect(&self) -> Result<Connection> {
        match connect(self.address) {
            Ok(stream) => Ok(Connection::new(stream)),
            Err(error) => {
                let log = std::fs::read_to_string(self.log.path())?;
                Err(format!("{error}; its log: {log}").into())
            }
        }
    }

    pub fn empty_log(&self) -> Result {
        Ok(self.log.as_file().set_len(0)?)
    }
}
