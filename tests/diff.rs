//! `keyseam diff`: only what the new image adds.

mod registry;

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scan::{DETECTOR, assert_says, fingerprint, key, line};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, docker_classic, oci, oci_platforms, this_architecture,
};

/// Two archives in a folder, and what `keyseam diff` is told of them.
struct Pair {
    folder: TempDir,
    options: Vec<String>,
    ignored: Option<String>,
}

impl Pair {
    fn new(old: Vec<u8>, new: Vec<u8>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("old.tar"), old).expect("a file");
        std::fs::write(folder.path().join("new.tar"), new).expect("a file");
        Self { folder, options: Vec::new(), ignored: None }
    }

    /// Of two images, as OCI archives.
    fn of(old: &Image, new: &Image) -> Self {
        let archive = |image: &Image| oci(&[image], Compression::Gzip).tar();
        Self::new(archive(old), archive(new))
    }

    fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn run_as(&self, format: &str) -> Run {
        let line = ["diff", "-o", format, &self.path("old.tar"), &self.path("new.tar")];
        let mut keyseam = Keyseam::new(&line);
        for option in &self.options {
            keyseam = keyseam.arg(option);
        }
        if let Some(rules) = &self.ignored {
            keyseam = keyseam.file(".keyseamignore", rules);
        }
        keyseam.run()
    }

    fn run(&self) -> Run {
        self.run_as("json")
    }
}

/// The numbers of the keys that a result tells of, of the first ten.
fn numbers(result: &Value) -> Vec<u64> {
    let findings = list(&result["findings"]);
    assert!(findings.iter().all(|finding| finding["detector"] == DETECTOR));
    let has = |number: &u64| {
        let fingerprint = fingerprint(&key(*number));
        findings.iter().any(|finding| finding["fingerprint"] == fingerprint.as_str())
    };
    let numbers: Vec<u64> = (0..10).filter(has).collect();
    assert_eq!(numbers.len(), findings.len(), "findings: {findings:#?}");
    numbers
}

fn base() -> ImageBuilder {
    ImageBuilder::new("app:1").layer(Layer::new().file("etc/base", &line(1)))
}

#[test]
fn a_key_in_a_new_layer_is_added() {
    let (old, new) = (
        base().build(),
        base().layer(Layer::new().file("app/new", &line(2)).file("again", &line(1))).build(),
    );
    let pair = Pair::of(&old, &new);
    let run = pair.run();
    run.assert_status(1);
    let result = run.result();
    assert_eq!(numbers(&result), [2]);
    assert_says(
        &result,
        &json!({ "target": pair.path("new.tar"), "layers": [{ "added": false }, { "added": true }],
            "findings": [{ "introduced_by": { "layer": 1, "diff_id": new.diff_ids[1] } }] }),
        "the new image",
    );
    let report = run.json();
    assert_says(
        &report["diff"],
        &json!({ "old": pair.path("old.tar"), "known": 1, "gone": 0, "complete": true }),
        "the comparison",
    );
    assert_eq!(report["summary"]["findings"], 1);
    let alone = Keyseam::scan(&[pair.path("old.tar")]).run().result();
    assert_eq!(report["diff"]["manifest_digest"], alone["manifest_digest"]);
    assert!(alone["layers"][0]["added"].is_null());
    assert!(Keyseam::scan(&[pair.path("old.tar")]).run().json()["diff"].is_null());
}

#[test]
fn a_key_that_moved_or_was_rebuilt_is_known() {
    let image = |layer: Layer| ImageBuilder::new("app:1").layer(layer).build();
    let old = image(Layer::new().file("app/.env", &line(1)));
    for (what, new) in [
        ("moved", image(Layer::new().file("app/config/.env", &line(1)))),
        ("rebuilt", image(Layer::new().file("app/.env", &line(1)).file("etc/now", b"later"))),
        ("in a variable", ImageBuilder::new("app:2").env("GITHUB_TOKEN", &key(1)).build()),
    ] {
        let run = Pair::of(&old, &new).run();
        assert_eq!((run.status, numbers(&run.result())), (Some(0), vec![]), "{what}: {}", run.stderr);
        let report = run.json();
        assert_eq!((&report["diff"]["known"], &report["diff"]["gone"]), (&json!(1), &json!(0)), "{what}");
        let added: Vec<Value> =
            list(&run.result()["layers"]).iter().map(|one| one["added"].clone()).collect();
        assert!(added.iter().all(|added| *added == json!(true)), "{what}");
    }
}

