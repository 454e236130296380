//! HTTPS, and what its certificates live through.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhost_conformance::Probe;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{PATIENCE, QUIET, closing, connect, echo, exchange, get, raw, read_reply};

/// A certificate for `localhost` in its files.
struct Files {
    folder: TempDir,
}

impl Files {
    /// Writes a new certificate and its key, and gives the certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let CertifiedKey { cert, signing_key } = made;
        std::fs::write(self.key(), signing_key.serialize_pem()).unwrap();
        std::fs::write(self.certificate(), cert.pem()).unwrap();
        cert.der().clone()
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

async fn started() -> (Probe, SocketAddr, Files, CertificateDer<'static>) {
    let files = Files {
        folder: tempfile::tempdir().unwrap(),
    };
    let certificate = files.renew();
    let (path, key) = (files.certificate(), files.key());
    let vars = [
        ("ANYHOST_HTTP_TLS_CERT", path.to_str().unwrap()),
        ("ANYHOST_HTTP_TLS_KEY", key.to_str().unwrap()),
        QUIET[0],
    ];
    let mut probe = Probe::start(&["-l", "tls://127.0.0.1:0"], &vars);
    let line = probe.log_line("listening on https://").await;
    let (_, address) = line.rsplit_once("https://").unwrap();
    let address = address.trim().parse().unwrap();
    (probe, address, files, certificate)
}

/// A client that trusts this certificate and no other.
async fn secure(
    address: SocketAddr,
    certificate: &CertificateDer<'static>,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, connect(address).await).await
}

#[tokio::test]
async fn requests_over_tls_are_https() {
    let (_probe, address, _files, certificate) = started().await;
    let stream = secure(address, &certificate, b"http/1.1").await.unwrap();
    let reply = exchange(stream, &closing("/echo")).await;
    let (_, body) = reply.split_once("\r\n\r\n").unwrap();
    let seen: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&seen["scheme"], &seen["peer"]),
        (&"https".into(), &"127.0.0.1".into())
    );
}

#[tokio::test]
async fn http_2_is_agreed_on_in_the_handshake() {
    let (_probe, address, _files, certificate) = started().await;
    let stream = secure(address, &certificate, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://localhost/echo");
    let request = request
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .unwrap();
    let reply = client.send_request(request).await.unwrap();
    assert_eq!(
        (reply.status(), reply.version()),
        (http::StatusCode::OK, http::Version::HTTP_2)
    );
}

#[tokio::test]
async fn garbage_instead_of_a_handshake_costs_a_connection() {
    let (_probe, address, _files, certificate) = started().await;
    let mut hello = vec![0x16, 3, 1, 0x40, 0];
    hello.extend([0xFF; 0x4000]);
    for garbage in [
        &get("/hello")[..],
        b"\0",
        b"SSH-2.0-x\r\n",
        &hello,
        &[0x16; 3],
    ] {
        let mut stream = connect(address).await;
        stream.write_all(garbage).await.unwrap();
        let _ = stream.shutdown().await;
        let mut reply = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut reply))
            .await
            .expect("it is closed");
        // An alert at most.
        assert!(reply.len() < 20, "{reply:?}");
    }
    let stream = secure(address, &certificate, b"http/1.1").await.unwrap();
    assert!(
        exchange(stream, &closing("/hello"))
            .await
            .ends_with("Hello, world!")
    );
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_waited_for_ten_seconds() {
    let (_probe, address, _files, _certificate) = started().await;
    let begun = std::time::Instant::now();
    assert_eq!(raw(address, b"\x16\x03\x01").await, "");
    let seconds = begun.elapsed().as_secs();
    assert!((9..25).contains(&seconds), "{seconds}");
}

