//! TLS: the certificates, and reloading them when their files change.

mod certificate;
mod names;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use signal_hook::consts::SIGHUP;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::server::TlsStream;

use crate::signals::Signals;
use certificate::Certificate;
use names::ByName;

/// The time between two checks whether the certificate files have changed.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// One or more certificates and their keys, for [`Server::with_tls`](crate::Server::with_tls).
///
/// The files are reloaded on SIGHUP, and within two seconds of a change. New connections use the new certificate; open
/// connections keep the old certificate. If the files of a certificate are invalid, for example because they are being
/// written, the old certificate stays in use, and the other certificates are reloaded. The failure is logged once, and
/// the server tries to load the files again until it succeeds.
///
/// ALPN (RFC 7301) offers HTTP/2, HTTP/1.1 and HTTP/1.0; TLS 1.2 and 1.3 are supported.
#[derive(Clone)]
pub struct Tls {
    config: Arc<RwLock<Arc<ServerConfig>>>,
    /// Empty if the application supplied the configuration.
    certificates: Vec<Certificate>,
}

impl Tls {
    /// Loads a certificate chain, with the server's certificate first, and its key, both in PEM format.
    ///
    /// # Errors
    /// When a file cannot be read or is invalid, or when the key does not belong to the certificate.
    pub fn from_pem_files(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> io::Result<Self> {
        Self::from_certificates(vec![Certificate::load(certificate.into(), key.into())?])
    }

    /// Adds a certificate for other host names. The server sends the certificate that contains the host name which the
    /// client has asked for (SNI, RFC 6066 §3). A certificate with exactly this name is preferred to one with a
    /// wildcard. Clients that ask for no name, or for an unknown name, get the first certificate.
    ///
    /// ```no_run
    /// # fn example() -> std::io::Result<()> {
    /// use anyhost_hyper::Tls;
    ///
    /// let tls = Tls::from_pem_files("example.com.pem", "example.com.key")?
    ///     .and_pem_files("example.org.pem", "example.org.key")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When a file cannot be read or is invalid, when the key does not belong to the certificate, or when the
    /// certificate contains no host name. Also after [`from_config`](Self::from_config), because the configuration of
    /// the application chooses the certificate.
    pub fn and_pem_files(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> io::Result<Self> {
        if self.certificates.is_empty() {
            let message = "a certificate cannot be added to a rustls configuration";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let added = Certificate::load(certificate.into(), key.into())?;
        if added.names().is_empty() {
            return Err(added.invalid(
                "the certificate contains no host name (subject alternative name), so the server would never select it",
            ));
        }
        self.certificates.push(added);
        Self::from_certificates(self.certificates)
    }

    /// Uses a rustls configuration without changes, for client certificates, another choice of certificates, or another
    /// way to renew certificates. HTTP/2 needs `h2` in the `alpn_protocols` of the configuration.
    ///
    /// Build the configuration with the re-exported [`rustls`](crate::rustls), so that the versions match.
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self {
            config: Arc::new(RwLock::new(config)),
            certificates: Vec::new(),
        }
    }

    fn from_certificates(certificates: Vec<Certificate>) -> io::Result<Self> {
        let config = RwLock::new(configure(&certificates)?);
        Ok(Self {
            config: Arc::new(config),
            certificates,
        })
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    fn config(&self) -> Arc<ServerConfig> {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        config.clone()
    }

    /// Reloads the files when they change or SIGHUP arrives. The future ends only if there are no files to reload.
    ///
    /// # Errors
    /// When the signal handler cannot be installed. It is installed before this method returns, because a SIGHUP
    /// without a handler ends the process.
    pub(crate) fn reload(self) -> io::Result<impl Future<Output = ()> + Send + use<>> {
        let hangup = Signals::new([SIGHUP])?;
        Ok(self.reload_on(hangup))
    }

    async fn reload_on(mut self, mut hangup: Signals) {
        if self.certificates.is_empty() {
            return;
        }
        let mut check = tokio::time::interval(CHECK_INTERVAL);
        loop {
            let requested = tokio::select! {
                () = hangup.next() => true,
                _ = check.tick() => false,
            };
            let mut is_changed = false;
            for certificate in &mut self.certificates {
                match certificate.reload(requested) {
                    Ok(reloaded) => is_changed |= reloaded,
                    Err(error) => {
                        tracing::error!(%error, "failed to reload the TLS certificate, keeping the old one");
                    }
                }
            }
            if !is_changed {
                continue;
            }
            match configure(&self.certificates) {
                Ok(config) => {
                    *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                    tracing::info!("reloaded the TLS certificate");
                }
                Err(error) => {
                    tracing::error!(%error, "failed to reload the TLS certificate, keeping the old one");
                }
            }
        }
    }
}

fn configure(certificates: &[Certificate]) -> io::Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName::new(certificates)));
    config.alpn_protocols = ["h2", "http/1.1", "http/1.0"].map(Into::into).into();
    Ok(Arc::new(config))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}
