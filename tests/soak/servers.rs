//! The server: one process that is attacked, and another process that is replaced repeatedly.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::attacks::attack;
use crate::clients::{Target, behave};
use crate::process::{Process, Series};
use crate::tally::Tally;

/// The limit for descriptors of the attacked process.
const DESCRIPTORS: usize = 256;

/// The time that a process may take to complete its requests after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);

/// The results of a process that ran during the whole test.
pub(crate) struct Results {
    pub(crate) tally: Tally,
    pub(crate) series: Series,
}

/// Loads one process until this time.
pub(crate) async fn steady(probe: &Path, until: Instant) -> Results {
    let certificates = Certificates::new();
    certificates.install(0);
    let (certificate, key) = (certificates.path("cert.pem"), certificates.path("key.pem"));
    let args = ["-l", "tcp://127.0.0.1:0", "-l", "tls://127.0.0.1:0"];
    let vars = [
        ("ANYHOST_HTTP_TLS_CERT", certificate.as_str()),
        ("ANYHOST_HTTP_TLS_KEY", key.as_str()),
    ];
    let limit = format!("ulimit -n {DESCRIPTORS}");
    let awaited = ["listening on http://", "listening on https://"];
    let (process, lines) = Process::start(&limit, probe, &args, &vars, &awaited).await;
    let (plain, secure) = (address(&lines[0]), address(&lines[1]));
    let tally = Tally::default();

    let to = |address, http2, tls: Option<&TlsConnector>| Target {
        address,
        http2,
        tls: tls.cloned(),
    };
    let targets = [
        to(plain, false, None),
        to(plain, false, None),
        to(plain, true, None),
        to(secure, false, Some(&certificates.client(b"http/1.1"))),
        to(secure, true, Some(&certificates.client(b"h2"))),
    ];
    // Send a first request to each target, so that lazily started threads and descriptors exist before the load.
    let first = targets.iter().cloned().map(|target| {
        behave(
            target,
            &tally,
            Instant::now() + Duration::from_millis(500),
            0,
        )
    });
    join_all(first).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let clients = (0..10).map(|index| {
        let target = targets[index % targets.len()].clone();
        behave(target, &tally, until, index as u64 * 1_000_000)
    });
    let renewals = async {
        for index in 1.. {
            tokio::time::sleep(Duration::from_secs(3)).await;
            if Instant::now() >= until {
                return;
            }
            certificates.install(index % 2);
            process.signal(Signal::HUP);
            tally.add_event("certificate renewals");
        }
    };
    let attacks = attack(plain, DESCRIPTORS, &tally, until);
    let (series, ..) = tokio::join!(process.measure(until), join_all(clients), renewals, attacks);
    if !terminated(process).await {
        tally.add_failure("the process did not exit with status 0 after SIGTERM".to_owned());
    }
    Results { tally, series }
}

/// Replaces the process every five seconds until this time. The processes share a listener, so connections that wait
/// to be accepted are never lost.
pub(crate) async fn restarted(probe: &Path, until: Instant) -> Tally {
    let listener = TcpListener::bind("127.0.0.1:0").expect("expected a free port");
    let flags = rustix::io::FdFlags::empty();
    rustix::io::fcntl_setfd(&listener, flags).expect("expected an open descriptor");
    let address = listener
        .local_addr()
        .expect("expected the address of the listener");
    let listen = format!("fd:{}", listener.as_raw_fd());
    let args = ["-l", listen.as_str()];
    let start = || Process::start("true", probe, &args, &[], &["listening on http://"]);
    let tally = Tally::default();

    let restarts = async {
        let (mut process, _) = start().await;
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let (next, _) = start().await;
            let old = std::mem::replace(&mut process, next);
            if !terminated(old).await {
                tally.add_failure("a process did not exit with status 0 after SIGTERM".to_owned());
            }
            tally.add_event("restarts");
        }
        // Clients may still wait for their last response.
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    let clients = (0..6).map(|index| {
        let target = Target {
            address,
            http2: index % 3 == 2,
            tls: None,
        };
        behave(target, &tally, until, index as u64 * 1_000_000)
    });
    tokio::join!(restarts, join_all(clients));
    tally
}

/// Sends SIGTERM and waits for the exit.
async fn terminated(process: Process) -> bool {
    process.signal(Signal::TERM);
    process.exits(DRAIN).await
}

/// The address at the end of a log line such as `listening on http://127.0.0.1:3000`.
fn address(line: &str) -> SocketAddr {
    let (_, address) = line
        .rsplit_once("://")
        .expect("expected a URL in the log line");
    address
        .trim()
        .parse()
        .expect("expected an IP address and a port at the end of the URL")
}

/// Two certificates for `localhost`, of which one is installed.
struct Certificates {
    folder: TempDir,
    all: [CertifiedKey<rcgen::KeyPair>; 2],
}

impl Certificates {
    fn new() -> Self {
        let generate = || generate_simple_self_signed(["localhost".to_owned()]);
        Self {
            folder: tempfile::tempdir().expect("expected to create a folder"),
            all: [(); 2].map(|()| generate().expect("expected to generate a certificate")),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn install(&self, index: usize) {
        let CertifiedKey { cert, signing_key } = &self.all[index];
        std::fs::write(self.path("key.pem"), signing_key.serialize_pem())
            .expect("expected to write to the folder");
        std::fs::write(self.path("cert.pem"), cert.pem()).expect("expected to write to the folder");
    }

    /// A client that trusts both certificates.
    fn client(&self, protocol: &[u8]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        for certified in &self.all {
            roots
                .add(certified.cert.der().clone())
                .expect("expected a valid certificate");
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("expected a provider that supports TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        TlsConnector::from(Arc::new(config))
    }
}
