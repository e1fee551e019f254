//! A result as an attestation: cosign of Debian sid wraps the predicate in a statement, signs it, attaches
//! it to the image and reads it back.

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyseam::detect::template::{Seed, expand};
use serde_json::Value;

use crate::docker::programs;
use crate::registry::Registry;
use crate::support::cli::Keyseam;
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

/// The predicate's type, as `docs/reports.md` has it.
const TYPE: &str = "urn:keyseam:secret-scan:v0.1";

#[track_caller]
fn run(program: &Path, folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("COSIGN_PASSWORD", "")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?}: {said}", program.display());
    output
}

#[test]
fn cosign_attests_a_result_and_reads_it_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let registry = Registry::start();
    let key = expand("{{github:ghp_}}", "", &mut Seed(1)).expect("a template");
    let file = Layer::new().file("app/.env", format!("token = {key}\n").as_bytes());
    let image = ImageBuilder::new("team/shop:1").layer_by("COPY . /app # buildkit", file).build();
    oci(&[&image], Compression::Gzip).write_to(&folder.path().join("layout"));
    let name = format!("{}/team/shop", registry.address());
    let skopeo = Path::new("skopeo");
    let to = format!("docker://{name}:1");
    run(skopeo, folder.path(), &["--insecure-policy", "copy", "--dest-tls-verify=false", "oci:layout", &to]);
    let inspect = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &to];
    let digest = run(skopeo, folder.path(), &inspect).stdout;
    let digest = String::from_utf8(digest).expect("text").trim().to_owned();
    let subject = format!("{name}@{digest}");

    let scan = Keyseam::new(&["scan", "-o", "intoto", &format!("docker://{subject}")]).run();
    scan.assert_status(1);
    let predicate = scan.json();
    assert_eq!(predicate["image"]["manifestDigest"], digest.as_str());
    std::fs::write(folder.path().join("predicate.json"), &scan.stdout).expect("written");

    let cosign = programs().join("usr/bin/cosign");
    run(&cosign, folder.path(), &["generate-key-pair"]);
    let attest = ["attest", "--key", "cosign.key", "--type", TYPE, "--predicate", "predicate.json"];
    let offline =
        ["--allow-http-registry", "--tlog-upload=false", "--use-signing-config=false", "-y", &subject];
    run(&cosign, folder.path(), &[&attest[..], &offline].concat());
    let verify = ["verify-attestation", "--key", "cosign.pub", "--type", TYPE, "--allow-http-registry"];
    let verified =
        run(&cosign, folder.path(), &[&verify[..], &["--insecure-ignore-tlog", &subject]].concat());
    let envelope: Value = serde_json::Deserializer::from_slice(&verified.stdout)
        .into_iter()
        .next()
        .expect("an envelope")
        .expect("JSON");
    let payload = STANDARD.decode(envelope["payload"].as_str().expect("a payload")).expect("base64");
    let statement: Value = serde_json::from_slice(&payload).expect("a statement");
    assert_eq!(statement["predicateType"], TYPE);
    assert_eq!(
        format!("sha256:{}", statement["subject"][0]["digest"]["sha256"].as_str().unwrap_or("")),
        digest
    );
    assert_eq!(statement["predicate"], predicate);
}
