//! `keyseam serve manifest`: all that the webhook needs in a cluster, with an authority, a certificate and a hashing
//! key that are made on the spot and are nowhere else.

use std::io::Write;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::cli::args::ManifestArguments;
use crate::finding::fingerprint::FingerprintKey;

/// The objects, with places to be filled in.
const TEMPLATE: &str = include_str!("../../../deploy/kubernetes/keyseam.yaml");

/// How long the certificates hold. They are renewed by writing and applying the manifest again.
const YEARS: i64 = 2;

/// What is filled in.
struct Made {
    ca: String,
    cert: String,
    key: String,
}

/// Writes the manifest.
pub(super) fn write(arguments: &ManifestArguments, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let made = certificates(&arguments.namespace).context("no certificate can be made")?;
    let hashing_key = FingerprintKey::new_text().context("no hashing key can be made")?;
    let base64 = |text: &str| STANDARD.encode(text);
    let values = [
        ("@NAMESPACE@", arguments.namespace.clone()),
        ("@IMAGE@", arguments.image.clone()),
        ("@CA_BUNDLE@", base64(&made.ca)),
        ("@TLS_CERT@", base64(&made.cert)),
        ("@TLS_KEY@", base64(&made.key)),
        ("@HASHING_KEY@", base64(&hashing_key)),
        ("@FAILURE_POLICY@", if arguments.fail { "Fail" } else { "Ignore" }.to_owned()),
    ];
    let mut text = TEMPLATE.to_owned();
    for (place, value) in &values {
        text = text.replace(place, value);
    }
    stdout.write_all(text.as_bytes())?;
    Ok(())
}

fn certificates(namespace: &str) -> Result<Made, rcgen::Error> {
    let now = OffsetDateTime::now_utc();
    let dated = |mut params: CertificateParams, name: &str| {
        params.not_before = now - Duration::hours(1);
        params.not_after = now + Duration::days(365 * YEARS);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let mut authority = dated(CertificateParams::new(Vec::new())?, "keyseam webhook authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate()?;
    let ca = authority.self_signed(&ca_key)?;
    let issuer = Issuer::new(authority, ca_key);
    let names = [format!("keyseam.{namespace}.svc"), format!("keyseam.{namespace}.svc.cluster.local")];
    let mut params = dated(CertificateParams::new(names.to_vec())?, "keyseam webhook");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let cert = params.signed_by(&key, &issuer)?;
    Ok(Made { ca: ca.pem(), cert: cert.pem(), key: key.serialize_pem() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(fail: bool) -> String {
        let arguments = ManifestArguments {
            namespace: "guard".to_owned(),
            image: "registry.example:5000/keyseam:1".to_owned(),
            fail,
        };
        let mut out = Vec::new();
        write(&arguments, &mut out).expect("a manifest");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn every_place_is_filled_in() {
        let text = manifest(false);
        assert!(!text.lines().any(|line| !line.starts_with('#') && line.contains('@')), "{text}");
        assert!(text.contains("image: \"registry.example:5000/keyseam:1\""));
        assert!(text.contains("failurePolicy: \"Ignore\""));
        assert!(manifest(true).contains("failurePolicy: \"Fail\""));
    }

    #[test]
    fn the_certificate_is_the_services_and_of_the_bundles_authority() {
        use rustls::client::WebPkiServerVerifier;
        use rustls::client::danger::ServerCertVerifier as _;
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
        let made = certificates("guard").expect("certificates");
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate(&made.ca)).expect("an authority");
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().expect("a verifier");
        let fits = |name: &'static str| {
            let name = ServerName::try_from(name).expect("a name");
            verifier.verify_server_cert(&certificate(&made.cert), &[], &name, &[], UnixTime::now()).is_ok()
        };
        assert!(fits("keyseam.guard.svc") && !fits("keyseam.other.svc"));
    }
}
