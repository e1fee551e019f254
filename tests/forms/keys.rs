//! Private keys: in keystores, as host keys, as the key that a distribution makes for itself.

use super::{Detectors, folder, read, run};

/// A key pair of `name` in `name.key`, its certificate in `name.crt`.
fn certificate(folder: &std::path::Path, name: &str, kind: &[&str]) {
    let (key, crt, subject) = (format!("{name}.key"), format!("{name}.crt"), format!("/CN={name}.team.io"));
    let fixed = ["req", "-x509", "-nodes", "-days", "30", "-keyout", &key, "-out", &crt, "-subj", &subject];
    run(folder, "openssl", &[&fixed, kind].concat());
}

const RSA: &[&str] = &["-newkey", "rsa:2048"];
const EC: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

#[test]
fn a_pkcs12_store_with_a_key_is_found_and_one_of_certificates_is_not() {
    let (folder, detectors) = (folder(), Detectors::new());
    for (name, kind) in [("rsa", RSA), ("ec", EC)] {
        certificate(folder.path(), name, kind);
        let (key, crt) = (format!("{name}.key"), format!("{name}.crt"));
        for options in [[].as_slice(), &["-legacy"], &["-keypbe", "NONE"], &["-certpbe", "NONE"]] {
            let pack = [
                "pkcs12",
                "-export",
                "-inkey",
                &key,
                "-in",
                &crt,
                "-out",
                "s.p12",
                "-passout",
                "pass:abcdef",
            ];
            run(folder.path(), "openssl", &[&pack, options].concat());
            let in_clear = options.contains(&"-keypbe");
            let expected = if in_clear { "pkcs12-keystore critical" } else { "pkcs12-keystore high" };
            assert_eq!(
                detectors.found("srv/s.p12", &read(folder.path(), "s.p12")),
                [expected],
                "{name} {options:?}"
            );
        }
        let pack = ["pkcs12", "-export", "-nokeys", "-in", &crt, "-out", "t.p12", "-passout", "pass:abcdef"];
        run(folder.path(), "openssl", &pack);
        assert!(detectors.found("srv/t.p12", &read(folder.path(), "t.p12")).is_empty(), "{name}");
    }
}

#[test]
fn a_key_in_clear_in_a_keystore_is_the_same_key_as_its_pem() {
    let (folder, detectors) = (folder(), Detectors::new());
    certificate(folder.path(), "own", RSA);
    let pack =
        ["pkcs12", "-export", "-inkey", "own.key", "-in", "own.crt", "-out", "s.p12", "-passout", "pass:a"];
    run(folder.path(), "openssl", &[&pack[..], &["-keypbe", "NONE"]].concat());
    let key = |name: &str| {
        let hits = detectors.hits(name, &read(folder.path(), name));
        assert_eq!(hits.len(), 1, "{name}");
        hits[0].key.clone()
    };
    assert!(key("s.p12") == key("own.key"));
}

/// `keytool` with a store and its password.
fn keytool(folder: &std::path::Path, store: &str, kind: &str, arguments: &[&str]) {
    let fixed = ["-keystore", store, "-storetype", kind, "-storepass", "changeit", "-noprompt"];
    run(folder, "keytool", &[arguments, &fixed].concat());
}

#[test]
fn stores_of_keytool_are_told_from_truststores() {
    let (folder, detectors) = (folder(), Detectors::new());
    certificate(folder.path(), "ca", EC);
    for (kind, detector) in
        [("PKCS12", "pkcs12-keystore"), ("JKS", "java-keystore"), ("JCEKS", "java-keystore")]
    {
        let (own, trust) = (format!("{kind}.own"), format!("{kind}.trust"));
        for alias in ["one", "two"] {
            let generate =
                ["-genkeypair", "-alias", alias, "-keyalg", "RSA", "-dname", "CN=a", "-keypass", "changeit"];
            keytool(folder.path(), &own, kind, &generate);
        }
        keytool(folder.path(), &trust, kind, &["-importcert", "-alias", "ca", "-file", "ca.crt"]);
        let bytes = read(folder.path(), &own);
        assert_eq!(detectors.found("srv/store", &bytes), [format!("{detector} high")], "{kind}");
        assert_eq!(detectors.count(detector, "srv/store", &bytes), 2, "{kind}: both keys");
        assert!(detectors.found("srv/trust", &read(folder.path(), &trust)).is_empty(), "{kind}");
    }
}

#[test]
fn host_keys_are_findings_of_their_own_kind() {
    let (folder, detectors) = (folder(), Detectors::new());
    std::fs::create_dir_all(folder.path().join("etc/ssh")).expect("a folder");
    let root = folder.path().to_str().expect("UTF-8");
    run(folder.path(), "ssh-keygen", &["-A", "-f", root]);
    let mut kinds = 0;
    for kind in ["rsa", "ecdsa", "ed25519"] {
        let path = format!("etc/ssh/ssh_host_{kind}_key");
        let bytes = read(folder.path(), &path);
        assert_eq!(detectors.found(&path, &bytes), ["ssh-host-key medium"], "{kind}");
        assert_eq!(detectors.found("root/.ssh/id", &bytes), ["openssh-private-key critical"], "{kind}");
        assert!(detectors.found(&path, &read(folder.path(), &format!("{path}.pub"))).is_empty());
        kinds += 1;
    }
    assert_eq!(kinds, 3);
}

/// `make-ssl-cert` calls openssl so, and names the file so.
#[test]
fn the_key_that_a_distribution_makes_for_itself_is_one_of_its_own_kind() {
    let (folder, detectors) = (folder(), Detectors::new());
    certificate(folder.path(), "snakeoil", RSA);
    let bytes = read(folder.path(), "snakeoil.key");
    assert_eq!(detectors.found("etc/ssl/private/ssl-cert-snakeoil.key", &bytes), ["snakeoil-key medium"]);
    assert_eq!(detectors.found("etc/ssl/private/site.key", &bytes), ["pem-private-key critical"]);
}
