//! `keyseam push`: what passes is in the registry as it was scanned, and nothing else is. The registries are
//! Debian's, and skopeo says what they hold.

use std::io::Read;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::scan::line;
use crate::support::cli::{Keyseam, Run};
use crate::support::distribution::issuer::Issuer;
use crate::support::distribution::{Distribution, Mode, Store};
use crate::support::engine::run;
use crate::support::http::token::secret;
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, docker_classic, oci, oci_platforms, this_architecture,
};

fn clean(content: &str) -> Image {
    clean_on(content, this_architecture())
}

fn clean_on(content: &str, architecture: &str) -> Image {
    let noise: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let layer = Layer::new().file("app/content", content.as_bytes());
    let builder = ImageBuilder::new("app:1").platform("linux", architecture);
    builder.layer(layer).layer(Layer::new().file("noise", &noise)).build()
}

fn leaky_on(architecture: &str) -> Image {
    let builder = ImageBuilder::new("app:1").platform("linux", architecture);
    builder.layer(Layer::new().file("app/.env", &line(1))).build()
}

fn leaky() -> Image {
    leaky_on(this_architecture())
}

fn written(bytes: Vec<u8>) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("image.tar");
    std::fs::write(&path, bytes).expect("written");
    let path = path.display().to_string();
    (folder, path)
}

fn archive(image: &Image) -> (TempDir, String) {
    written(oci(&[image], Compression::Gzip).tar())
}

/// `keyseam push -o json IMAGE DESTINATION`.
fn push(image: &str, destination: &str) -> Keyseam {
    Keyseam::new(&["push", "-o", "json", image, destination])
}

/// The manifest or index that a registry has, as skopeo sees it; none where there is none.
fn held(destination: &str, more: &[&str]) -> Option<Vec<u8>> {
    let reference = format!("docker://{}", destination.trim_start_matches("docker://"));
    let home = tempfile::tempdir().expect("a folder");
    let mut skopeo = Command::new("skopeo");
    skopeo.env("HOME", home.path()).env("XDG_RUNTIME_DIR", home.path());
    skopeo.args(["inspect", "--raw", "--tls-verify=false"]).args(more).arg(reference);
    let output = run(&mut skopeo, None);
    output.status.success().then_some(output.stdout)
}

fn digest(bytes: &[u8]) -> String {
    keyseam::image::digest::Digest::sha256_of(bytes).to_string()
}

fn manifest_digest(run: &Run) -> Value {
    run.result()["manifest_digest"].clone()
}

#[test]
fn what_passes_is_pushed_with_the_digest_that_was_scanned() {
    let (store, (_folder, image)) = (Store::new(), archive(&clean("one")));
    let registry = Distribution::start(&store, &Mode::Plain);
    let destination = format!("{}/team/app:1", registry.host());
    let pushed = push(&image, &destination).run();
    pushed.assert_status(0);
    let bytes = held(&destination, &[]).expect("it is there");
    assert_eq!(manifest_digest(&pushed), digest(&bytes).as_str());
    assert!(pushed.stderr.contains(&format!("pushed {destination}@{}", digest(&bytes))), "{}", pushed.stderr);
    // All of it is there: it can be scanned, and copied by others.
    let scanned = Keyseam::scan(&[&registry.target("team/app:1")]).run();
    assert_eq!(manifest_digest(scanned.assert_status(0)), digest(&bytes).as_str());
    assert_eq!(scanned.result()["complete"], true);
    // What is there already is no reason to fail.
    push(&image, &destination).run().assert_status(0);

    // From there to another repository, and to another registry.
    let beside = format!("{}/team/beside:2", registry.host());
    push(&registry.target("team/app:1"), &format!("docker://{beside}")).run().assert_status(0);
    assert_eq!(held(&beside, &[]), Some(bytes.clone()));
    let (far, other) = (Store::new(), clean("two"));
    let far = Distribution::start(&far, &Mode::Plain);
    let there = format!("{}/app", far.host());
    push(&registry.target("team/beside:2"), &there).run().assert_status(0);
    assert_eq!(held(&format!("{there}:latest"), &[]), Some(bytes));
    // A tag that is there is moved.
    let (_folder, image) = archive(&other);
    push(&image, &there).run().assert_status(0);
    assert_ne!(held(&format!("{there}:latest"), &[]), held(&beside, &[]));
}

#[test]
fn an_index_is_pushed_with_every_platform() {
    let store = Store::new();
    let registry = Distribution::start(&store, &Mode::Plain);
    let platforms = |arm: &Image| {
        written(oci_platforms("app:1", &[&clean_on("amd64", "amd64"), arm], Compression::Gzip).tar())
    };
    let (_folder, image) = platforms(&clean_on("arm64", "arm64"));
    let destination = format!("{}/app:1", registry.host());
    let pushed = push(&image, &destination).run();
    pushed.assert_status(0);
    let index: Value = serde_json::from_slice(&held(&destination, &[]).expect("there")).expect("JSON");
    assert_eq!(index["manifests"].as_array().map(Vec::len), Some(2));
    let both = Keyseam::scan(&["--platform", "all", &registry.target("app:1")]).run();
    let digests =
        |run: &Run| run.results().iter().map(|one| one["manifest_digest"].clone()).collect::<Vec<_>>();
    assert_eq!(digests(&both), digests(&pushed));

    // One platform's key keeps all of it out.
    let (_folder, image) = platforms(&leaky_on("arm64"));
    let destination = format!("{}/app:2", registry.host());
    push(&image, &destination).run().assert_status(1);
    assert_eq!(held(&destination, &[]), None);
    // The other platform alone may go.
    push(&image, &destination).args(&["--platform", "linux/amd64"]).run().assert_status(0);
}

