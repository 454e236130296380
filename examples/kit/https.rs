//! The standalone server with HTTPS, HTTP/1.1 and HTTP/2 on one port.
//!
//! A program that calls `anyhost::run` needs no code for this: `./app --listen tls://0.0.0.0:443 --tls-cert cert.pem
//! --tls-key key.pem`. This program configures the same in code. For a certificate to try it with:
//!
//! ```sh
//! openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 7 -subj /CN=localhost
//! cargo run -p anyhost-examples-kit --example https
//! curl -k https://localhost:3443/
//! ```

use std::io;
use std::path::Path;

use anyhost::server::{Server, Tls};
use anyhost::{Request, RequestExt};

async fn hello(request: Request) -> String {
    format!("Hello over {}!", request.context().scheme())
}

/// The server loads the certificate again when the files change, without closing connections.
async fn server(address: &str, folder: &Path) -> io::Result<Server> {
    let tls = Tls::from_pem_files(folder.join("cert.pem"), folder.join("key.pem"))?;
    Ok(Server::bind(address).await?.with_tls(tls))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let server = server("tls://0.0.0.0:3443", Path::new(".")).await?;
    println!("listening on {}", server.url());
    server.serve(hello).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    #[tokio::test]
    async fn a_client_that_trusts_the_certificate_gets_the_response_over_https() {
        let folder = tempfile::tempdir().unwrap();
        let generated = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let CertifiedKey { cert, signing_key } = generated;
        std::fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.path().join("cert.pem"), cert.pem()).unwrap();
        let server = super::server("tls://127.0.0.1:0", folder.path())
            .await
            .unwrap();
        let address = server.url().replace("https://", "");
        let serving = tokio::spawn(server.serve(super::hello));

        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(
            response.ends_with("\r\n\r\nHello over https!"),
            "{response}"
        );
        serving.abort();
    }
}
