//! A private certificate authority, made by `openssl` for one test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

/// Names of this machine that tests use.
pub(crate) const LOCAL: &str = "DNS:localhost,IP:127.0.0.1,IP:127.0.0.2,IP:::1";

/// An authority with its files, which are gone when it is.
pub(crate) struct Authority {
    folder: TempDir,
}

/// A certificate with its key, in files.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let extensions =
            ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"];
        let mut line =
            vec!["req", "-x509", "-out", "ca.pem", "-keyout", "ca.key", "-subj", "/CN=Authority of a test"];
        line.extend(extensions);
        line.extend(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl(folder.path(), &line);
        Self { folder }
    }

    /// Its certificate, for `--ca-file`.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate of a server with these names (`DNS:…,IP:…`).
    pub(crate) fn server(&self, names: &str) -> Identity {
        self.issue("server", "serverAuth", names)
    }

    /// A certificate of a client.
    pub(crate) fn client(&self) -> Identity {
        self.issue("client", "clientAuth", "DNS:client")
    }

    /// What a server over TLS needs, for these names.
    pub(crate) fn tls(&self, names: &str) -> Arc<ServerConfig> {
        let identity = self.server(names);
        let cert = CertificateDer::from_pem_file(&identity.cert).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(&identity.key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![cert], key);
        Arc::new(config.expect("a certificate with its key"))
    }

    fn issue(&self, kind: &str, usage: &str, names: &str) -> Identity {
        let folder = self.folder.path();
        let count = std::fs::read_dir(folder).expect("a folder").count();
        let file = |ending: &str| format!("{kind}-{count}.{ending}");
        let (cert, key, request, extensions) = (file("pem"), file("key"), file("csr"), file("ext"));
        let subject = format!("/CN={kind} of a test");
        let line = ["req", "-new", "-out", &request, "-keyout", &key, "-subj", &subject, "-nodes"];
        openssl(folder, &[&line[..], &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]].concat());
        let text = format!("basicConstraints=CA:FALSE\nextendedKeyUsage={usage}\nsubjectAltName={names}\n");
        std::fs::write(folder.join(&extensions), text).expect("a file");
        let line = ["x509", "-req", "-in", &request, "-out", &cert, "-extfile", &extensions, "-days", "2"];
        openssl(folder, &[&line[..], &["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]].concat());
        Identity { cert: folder.join(cert), key: folder.join(key) }
    }
}

/// Runs openssl in a folder; it must succeed.
pub(crate) fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.expect("openssl runs; tests/run installs it");
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