#[test]
fn provenance_goes_along_with_its_image() {
    // What buildx made: an index of one image and its attestation.
    let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/buildx/oci-slsa-0.2.tar.gz");
    let mut bytes = Vec::new();
    let compressed = std::fs::read(recorded).expect("a recording");
    flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut bytes).expect("gzip");
    let (_folder, image) = written(bytes);
    let store = Store::new();
    let registry = Distribution::start(&store, &Mode::Plain);
    let destination = format!("{}/app:1", registry.host());
    let pushed = push(&image, &destination).run();
    pushed.assert_status(0);
    let bytes = held(&destination, &[]).expect("it is there");
    assert_eq!(pushed.result()["index_digest"], digest(&bytes).as_str());
    let index: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(index["manifests"].as_array().map(Vec::len), Some(2));
    let scanned = Keyseam::scan(&[&registry.target("app:1")]).run();
    assert_eq!(scanned.result()["stats"]["bytes_compressed"], pushed.result()["stats"]["bytes_compressed"]);

    // The image alone, where its platform is asked for.
    let alone = format!("{}/app:2", registry.host());
    let platform = pushed.result()["platform"].as_str().expect("a platform").to_owned();
    push(&image, &alone).args(&["--platform", &platform]).run().assert_status(0);
    assert_eq!(pushed.result()["manifest_digest"], digest(&held(&alone, &[]).expect("there")).as_str());
}

#[test]
fn what_does_not_pass_is_not_pushed() {
    let store = Store::new();
    let registry = Distribution::start(&store, &Mode::Plain);
    let destination = format!("{}/app:1", registry.host());
    let refused = |image: &str, status: i32, says: &str| {
        let run = push(image, &destination).run();
        run.assert_status(status);
        assert!(run.stderr.contains("not pushed: ") && run.stderr.contains(says), "{}", run.stderr);
        assert_eq!(held(&destination, &[]), None);
    };
    let (_one, with_key) = archive(&leaky());
    refused(&with_key, 1, "it holds keys");
    let mut image = clean("cut");
    image.layers[1].truncate(1_000);
    let (_two, cut) = archive(&image);
    refused(&cut, 3, "not everything could be scanned");
    let (_three, classic) = written(docker_classic(&[&clean("classic")]).tar());
    refused(&classic, 2, "has no manifest");
    let missing = push("./missing.tar", &destination).run();
    missing.assert_status(2);
    let known = push(&with_key, &destination).args(&["--fail-on", "never"]).run();
    known.assert_status(0);
    assert!(held(&destination, &[]).is_some(), "the user said that nothing counts");
    for options in [&["--exit-zero"][..], &["--base", "x", "--skip-base"]] {
        assert!(push(&with_key, &destination).args(options).run().assert_status(2).stderr.contains("push"));
    }
    let pinned = format!("{destination}@sha256:{}", "0".repeat(64));
    assert!(push(&with_key, &pinned).run().assert_status(2).stderr.contains("name a tag"));
}

#[test]
fn a_push_logs_in_as_a_pull_does() {
    let password = secret("password");
    let issuer = Issuer::start();
    let stores = [Store::new(), Store::new()];
    let registries = [
        (Distribution::start(&stores[0], &Mode::Htpasswd("robot", &password)), "robot", password.as_str()),
        (Distribution::start(&stores[1], &Mode::Token(&issuer)), issuer.username(), issuer.password()),
    ];
    let (_folder, image) = archive(&clean("one"));
    for (registry, username, password) in &registries {
        let destination = format!("{}/team/app:1", registry.host());
        let denied = push(&image, &destination).run();
        denied.assert_status(2);
        assert!(denied.stderr.contains("docker login"), "{}", denied.stderr);
        let login = |password: &str| {
            let line =
                ["push", "-o", "json", "--username", username, "--password-stdin", &image, &destination];
            Keyseam::new(&line).stdin(password).run()
        };
        assert!(!login("wrong-password").assert_status(2).stderr.contains("wrong-password"));
        let pushed = login(password);
        pushed.assert_status(0);
        assert!(!pushed.stderr.contains(*password));
        let credentials = format!("{username}:{password}");
        let bytes = held(&destination, &["--creds", &credentials]).expect("it is there");
        assert_eq!(manifest_digest(&pushed), digest(&bytes).as_str());
    }
}

#[test]
fn a_registry_that_cannot_be_reached_is_status_2() {
    let (_folder, image) = archive(&clean("one"));
    let run = push(&image, "127.0.0.1:1/app:1").args(&["--retries", "0"]).run();
    run.assert_status(2);
    assert!(run.stderr.contains("127.0.0.1:1"), "{}", run.stderr);
}