#[test]
fn a_key_that_is_gone_is_counted_and_not_reported() {
    let old = base().layer(Layer::new().file("app/.env", &line(2))).env("TOKEN", &key(3)).build();
    let run = Pair::of(&old, &base().build()).run();
    run.assert_status(0);
    assert!(numbers(&run.result()).is_empty());
    assert_says(&run.json()["diff"], &json!({ "known": 1, "gone": 2 }), "the comparison");
    // Deleted in a layer on top it can still be pulled.
    let hidden = base()
        .layer(Layer::new().file("app/.env", &line(2)))
        .layer(Layer::new().whiteout("app/.env"))
        .env("TOKEN", &key(3))
        .build();
    let run = Pair::of(&old, &hidden).run();
    assert_says(&run.json()["diff"], &json!({ "known": 3, "gone": 0 }), "the comparison");
}

#[test]
fn keys_of_the_config_are_compared_too() {
    let old = base().env("OLD", &key(2)).build();
    let new = base().env("OLD", &key(2)).env("NEW", &key(3)).label("token", &key(4)).build();
    let run = Pair::of(&old, &new).run();
    run.assert_status(1);
    assert_eq!(numbers(&run.result()), [3, 4]);
}

#[test]
fn layers_are_the_same_in_archives_of_other_kinds() {
    let new = base().layer(Layer::new().file("app/new", b"nothing")).build();
    let classic = docker_classic(&[&base().build()]).tar();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let run = Pair::new(classic.clone(), oci(&[&new], compression).tar()).run();
        run.assert_status(0);
        assert_says(&run.result(), &json!({ "layers": [{ "added": false }, { "added": true }] }), "layers");
    }
}

#[test]
fn one_that_cannot_be_read_is_status_2() {
    let good = || oci(&[&base().build()], Compression::Gzip).tar();
    let old = Pair::new(b"no archive".to_vec(), good());
    let run = old.run();
    run.assert_status(2);
    assert!(run.results().is_empty(), "without the old image nothing is told as added");
    let errors = list(&run.json()["errors"]);
    assert!(errors.len() == 1 && errors[0]["target"] == old.path("old.tar").as_str(), "{errors:?}");
    let run = Pair::new(good(), b"no archive".to_vec()).run();
    run.assert_status(2);
    assert_eq!(list(&run.json()["errors"]).len(), 1);
    let line = ["diff", "-o", "json", "./missing.tar", "./missing-too.tar"];
    Keyseam::new(&line).run().assert_status(2);
    for wrong in [&["diff"][..], &["diff", "a.tar"], &["diff", "-", "-"], &["diff", "a", "b", "c"]] {
        assert_eq!(Keyseam::new(wrong).run().status, Some(2), "{wrong:?}");
    }
    Keyseam::new(&["diff", "--all-tags", "a", "b"]).run().assert_status(2);
}

