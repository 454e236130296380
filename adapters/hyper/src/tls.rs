//! HTTPS: a certificate, and what happens when it is renewed.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use signal_hook::consts::SIGHUP;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

use crate::shutdown::Signals;

/// How often the files are looked at.
const CHECK: Duration = Duration::from_secs(2);

/// A certificate and its key, for a [`Server`](crate::Server::with_tls) that speaks HTTPS.
///
/// The files are read again on SIGHUP, and within two seconds of a change. New connections get the new
/// certificate; those that are open stay as they are. Files that cannot be used, as while they are being
/// written, change nothing: that is logged once, and they are tried again until they can.
///
/// HTTP/2 and HTTP/1.1 are offered to clients (ALPN, RFC 7301); TLS 1.2 and 1.3 are spoken.
#[derive(Clone)]
pub struct Tls {
    config: Arc<RwLock<Arc<ServerConfig>>>,
    files: Option<(Arc<Files>, Fingerprint)>,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What changes when one of the two files does, also if it is a link that points elsewhere now.
type Fingerprint = [Option<(u64, i64, i64, u64)>; 2];

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its key, both in PEM.
    ///
    /// # Errors
    /// When a file cannot be read or is not what it should be, and when the key is not the certificate's.
    pub fn from_pem_files(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> io::Result<Self> {
        let files = Files {
            certificate: certificate.into(),
            key: key.into(),
        };
        // Taken first: what changes meanwhile is found later.
        let fingerprint = files.fingerprint();
        let config = RwLock::new(files.load()?);
        Ok(Self {
            config: Arc::new(config),
            files: Some((Arc::new(files), fingerprint)),
        })
    }

    /// Takes a configuration of the program's own: client certificates, several names, its own renewal. Its
    /// `alpn_protocols` say whether there is HTTP/2.
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self {
            config: Arc::new(RwLock::new(config)),
            files: None,
        }
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    fn config(&self) -> Arc<ServerConfig> {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        config.clone()
    }

    /// Reads the files again whenever there is reason to, for ever.
    pub(crate) async fn renew(self) -> io::Result<()> {
        let Some((files, mut loaded)) = self.files else {
            return Ok(());
        };
        let mut hangup = Signals::new([SIGHUP])?;
        let mut check = tokio::time::interval(CHECK);
        let mut failed = None;
        loop {
            let asked = tokio::select! {
                _ = hangup.next() => true,
                _ = check.tick() => false,
            };
            let found = files.fingerprint();
            if found == loaded && !asked {
                continue;
            }
            match files.load() {
                Ok(config) => {
                    *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                    loaded = found;
                    failed = None;
                    tracing::info!("the certificate was read again");
                }
                // It is tried until it works, and told once.
                Err(error) if asked || failed != Some(found) => {
                    failed = Some(found);
                    tracing::error!(%error, "the certificate stays as it was");
                }
                Err(_) => {}
            }
        }
    }
}

impl Files {
    fn load(&self) -> io::Result<Arc<ServerConfig>> {
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(&self.certificate, error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| unreadable(&self.key, error))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| unreadable(&self.certificate, error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn fingerprint(&self) -> Fingerprint {
        [&self.certificate, &self.key].map(|path| {
            let meta = fs::metadata(path).ok()?;
            Some((meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()))
        })
    }
}

fn unreadable(path: &Path, error: impl fmt::Display) -> io::Error {
    let text = format!("{}: {error}", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.files.as_ref();
        let certificate = files.map(|(files, _)| &files.certificate);
        f.debug_struct("Tls")
            .field("certificate", &certificate)
            .finish_non_exhaustive()
    }
}
