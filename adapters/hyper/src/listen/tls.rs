//! TLS: the certificate, and reloading it when its files change.

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
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

use crate::signals::Signals;

/// The time between two checks whether the certificate files have changed.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// A certificate and its key, for [`Server::with_tls`](crate::Server::with_tls).
///
/// The files are reloaded on SIGHUP, and within two seconds of a change. New connections use the new certificate; open
/// connections keep the old certificate. If the files are invalid, for example because they are being written, the old
/// certificate stays in use. The failure is logged once, and the server tries to load the files again until it
/// succeeds.
///
/// ALPN (RFC 7301) offers HTTP/2, HTTP/1.1 and HTTP/1.0; TLS 1.2 and 1.3 are supported.
#[derive(Clone)]
pub struct Tls {
    config: Arc<RwLock<Arc<ServerConfig>>>,
    files: Option<(Arc<Files>, Fingerprint)>,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// Inode, modification time and length of both files. The inode changes when a symbolic link gets a new target,
/// which is how Kubernetes replaces mounted secrets.
type Fingerprint = [Option<(u64, i64, i64, u64)>; 2];

impl Tls {
    /// Loads a certificate chain, with the server's certificate first, and its key, both in PEM format.
    ///
    /// # Errors
    /// When a file cannot be read or is invalid, or when the key does not belong to the certificate.
    pub fn from_pem_files(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> io::Result<Self> {
        let files = Files {
            certificate: certificate.into(),
            key: key.into(),
        };
        // The fingerprint is taken before loading, so that the first check finds a change that happened during loading.
        let fingerprint = files.fingerprint();
        let config = RwLock::new(files.load()?);
        Ok(Self {
            config: Arc::new(config),
            files: Some((Arc::new(files), fingerprint)),
        })
    }

    /// Uses a rustls configuration without changes, for client certificates, several host names, or another way to
    /// renew certificates. HTTP/2 needs `h2` in the `alpn_protocols` of the configuration.
    ///
    /// Build the configuration with the re-exported [`rustls`](crate::rustls), so that the versions match.
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

    /// Reloads the files when they change or SIGHUP arrives. The future ends only if there are no files to reload.
    ///
    /// # Errors
    /// When the signal handler cannot be installed. It is installed before this method returns, because a SIGHUP
    /// without a handler ends the process.
    pub(crate) fn reload(self) -> io::Result<impl Future<Output = ()> + Send + use<>> {
        let hangup = Signals::new([SIGHUP])?;
        Ok(self.reload_on(hangup))
    }

    async fn reload_on(self, mut hangup: Signals) {
        let Some((files, mut loaded)) = self.files else {
            return;
        };
        let mut check = tokio::time::interval(CHECK_INTERVAL);
        let mut failed = None;
        loop {
            let requested = tokio::select! {
                () = hangup.next() => true,
                _ = check.tick() => false,
            };
            let current = files.fingerprint();
            if current == loaded && !requested {
                continue;
            }
            match files.load() {
                Ok(config) => {
                    *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                    loaded = current;
                    failed = None;
                    tracing::info!("reloaded the TLS certificate");
                }
                // Loading is tried again at every check, but the same failure is logged only once.
                Err(error) if requested || failed != Some(current) => {
                    failed = Some(current);
                    tracing::error!(%error, "failed to reload the TLS certificate, keeping the old one");
                }
                Err(_) => {}
            }
        }
    }
}

impl Files {
    fn load(&self) -> io::Result<Arc<ServerConfig>> {
        let chain = CertificateDer::pem_slice_iter(&read_pem(&self.certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| invalid_file(&self.certificate, error))?;
        if chain.is_empty() {
            let error = "the file contains no certificate (-----BEGIN CERTIFICATE-----)";
            return Err(invalid_file(&self.certificate, error));
        }
        let key = PrivateKeyDer::from_pem_slice(&read_pem(&self.key)?);
        let key = key.map_err(|error| match error {
            pem::Error::NoItemsFound => {
                let error = "the file contains no private key (-----BEGIN PRIVATE KEY-----)";
                invalid_file(&self.key, error)
            }
            error => invalid_file(&self.key, error),
        })?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| invalid_file(&self.certificate, error))?;
        config.alpn_protocols = ["h2", "http/1.1", "http/1.0"].map(Into::into).into();
        Ok(Arc::new(config))
    }

    fn fingerprint(&self) -> Fingerprint {
        [&self.certificate, &self.key].map(|path| {
            let meta = fs::metadata(path).ok()?;
            Some((meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()))
        })
    }
}

/// Reads a PEM file. Reports common mistakes, for which the parser has no clear error.
fn read_pem(path: &Path) -> io::Result<Vec<u8>> {
    const ENCRYPTED: &[u8] = b"ENCRYPTED";
    let bytes = fs::read(path).map_err(|error| invalid_file(path, error))?;
    let mistake = match &bytes[..] {
        [] => "the file is empty",
        [0xEF, 0xBB, 0xBF, ..] | [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
            "the file begins with a byte order mark; save it as ASCII text"
        }
        // The tag of an ASN.1 sequence.
        [0x30, ..] => {
            "the file is in DER or PKCS #12 format, expected PEM; `openssl x509`, `openssl pkey` and `openssl pkcs12` convert it"
        }
        bytes if bytes.windows(ENCRYPTED.len()).any(|text| text == ENCRYPTED) => {
            "the key is encrypted; `openssl pkey -in FILE` decrypts it"
        }
        _ => return Ok(bytes),
    };
    Err(invalid_file(path, mistake))
}

fn invalid_file(path: &Path, error: impl fmt::Display) -> io::Error {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_a_file_that_is_not_a_certificate_or_key_names_the_problem() -> io::Result<()> {
        let folder = std::env::temp_dir().join(format!("anyhost-pem-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let valid = pem("CERTIFICATE");
        for (certificate_text, key_text, expected) in [
            (&b""[..], &b"x"[..], "cert.pem: the file is empty"),
            (b"\x30\x82\x01", b"x", "cert.pem: the file is in DER"),
            (
                pem("PRIVATE KEY").as_bytes(),
                b"x",
                "cert.pem: the file contains no certificate",
            ),
            (
                valid.as_bytes(),
                b"\xEF\xBB\xBF---",
                "key.pem: the file begins with a byte order",
            ),
            (
                valid.as_bytes(),
                valid.as_bytes(),
                "key.pem: the file contains no private key",
            ),
            (
                valid.as_bytes(),
                pem("ENCRYPTED PRIVATE KEY").as_bytes(),
                "key.pem: the key is encrypted",
            ),
            (
                valid.as_bytes(),
                b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
                "key.pem: the key is encrypted",
            ),
        ] {
            fs::write(&certificate, certificate_text)?;
            fs::write(&key, key_text)?;
            let error = Tls::from_pem_files(&certificate, &key)
                .map(drop)
                .unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        fs::remove_dir_all(&folder)
    }
}