/// An image whose layer breaks off behind its first file.
fn cut(number: u64) -> Vec<u8> {
    let noise: Vec<u8> = (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let layer = Layer::new().file("first", &line(number)).file("noise", &noise);
    let mut image = ImageBuilder::new("app:1").layer(layer).build();
    let stored = Compression::Gzip.apply(&image.layers[0]);
    image.layers[0] = stored[..stored.len() / 2].to_vec();
    docker_classic(&[&image]).tar()
}

#[test]
fn an_old_image_that_is_not_whole_is_a_warning() {
    let new = oci(&[&base().build()], Compression::Gzip).tar();
    let run = Pair::new(cut(1), new.clone()).run();
    run.assert_status(0);
    assert_eq!(run.json()["diff"]["complete"], false);
    let warned = |text: &Value| text.as_str().is_some_and(|text| text.contains("was not read whole"));
    assert!(list(&run.result()["warnings"]).iter().any(warned));
    assert_eq!(run.stderr.lines().filter(|line| line.contains("was not read whole")).count(), 1);
    assert_eq!(run.result()["complete"], true);
    let run = Pair::new(cut(2), new.clone()).run();
    run.assert_status(1);
    assert_eq!(numbers(&run.result()), [1]);
    // It is the new image whose gaps may hide an added key.
    Pair::new(new.clone(), cut(1)).run().assert_status(3);
    Pair::new(new, cut(2)).run().assert_status(1);
}

#[test]
fn every_platform_is_held_against_all_of_the_old_image() {
    let image = |architecture: &str, number: u64| {
        let layer = Layer::new().file("app/.env", &line(number));
        ImageBuilder::new("app:1").platform("linux", architecture).layer(layer).build()
    };
    let other = if this_architecture() == "s390x" { "amd64" } else { "s390x" };
    let archive = |mine: u64, others: u64| {
        let images = [image(this_architecture(), mine), image(other, others)];
        oci_platforms("app:1", &[&images[0], &images[1]], Compression::Gzip).tar()
    };
    // The key of the other platform moved to this one.
    let pair = Pair::new(archive(1, 2), archive(2, 3)).option("--platform=all");
    let run = pair.run();
    run.assert_status(1);
    let results = run.results();
    let platform = |result: &Value| result["platform"].as_str().unwrap_or_default().to_owned();
    let found: Vec<(String, Vec<u64>)> = results.iter().map(|one| (platform(one), numbers(one))).collect();
    let mine = format!("linux/{}", this_architecture());
    assert_eq!(found, [(mine, vec![]), (format!("linux/{other}"), vec![3])]);
    let diff = &run.json()["diff"];
    assert_says(diff, &json!({ "known": 1, "gone": 1, "manifest_digest": null }), "the comparison");
    assert_eq!(diff["index_digest"], Keyseam::scan(&[pair.path("old.tar")]).run().result()["index_digest"]);
    // Without the option only this machine's platform is compared.
    let run = Pair::new(archive(1, 2), archive(2, 3)).run();
    assert_eq!(numbers(&run.result()), [2]);
}

#[test]
fn what_is_suppressed_in_the_old_image_is_known() {
    let old = base().layer(Layer::new().file("test/key", &line(2))).build();
    let new = base().layer(Layer::new().file("app/key", &line(2)).file("test/other", &line(3))).build();
    let mut pair = Pair::of(&old, &new);
    pair.ignored = Some("path:test/** # test data\n".to_owned());
    let run = pair.run();
    run.assert_status(0);
    assert!(numbers(&run.result()).is_empty());
    assert_says(&run.json()["diff"], &json!({ "known": 2, "gone": 0 }), "the comparison");
    let suppressed = list(&run.result()["suppressed"]);
    assert_eq!(suppressed.len(), 1);
    assert_eq!(suppressed[0]["fingerprint"], fingerprint(&key(3)).as_str());
}

#[test]
fn the_status_is_that_of_what_is_added() {
    let (old, new) = (base().build(), base().layer(Layer::new().file("app/new", &line(2))).build());
    let status = |option: &str| Pair::of(&old, &new).option(option).run().status;
    assert_eq!(status("--fail-on=critical"), Some(1));
    assert_eq!(status("--fail-on=never"), Some(0));
    assert_eq!(status("--exit-zero"), Some(0));
    assert_eq!(status("--skip=vcs"), Some(0));
    assert_eq!(Pair::of(&new, &old).run().status, Some(0));
    let silent = Pair::of(&old, &new).option("-q").run();
    assert!(silent.assert_status(1).stderr.is_empty());
}

#[test]
fn every_format_tells_only_what_is_added() {
    let (old, new) = (
        base().layer(Layer::new().file("gone", &line(3))).build(),
        base().layer(Layer::new().file("app/new", &line(2))).build(),
    );
    let pair = Pair::of(&old, &new);
    let (known, added) = (fingerprint(&key(1)), fingerprint(&key(2)));
    for format in ["json", "jsonl", "csv", "html"] {
        let text = pair.run_as(format).assert_status(1).text();
        assert!(text.contains(&added) && !text.contains(&known), "{format}: {text}");
    }
    let lines = pair.run_as("jsonl").text();
    let last: Value = serde_json::from_str(lines.lines().last().expect("a line")).expect("JSON");
    assert_says(&last, &json!({ "type": "summary", "diff": { "known": 1, "gone": 1 } }), "the summary");
    let table = pair.run_as("table").assert_status(1).text();
    for said in ["New since ", "old.tar", "new.tar", "1 key added", "1 key is in both", "1 is gone"] {
        assert!(table.contains(said), "'{said}' is not in:\n{table}");
    }
    let table = Pair::of(&new, &new).run_as("table").assert_status(0).text();
    assert!(table.contains("No keys added."), "{table}");
    for text in [table, lines] {
        assert!((1..4).all(|number| !text.contains(&key(number))), "a key is shown");
    }
}

#[test]
fn either_may_come_through_the_pipe() {
    let (old, new) = (base().build(), base().layer(Layer::new().file("app/new", &line(2))).build());
    let pair = Pair::of(&old, &new);
    let read = |name: &str| std::fs::read(Path::new(&pair.path(name))).expect("a file");
    let run = Keyseam::new(&["diff", "-o", "json", "-", &pair.path("new.tar")]).stdin(read("old.tar")).run();
    assert_eq!(numbers(&run.assert_status(1).result()), [2]);
    let run = Keyseam::new(&["diff", "-o", "json", &pair.path("old.tar"), "-"]).stdin(read("new.tar")).run();
    assert_eq!(numbers(&run.assert_status(1).result()), [2]);
}
