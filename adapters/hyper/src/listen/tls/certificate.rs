//! A certificate with its key, loaded from PEM files.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

/// A certificate chain with its key, and the files from which they are reloaded.
#[derive(Clone)]
pub(super) struct Certificate {
    files: Files,
    loaded: Loaded,
    fingerprint: Fingerprint,
    /// The fingerprint of the files that could not be loaded.
    failed: Option<Fingerprint>,
}

#[derive(Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Clone)]
struct Loaded {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
}

/// Inode, modification time and length of both files. The inode changes when a symbolic link gets a new target,
/// which is how Kubernetes replaces mounted secrets.
type Fingerprint = [Option<(u64, i64, i64, u64)>; 2];

impl Certificate {
    /// # Errors
    /// When a file cannot be read or is invalid, or when the key does not belong to the certificate.
    pub(super) fn load(certificate: PathBuf, key: PathBuf) -> io::Result<Self> {
        let files = Files { certificate, key };
        // The fingerprint is taken before loading, so that the first check finds a change that happened during loading.
        let fingerprint = files.fingerprint();
        Ok(Self {
            loaded: files.load()?,
            files,
            fingerprint,
            failed: None,
        })
    }

    /// Loads the files again if they have changed, or in any case if this was `requested`. Returns whether they were
    /// loaded.
    ///
    /// # Errors
    /// When the files are invalid. Loading is tried again at every check, but the same failure is returned only once,
    /// unless loading was requested.
    pub(super) fn reload(&mut self, requested: bool) -> io::Result<bool> {
        let current = self.files.fingerprint();
        if current == self.fingerprint && !requested {
            return Ok(false);
        }
        match self.files.load() {
            Ok(loaded) => {
                self.loaded = loaded;
                self.fingerprint = current;
                self.failed = None;
                Ok(true)
            }
            Err(error) if requested || self.failed != Some(current) => {
                self.failed = Some(current);
                Err(error)
            }
            Err(_) => Ok(false),
        }
    }

    pub(super) fn key(&self) -> &Arc<CertifiedKey> {
        &self.loaded.key
    }

    /// The host names that the certificate contains. A name can begin with the wildcard `*.`.
    pub(super) fn names(&self) -> &[String] {
        &self.loaded.names
    }

    pub(super) fn invalid(&self, error: impl fmt::Display) -> io::Error {
        invalid_file(&self.files.certificate, error)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.certificate.fmt(f)
    }
}

impl Files {
    fn load(&self) -> io::Result<Loaded> {
        let chain = CertificateDer::pem_slice_iter(&read_pem(&self.certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| invalid_file(&self.certificate, error))?;
        let Some(first) = chain.first() else {
            let error = "the file contains no certificate (-----BEGIN CERTIFICATE-----)";
            return Err(invalid_file(&self.certificate, error));
        };
        let names = EndEntityCert::try_from(first)
            .map(|certificate| certificate.valid_dns_names().map(Into::into).collect());
        let key = PrivateKeyDer::from_pem_slice(&read_pem(&self.key)?);
        let key = key.map_err(|error| match error {
            pem::Error::NoItemsFound => {
                let error = "the file contains no private key (-----BEGIN PRIVATE KEY-----)";
                invalid_file(&self.key, error)
            }
            error => invalid_file(&self.key, error),
        })?;
        let key = CertifiedKey::from_der(chain, key, &default_provider())
            .map_err(|error| self.invalid_pair(error))?;
        Ok(Loaded {
            key: Arc::new(key),
            names: names.map_err(|error| self.invalid_pair(error))?,
        })
    }

    fn invalid_pair(&self, error: impl fmt::Display) -> io::Error {
        let key = self.key.display();
        invalid_file(
            &self.certificate,
            format_args!("with the key {key}: {error}"),
        )
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
            let error = Certificate::load(certificate.clone(), key.clone())
                .map(drop)
                .unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        fs::remove_dir_all(&folder)
    }
}
