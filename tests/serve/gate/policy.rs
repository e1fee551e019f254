//! What the policy file makes of a push.

use std::path::Path;

use super::{Parts, Scene, assert_refused, clean, key, leaky, put_manifest};
use crate::support::cli::Keyseam;
use crate::support::image::{Compression, ImageBuilder, Layer, oci};
use crate::support::serve::Answered;

/// A file with a policy, and what the server is told of it.
struct PolicyFile {
    folder: tempfile::TempDir,
}

impl PolicyFile {
    fn new(text: &str) -> Self {
        let file = Self { folder: tempfile::tempdir().expect("a folder") };
        file.write(text);
        file
    }

    fn path(&self) -> String {
        self.folder.path().join("policy.toml").display().to_string()
    }

    /// Whole or not at all, as editors and clusters do it.
    fn write(&self, text: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, text).expect("a file");
        std::fs::rename(new, Path::new(&self.path())).expect("renamed");
    }
}

fn push(scene: &Scene, tag: &str, parts: &Parts) -> Answered {
    parts.upload(&scene.host(), "app", true);
    put_manifest(&scene.host(), "app", tag, &parts.manifest)
}

/// How often the file was read.
fn reads(logs: &[serde_json::Value]) -> usize {
    logs.iter().filter(|line| line["message"] == "policy read").count()
}

#[test]
fn what_is_only_told_is_in_a_header() {
    let policy = PolicyFile::new("mode = \"warn\"\n");
    let scene = Scene::new(&["--policy", &policy.path()]);
    let parts = Parts::of(&leaky("leak:1", 60));
    let answered = push(&scene, "1", &parts);
    assert_eq!(answered.status, 201, "{}", answered.text());
    let warning = &answered.headers["warning"];
    assert!(warning.starts_with("299 - \"keyseam: ") && warning.ends_with('"'), "{warning}");
    super::assert_refusal(warning);
    assert!(!warning.contains(&key(60)));
    assert_eq!(scene.held("app", "1"), Some(parts.manifest));
    let answered = push(&scene, "2", &Parts::of(&clean("clean:1")));
    assert_eq!((answered.status, answered.headers.get("warning")), (201, None));
}

#[test]
fn a_policy_that_changes_is_followed() {
    let policy = PolicyFile::new("mode = \"enforce\"\n");
    let scene = Scene::new(&["--policy", &policy.path()]);
    let parts = Parts::of(&leaky("leak:1", 61));
    assert_refused(&push(&scene, "1", &parts), 61);
    let before = reads(&scene.server.logs());
    policy.write("mode = \"warn\"\n");
    scene.server.wait_for(|logs| reads(logs) > before);
    assert_eq!(put_manifest(&scene.host(), "app", "1", &parts.manifest).status, 201);
    let before = reads(&scene.server.logs());
    policy.write("mode = \"enforce\"\n# again\n");
    scene.server.wait_for(|logs| reads(logs) > before);
    assert_refused(&put_manifest(&scene.host(), "app", "1", &parts.manifest), 61);
}

#[test]
fn a_key_that_is_exempted_comes_in_where_it_may() {
    let image = leaky("leak:1", 62);
    let report = Keyseam::scan(&["-"]).stdin(oci(&[&image], Compression::Gzip).tar()).run();
    let fingerprint = report.findings()[0]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let scene_with = |images: &str| {
        let text = format!(
            "[[exempt]]\nfingerprint = \"{fingerprint}\"\nuntil = 2027-06-30\nreason = \"a test\"\nimages = [\"{images}\"]\n"
        );
        let policy = PolicyFile::new(&text);
        let scene = Scene::new(&["--policy", &policy.path()]);
        (scene, policy)
    };
    let (here, _one) = scene_with("*/app");
    let parts = Parts::of(&image);
    let answered = push(&here, "1", &parts);
    assert_eq!(answered.status, 201, "{}", answered.text());
    assert_refused(&push(&here, "2", &Parts::of(&leaky("leak:2", 63))), 63);
    let (elsewhere, _two) = scene_with("*/other");
    assert_refused(&push(&elsewhere, "1", &parts), 62);
}

#[test]
fn an_image_that_cannot_be_read_whole_is_judged_by_the_policy() {
    // A layer that is no archive: what is in it is not known.
    let broken = Parts::of(&{
        let mut layer = Layer::new().file("app/file", &super::noise(20_000)).tar();
        layer.truncate(30_000);
        ImageBuilder::new("cut:1").layer_bytes("COPY . /", layer).build()
    });
    let lenient = Scene::new(&[]);
    let answered = push(&lenient, "1", &broken);
    assert_eq!(answered.status, 201, "{}", answered.text());
    assert!(answered.headers["warning"].contains("could not be read whole"), "{:?}", answered.headers);
    let policy = PolicyFile::new("incomplete = \"deny\"\n");
    let strict = Scene::new(&["--policy", &policy.path()]);
    for _ in 0..2 {
        let answered = push(&strict, "1", &broken);
        assert_eq!(answered.status, 403, "{}", answered.text());
        assert!(answered.text().contains("could not be read whole"), "{}", answered.text());
        assert_eq!(strict.held("app", "1"), None);
    }
}
