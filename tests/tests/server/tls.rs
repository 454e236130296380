//! HTTPS: handshakes, and certificates that are replaced while the server runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhost::server::{Limits, Server, Tls};
use anyhost_conformance::Probe;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{
    QUIET, TIMEOUT, connect, echo, exchange, exchange_on, get, get_and_close, read_response,
    read_to_end,
};

/// The files of a self-signed certificate for `localhost`.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Writes a new certificate and key, and returns the certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let generated = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let CertifiedKey { cert, signing_key } = generated;
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

async fn start() -> (Probe, SocketAddr, Files, CertificateDer<'static>) {
    let files = Files::new();
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

/// Connects a client that trusts only this certificate.
async fn connect_tls(
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
async fn context_of_a_request_over_tls_has_the_scheme_https() {
    let (_probe, address, _files, certificate) = start().await;
    let stream = connect_tls(address, &certificate, b"http/1.1")
        .await
        .unwrap();
    let response = exchange_on(stream, &get_and_close("/echo")).await;
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    let received: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&received["scheme"], &received["peer"]),
        (&"https".into(), &"127.0.0.1".into())
    );
}

#[tokio::test]
async fn http_1_0_is_negotiated_by_alpn() {
    let (_probe, address, _files, certificate) = start().await;
    let stream = connect_tls(address, &certificate, b"http/1.0").await;
    let response = exchange_on(stream.unwrap(), b"GET /hello HTTP/1.0\r\n\r\n").await;
    assert!(response.ends_with("Hello, world!"), "{response}");
}

#[tokio::test]
async fn http_2_is_negotiated_by_alpn() {
    let (_probe, address, _files, certificate) = start().await;
    let stream = connect_tls(address, &certificate, b"h2").await.unwrap();
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
    let response = client.send_request(request).await.unwrap();
    assert_eq!(
        (response.status(), response.version()),
        (http::StatusCode::OK, http::Version::HTTP_2)
    );
}

#[tokio::test]
async fn invalid_tls_handshake_closes_only_its_connection() {
    let (_probe, address, _files, certificate) = start().await;
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
        // At most a TLS alert, and never an HTTP response.
        let response = read_to_end(&mut stream).await;
        assert!(response.len() < 20, "{response:?}");
    }
    let stream = connect_tls(address, &certificate, b"http/1.1")
        .await
        .unwrap();
    assert!(
        exchange_on(stream, &get_and_close("/hello"))
            .await
            .ends_with("Hello, world!")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_tls_handshake_is_closed_after_the_handshake_timeout() {
    let files = Files::new();
    files.renew();
    let mut limits = Limits::default();
    limits.tls_handshake_timeout = Some(Duration::from_millis(500));
    let server = Server::bind("tls://127.0.0.1:0").await.unwrap();
    let tls = Tls::from_pem_files(files.certificate(), files.key()).unwrap();
    let server = server.with_tls(tls).with_limits(limits);
    let address = server
        .url()
        .strip_prefix("https://")
        .unwrap()
        .parse()
        .unwrap();
    let serving = tokio::spawn(server.serve(|| async { "Hello, world!" }));
    let started = Instant::now();
    assert_eq!(exchange(address, b"\x16\x03\x01").await, "");
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(500), "{elapsed:?}");
    // The timeout for the first request head would close the connection after 30 s.
    assert!(elapsed < Duration::from_secs(25), "{elapsed:?}");
    serving.abort();
}

