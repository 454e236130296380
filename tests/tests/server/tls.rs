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
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::{
    QUIET, TIMEOUT, connect, echo, exchange, exchange_on, get, get_and_close, read_response,
    read_to_end,
};

/// The files of a self-signed certificate.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Writes a new certificate for `localhost` and its key, and returns the certificate.
    fn renew(&self) -> CertificateDer<'static> {
        self.renew_for(&["localhost"])
    }

    /// Writes a new certificate for these host names and its key, and returns the certificate.
    fn renew_for(&self, names: &[&str]) -> CertificateDer<'static> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let generated = generate_simple_self_signed(names).unwrap();
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

/// A list of paths, as the settings expect it.
fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    paths.join(",")
}

/// Starts a server with several certificates.
async fn start_with(all: &[&Files]) -> (Probe, SocketAddr) {
    let certificates: Vec<_> = all.iter().map(|files| files.certificate()).collect();
    let keys: Vec<_> = all.iter().map(|files| files.key()).collect();
    let vars = [
        ("ANYHOST_HTTP_TLS_CERT", &*list(&certificates)),
        ("ANYHOST_HTTP_TLS_KEY", &*list(&keys)),
        QUIET[0],
    ];
    let mut probe = Probe::start(&["-l", "tls://127.0.0.1:0"], &vars);
    let line = probe.log_line("listening on https://").await;
    let (_, address) = line.rsplit_once("https://").unwrap();
    (probe, address.trim().parse().unwrap())
}

/// The certificate that the server sends to a client that asks for this name, or for no name.
async fn certificate_for(address: SocketAddr, name: Option<&str>) -> CertificateDer<'static> {
    let provider = Arc::new(default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AcceptAll(provider)))
        .with_no_client_auth();
    config.enable_sni = name.is_some();
    let name = ServerName::try_from(name.unwrap_or("localhost").to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector
        .connect(name, connect(address).await)
        .await
        .unwrap();
    let certificates = stream.get_ref().1.peer_certificates().unwrap();
    certificates[0].clone().into_owned()
}

/// Accepts every certificate, so that a test can see which one the server sends.
#[derive(Debug)]
struct AcceptAll(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn host_name_in_the_handshake_selects_the_certificate() {
    let (default, exact, wildcard) = (Files::new(), Files::new(), Files::new());
    let default_certificate = default.renew_for(&["example.com"]);
    let wildcard_certificate = wildcard.renew_for(&["*.example.org"]);
    let exact_certificate = exact.renew_for(&["api.example.org", "Upper.Example"]);
    let (_probe, address) = start_with(&[&default, &wildcard, &exact]).await;
    for (name, expected) in [
        (Some("example.com"), &default_certificate),
        (Some("api.example.org"), &exact_certificate),
        (Some("API.Example.ORG"), &exact_certificate),
        (Some("upper.example"), &exact_certificate),
        (Some("www.example.org"), &wildcard_certificate),
        // Without a matching name, the first certificate is used.
        (Some("a.b.example.org"), &default_certificate),
        (Some("example.org"), &default_certificate),
        (Some("unknown.test"), &default_certificate),
        (Some("127.0.0.1"), &default_certificate),
        (None, &default_certificate),
    ] {
        assert_eq!(&certificate_for(address, name).await, expected, "{name:?}");
    }
}

#[tokio::test]
async fn each_certificate_is_reloaded_even_if_the_files_of_another_one_are_invalid() {
    let (first, second) = (Files::new(), Files::new());
    let first_certificate = first.renew_for(&["one.test"]);
    second.renew_for(&["two.test"]);
    let (mut probe, address) = start_with(&[&first, &second]).await;
    std::fs::write(first.certificate(), "not a certificate").unwrap();
    // The new certificate has another name.
    let renewed = second.renew_for(&["three.test"]);
    probe.signal(Signal::HUP);
    let failed = probe.log_line("failed to reload the TLS certificate").await;
    let path = first.certificate();
    assert!(failed.contains(path.to_str().unwrap()), "{failed}");
    probe.log_line("reloaded the TLS certificate").await;
    assert_eq!(certificate_for(address, Some("three.test")).await, renewed);
    for name in ["one.test", "two.test"] {
        let sent = certificate_for(address, Some(name)).await;
        assert_eq!(sent, first_certificate, "{name}");
    }
}

#[tokio::test]
async fn server_exits_with_1_if_one_of_several_certificates_is_unusable() {
    let (first, second) = (Files::new(), Files::new());
    first.renew_for(&["one.test"]);
    second.renew_for(&["two.test"]);
    let certificates = list(&[first.certificate(), second.certificate()]);
    let exchanged = list(&[second.key(), first.key()]);
    let no_name = Files::new();
    no_name.renew_for(&["192.0.2.1"]);
    let with_no_name = list(&[first.certificate(), no_name.certificate()]);
    let keys_with_no_name = list(&[first.key(), no_name.key()]);
    for (certificates, keys, expected) in [
        (
            &certificates,
            &list(&[first.key()]),
            "as many files as in ANYHOST_HTTP_TLS_KEY",
        ),
        (&certificates, &exchanged, "cert.pem: with the key "),
        (&with_no_name, &keys_with_no_name, "contains no host name"),
    ] {
        let vars = [
            ("ANYHOST_HTTP_TLS_CERT", &**certificates),
            ("ANYHOST_HTTP_TLS_KEY", &**keys),
        ];
        let mut probe = Probe::start(&["-l", "tls://127.0.0.1:0"], &vars);
        probe.log_line(expected).await;
        assert_eq!(probe.exit().await.code(), Some(1));
    }
}

async fn start() -> (Probe, SocketAddr, Files, CertificateDer<'static>) {
    let files = Files::new();
    let certificate = files.renew();
    let (probe, address) = start_with(&[&files]).await;
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
async fn invalid_tls_handshake_closes_only_its_connection_and_is_logged_with_its_peer() {
    let (mut probe, address, _files, certificate) = start().await;
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
    let line = probe.log_line("connection rejected").await;
    assert!(
        line.contains("INFO") && line.contains("peer=127.0.0.1 error="),
        "{line}"
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
