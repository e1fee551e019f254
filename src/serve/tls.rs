//! Certificates of the doors: from files, read again when they change, so that one that is renewed is in use without
//! a restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum_server::tls_rustls::RustlsConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// The files of a door's certificate.
#[derive(Clone, Debug)]
pub struct Files {
    /// The chain (PEM).
    pub cert: PathBuf,
    /// Its key (PEM).
    pub key: PathBuf,
    /// Authorities of clients (PEM): only who has a certificate of theirs is answered.
    pub client_ca: Option<PathBuf>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub struct TlsError {
    file: PathBuf,
    why: String,
}

/// A certificate that is in use.
pub struct Tls {
    files: Files,
    config: RustlsConfig,
    last: Mutex<Last>,
}

/// What was read last.
struct Last {
    hash: Vec<u8>,
    validity: Validity,
}

/// From when until when a certificate is one, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    from: i64,
    until: i64,
}

/// How long before its end a certificate should have been renewed, at most: those that live for a short time are
/// renewed later.
const RENEWED: i64 = 30 * 24 * 3600;

/// Bytes of all files of a certificate.
const FILES: u64 = 1024 * 1024;

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they hold no certificate with its key.
    pub fn open(files: Files) -> Result<Self, TlsError> {
        let hash = files.read()?;
        let (config, validity) = files.load()?;
        let config = RustlsConfig::from_config(Arc::new(config));
        Ok(Self { files, config, last: Mutex::new(Last { hash, validity }) })
    }

    /// For connections; what is read later is used by those that come later.
    pub fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Takes a new certificate, where there is one, and says whether there was.
    ///
    /// # Errors
    /// When the files hold none: the old one stays in use.
    pub fn reload_if_changed(&self) -> Result<bool, TlsError> {
        let hash = self.files.read()?;
        let mut last = self.last();
        if last.hash == hash {
            return Ok(false);
        }
        // Certificate and key are two files: between them there may be a moment when they do not fit.
        let (config, validity) = self.files.load()?;
        self.config.reload_from_config(Arc::new(config));
        *last = Last { hash, validity };
        Ok(true)
    }

    /// When the certificate that is in use begins and ends.
    pub fn validity(&self) -> Validity {
        self.last().validity
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Validity {
    /// Its last second, since 1970.
    pub fn until(self) -> i64 {
        self.until
    }

    /// What is to be said of it, if it is near its end: a third of its time, and thirty days at most.
    pub fn warning(self, now: SystemTime) -> Option<String> {
        let now =
            now.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok())?;
        let left = self.until - now;
        let soon = (self.until.saturating_sub(self.from) / 3).min(RENEWED);
        match left {
            ..0 => Some("it has ended, and clients refuse it".to_owned()),
            _ if left < soon => Some(format!("it ends in {} hours", left / 3600)),
            _ => None,
        }
    }
}

impl Files {
    /// A hash of the files' bytes, which hold a key.
    fn read(&self) -> Result<Vec<u8>, TlsError> {
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new();
        for file in [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten() {
            hash.update(zeroize::Zeroizing::new(bytes(file)?).as_slice());
            hash.update(b"\0");
        }
        Ok(hash.finalize().to_vec())
    }

    fn load(&self) -> Result<(ServerConfig, Validity), TlsError> {
        let chain = certificates(&self.cert)?;
        let validity = validity(&chain).ok_or_else(|| TlsError {
            file: self.cert.clone(),
            why: "the first certificate in it cannot be read".to_owned(),
        })?;
        Ok((self.config(chain)?, validity))
    }

    fn config(&self, chain: Vec<CertificateDer<'static>>) -> Result<ServerConfig, TlsError> {
        let failed = |file: &Path, why: String| TlsError { file: file.to_owned(), why };
        let pem = zeroize::Zeroizing::new(bytes(&self.key)?);
        let key = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|_| failed(&self.key, "there is no private key in it (PEM)".to_owned()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&self.cert, error.to_string()))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(file)? {
                    roots.add(certificate).map_err(|error| failed(file, error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| failed(file, error.to_string()))?)
            }
        };
        let config = builder.with_single_cert(chain, key);
        let mut config = config.map_err(|error| {
            failed(&self.cert, format!("it does not go with {}: {error}", self.key.display()))
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// That of the certificate itself, which is the first one of its chain.
fn validity(chain: &[CertificateDer<'_>]) -> Option<Validity> {
    let (_, certificate) = x509_parser::parse_x509_certificate(chain.first()?).ok()?;
    let validity = certificate.validity();
    Some(Validity { from: validity.not_before.timestamp(), until: validity.not_after.timestamp() })
}

fn bytes(file: &Path) -> Result<Vec<u8>, TlsError> {
    crate::cli::input::file(file, FILES)
        .map_err(|error| TlsError { file: file.to_owned(), why: error.to_string() })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = || TlsError { file: file.to_owned(), why: "there is no certificate in it (PEM)".to_owned() };
    let found =
        CertificateDer::pem_slice_iter(&bytes(file)?).collect::<Result<Vec<_>, _>>().map_err(|_| failed())?;
    if found.is_empty() { Err(failed()) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_end_is_told_in_time() {
        let day = 24 * 3600;
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        let year = Validity { from: 0, until: 365 * 86400 };
        assert_eq!(year.warning(at(300 * day)), None);
        assert_eq!(year.warning(at(364 * day)).as_deref(), Some("it ends in 24 hours"));
        assert_eq!(year.warning(at(366 * day)).as_deref(), Some("it has ended, and clients refuse it"));
        let short = Validity { from: 0, until: 24 * 3600 };
        assert_eq!(short.warning(at(3600)), None);
        assert_eq!(short.warning(at(20 * 3600)).as_deref(), Some("it ends in 4 hours"));
    }
}