/// The server reloads the files after SIGHUP, or when it sees that they have changed. Existing connections
/// keep working, and new connections get the new certificate.
#[tokio::test]
async fn new_certificate_is_used_for_new_connections_without_closing_existing_ones() {
    let (mut probe, address, files, mut certificate) = start().await;
    let mut existing = connect_tls(address, &certificate, b"http/1.1")
        .await
        .unwrap();
    let mut request = async || {
        existing.write_all(&get("/hello")).await.unwrap();
        let response = timeout(TIMEOUT, read_response(&mut existing))
            .await
            .unwrap();
        let response = response.expect("expected a response on the existing connection");
        assert!(response.ends_with("Hello, world!"), "{response}");
    };
    for with_sighup in [true, false, true] {
        request().await;
        let before = certificate;
        certificate = files.renew();
        if with_sighup {
            probe.signal(Signal::HUP);
        }
        let renewed = async {
            while connect_tls(address, &certificate, b"http/1.1")
                .await
                .is_err()
            {
                request().await;
            }
        };
        timeout(TIMEOUT, renewed)
            .await
            .expect("expected the server to use the new certificate");
        connect_tls(address, &before, b"http/1.1")
            .await
            .expect_err("expected the server to reject the old certificate");
        request().await;
    }
    probe.log_line("reloaded the TLS certificate").await;
}

#[tokio::test]
async fn sighup_reloads_the_certificate_even_if_the_files_are_unchanged() {
    let (mut probe, address, _files, certificate) = start().await;
    connect_tls(address, &certificate, b"http/1.1")
        .await
        .unwrap();
    probe.signal(Signal::HUP);
    probe.log_line("reloaded the TLS certificate").await;
}

#[tokio::test]
async fn invalid_or_missing_certificate_files_leave_the_current_certificate_in_use() {
    let (mut probe, address, files, certificate) = start().await;
    std::fs::write(files.certificate(), "not a certificate").unwrap();
    probe.signal(Signal::HUP);
    probe.log_line("failed to reload the TLS certificate").await;
    std::fs::remove_file(files.key()).unwrap();
    probe.signal(Signal::HUP);
    probe.log_line("failed to reload the TLS certificate").await;
    let stream = connect_tls(address, &certificate, b"http/1.1")
        .await
        .unwrap();
    assert!(
        exchange_on(stream, &get_and_close("/hello"))
            .await
            .ends_with("Hello, world!")
    );
}

#[tokio::test]
async fn server_exits_with_1_if_a_tls_listener_has_no_certificate_or_the_key_of_another_certificate()
 {
    let files = Files::new();
    files.renew();
    let other = Files::new();
    other.renew();
    let (path, key) = (files.certificate(), other.key());
    let vars = [
        ("ANYHOST_HTTP_TLS_CERT", path.to_str().unwrap()),
        ("ANYHOST_HTTP_TLS_KEY", key.to_str().unwrap()),
    ];
    let mut probe = Probe::start(&["-l", "tls://127.0.0.1:0"], &vars);
    probe.log_line("cert.pem").await;
    assert_eq!(probe.exit().await.code(), Some(1));

    let mut probe = Probe::start(&["-l", "tls://127.0.0.1:0"], &[]);
    probe.log_line("a certificate").await;
    assert_eq!(probe.exit().await.code(), Some(1));
}

#[tokio::test]
async fn server_listens_with_and_without_tls_at_the_same_time() {
    let files = Files::new();
    let certificate = files.renew();
    let (path, key) = (files.certificate(), files.key());
    let vars = [
        ("ANYHOST_HTTP_TLS_CERT", path.to_str().unwrap()),
        ("ANYHOST_HTTP_TLS_KEY", key.to_str().unwrap()),
    ];
    let args = ["-l", "tcp://127.0.0.1:0", "-l", "tls://127.0.0.1:0"];
    let mut probe = Probe::start(&args, &vars);
    let plain = probe.address().await;
    assert_eq!(echo(plain, &get_and_close("/echo")).await["scheme"], "http");
    let line = probe.log_line("listening on https://").await;
    let (_, address) = line.rsplit_once("https://").unwrap();
    let stream = connect_tls(address.trim().parse().unwrap(), &certificate, b"http/1.1")
        .await
        .unwrap();
    assert!(
        exchange_on(stream, &get_and_close("/hello"))
            .await
            .ends_with("Hello, world!")
    );
}
