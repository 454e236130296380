//! TLS connections to deployments.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::transport::Connection;

/// A TLS client that trusts the certificate authorities of Mozilla.
pub(crate) struct Connector {
    tls: TlsConnector,
    name: ServerName<'static>,
}

impl Connector {
    pub(crate) fn new(host: &str) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        Ok(Self {
            tls: Arc::new(config).into(),
            name,
        })
    }

    pub(crate) async fn connect(&self, stream: TcpStream) -> io::Result<Box<dyn Connection>> {
        let stream = self.tls.connect(self.name.clone(), stream).await?;
        Ok(Box::new(stream))
    }
}