/// Requests go on over a connection that is older than the certificate, and new connections get the new
/// one; asked for by a signal or found in the files.
#[tokio::test]
async fn a_certificate_is_renewed_under_load_and_no_connection_is_dropped() {
    let (mut probe, address, files, mut certificate) = started().await;
    let mut old = secure(address, &certificate, b"http/1.1").await.unwrap();
    let mut ask = async || {
        old.write_all(&get("/hello")).await.unwrap();
        let reply = timeout(PATIENCE, read_reply(&mut old)).await.unwrap();
        assert!(reply.expect("it is not dropped").ends_with("Hello, world!"));
    };
    for hangup in [true, false, true] {
        ask().await;
        let before = certificate;
        certificate = files.renew();
        if hangup {
            probe.signal(Signal::HUP);
        }
        let renewed = async {
            while secure(address, &certificate, b"http/1.1").await.is_err() {
                ask().await;
            }
        };
        timeout(PATIENCE, renewed)
            .await
            .expect("the new one is used");
        secure(address, &before, b"http/1.1")
            .await
            .expect_err("the old one is not");
        ask().await;
    }
    probe.log_line("the certificate was read again").await;
}

#[tokio::test]
async fn a_signal_is_enough_to_have_the_files_read_again() {
    let (mut probe, address, _files, certificate) = started().await;
    secure(address, &certificate, b"http/1.1").await.unwrap();
    probe.signal(Signal::HUP);
    probe.log_line("the certificate was read again").await;
}

#[tokio::test]
async fn files_that_do_not_fit_change_nothing() {
    let (mut probe, address, files, certificate) = started().await;
    std::fs::write(files.certificate(), "no certificate").unwrap();
    probe.signal(Signal::HUP);
    probe.log_line("the certificate stays as it was").await;
    std::fs::remove_file(files.key()).unwrap();
    probe.signal(Signal::HUP);
    probe.log_line("the certificate stays as it was").await;
    let stream = secure(address, &certificate, b"http/1.1").await.unwrap();
    assert!(
        exchange(stream, &closing("/hello"))
            .await
            .ends_with("Hello, world!")
    );
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_stops_the_start() {
    let files = Files {
        folder: tempfile::tempdir().unwrap(),
    };
    files.renew();
    let other = Files {
        folder: tempfile::tempdir().unwrap(),
    };
    other.renew();
    let (path, key) = (files.certificate(), other.key());
    let vars = [
        ("ANYHOST_HTTP_TLS_CERT", path.to_str().unwrap()),
        ("ANYHOST_HTTP_TLS_KEY", key.to_str().unwrap()),
    ];
    let mut probe = Probe::start(&["-l", "tls://127.0.0.1:0"], &vars);
    probe.log_line("cert.pem").await;
    assert_eq!(probe.exit().await.code(), Some(1), "another's key");
    let mut probe = Probe::start(&["-l", "tls://127.0.0.1:0"], &[]);
    probe.log_line("needs a certificate").await;
    assert_eq!(probe.exit().await.code(), Some(1), "none at all");
}

#[tokio::test]
async fn plain_and_secure_listeners_stand_side_by_side() {
    let files = Files {
        folder: tempfile::tempdir().unwrap(),
    };
    let certificate = files.renew();
    let (path, key) = (files.certificate(), files.key());
    let vars = [
        ("ANYHOST_HTTP_TLS_CERT", path.to_str().unwrap()),
        ("ANYHOST_HTTP_TLS_KEY", key.to_str().unwrap()),
    ];
    let args = ["-l", "tcp://127.0.0.1:0", "-l", "tls://127.0.0.1:0"];
    let mut probe = Probe::start(&args, &vars);
    let plain = probe.address().await;
    assert_eq!(echo(plain, &closing("/echo")).await["scheme"], "http");
    let line = probe.log_line("listening on https://").await;
    let (_, address) = line.rsplit_once("https://").unwrap();
    let stream = secure(address.trim().parse().unwrap(), &certificate, b"http/1.1")
        .await
        .unwrap();
    assert!(
        exchange(stream, &closing("/hello"))
            .await
            .ends_with("Hello, world!")
    );
}
