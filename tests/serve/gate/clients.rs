//! Real clients: what leaks is refused with a line that they print, and what does not passes byte for byte.

use std::process::{Command, Output};

use super::{Scene, assert_refusal, clean, digest, get_manifest, key, layout, leaky};
use crate::support::engine::{Docker, Podman, run, text};
use crate::support::image::docker_classic;
use crate::support::serve::curl;

/// `skopeo copy FROM docker://HOST/NAME`, with more options.
pub(super) fn skopeo_copy(from: &str, to: &str, more: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a folder");
    let mut skopeo = Command::new("skopeo");
    skopeo.env("HOME", home.path()).env("TMPDIR", home.path()).env("XDG_RUNTIME_DIR", home.path());
    skopeo.args(["copy", "--insecure-policy"]).args(more).args([from, to]);
    run(&mut skopeo, None)
}

/// Checks that a client failed with the line, and that nobody gets the image by its tag.
#[track_caller]
fn assert_kept_out(scene: &Scene, output: &Output, repository: &str, number: u64) {
    assert!(!output.status.success(), "{}", text(output));
    let said = text(output);
    assert_refusal(&said);
    assert!(!said.contains(&key(number)));
    for host in [scene.host(), scene.registry.host().to_owned()] {
        assert_eq!(get_manifest(&host, repository, "1").status, 404);
        let tags = curl(&[&format!("http://{host}/v2/{repository}/tags/list")], b"");
        assert!(tags.status == 404 || tags.json()["tags"].is_null(), "{}", tags.text());
    }
    assert!(!scene.server.text().contains(&key(number)));
}

#[test]
fn skopeo_is_refused_with_a_leak_and_passes_without() {
    let scene = Scene::new(&[]);
    let plain = ["--dest-tls-verify=false"];
    let (_folder, image) = layout(&leaky("leak:1", 1));
    let output = skopeo_copy(&image, &format!("docker://{}/shop/leak:1", scene.host()), &plain);
    assert_kept_out(&scene, &output, "shop/leak", 1);

    let (folder, image) = layout(&clean("clean:1"));
    let name = format!("docker://{}/shop/clean:1", scene.host());
    let output = skopeo_copy(&image, &name, &plain);
    assert!(output.status.success(), "{}", text(&output));
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("index.json")).expect("there"))
            .expect("JSON");
    let held = scene.held("shop/clean", "1").expect("it is there");
    assert_eq!(index["manifests"][0]["digest"], digest(&held).as_str());
    // Through the gate, skopeo gets all of it back and checks every digest.
    let back = tempfile::tempdir().expect("a folder");
    let to = format!("oci:{}:clean:1", back.path().display());
    let output = skopeo_copy(&name, &to, &["--src-tls-verify=false"]);
    assert!(output.status.success(), "{}", text(&output));
    let blobs = |folder: &std::path::Path| {
        let mut names: Vec<_> = std::fs::read_dir(folder.join("blobs/sha256"))
            .expect("blobs")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(blobs(back.path()), blobs(folder.path()));
}

#[test]
fn podman_is_refused_with_a_leak_and_passes_without() {
    let scene = Scene::new(&[]);
    let podman = Podman::new();
    podman.load(&docker_classic(&[&leaky("localhost/leak:1", 2)]).tar());
    podman.load(&docker_classic(&[&clean("localhost/clean:1")]).tar());
    let push = |name: &str| {
        let to = format!("docker://{}/shop/{name}:1", scene.host());
        run(
            podman.program("podman").args([
                "push",
                "--tls-verify=false",
                &format!("localhost/{name}:1"),
                &to,
            ]),
            None,
        )
    };
    assert_kept_out(&scene, &push("leak"), "shop/leak", 2);
    let output = push("clean");
    assert!(output.status.success(), "{}", text(&output));
    let held = scene.held("shop/clean", "1").expect("it is there");
    assert_eq!(get_manifest(&scene.host(), "shop/clean", "1").body, held);
    let pull = format!("{}/shop/clean:1", scene.host());
    let output = run(podman.program("podman").args(["pull", "--tls-verify=false", &pull]), None);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn docker_is_refused_with_a_leak_and_passes_without() {
    let scene = Scene::new(&[]);
    let docker = Docker::start();
    let name = |name: &str| format!("{}/shop/{name}:1", scene.host());
    docker.load(&docker_classic(&[&leaky(&name("leak"), 3)]).tar());
    docker.load(&docker_classic(&[&clean(&name("clean"))]).tar());
    assert_kept_out(&scene, &docker.command(&["push", &name("leak")], None), "shop/leak", 3);
    let output = docker.command(&["push", &name("clean")], None);
    assert!(output.status.success(), "{}", text(&output));
    let held = scene.held("shop/clean", "1").expect("it is there");
    assert!(text(&output).contains(&digest(&held)), "{}", text(&output));
    let gone = docker.command(&["rmi", &name("clean")], None);
    assert!(gone.status.success(), "{}", text(&gone));
    let output = docker.command(&["pull", &name("clean")], None);
    assert!(output.status.success() && text(&output).contains(&digest(&held)), "{}", text(&output));
}
