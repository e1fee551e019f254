//! Images of local engines: the same findings as from the archives that they export, over sockets, TLS,
//! Docker's contexts and pipes; and what an engine that misbehaves may do to a scan. The engines are real
//! where they do what is needed, else one of our own.

mod archives;
mod docker;
mod fake;
mod misbehaving;
mod podman;

use std::collections::BTreeSet;

use keyseam::detect::template::{Seed, expand};
use serde_json::{Value, json};

use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{Image, ImageBuilder, Layer, docker_classic};

/// The key of a number, with its checksum.
fn key(number: u64) -> String {
    expand("{{github:ghp_}}", "", &mut Seed(number)).expect("a template")
}

fn line(number: u64) -> Vec<u8> {
    format!("token = {}\n", key(number)).into_bytes()
}

/// An image with a key in each of three layers, one of them deleted, and one each in its history, its
/// variables and its labels.
fn image(names: &[&str]) -> Image {
    let noise: Vec<u8> = (0..50_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut builder = ImageBuilder::new(names[0]);
    for name in &names[1..] {
        builder = builder.also_named(name);
    }
    builder
        .layer(Layer::new().dir("app").file("app/deleted", &line(1)).file("app/noise", &noise))
        .layer_by("COPY app /app # buildkit", Layer::new().whiteout("app/deleted").file("app/kept", &line(2)))
        .layer_by(
            &format!("RUN |1 TOKEN={} /bin/sh -c make # buildkit", key(4)),
            Layer::new().file("app/made", &line(3)),
        )
        .env("GH_TOKEN", &key(5))
        .label("ci", &key(6))
        .build()
}

/// What is said of every finding, but for what sources may differ in.
fn findings(result: &Value) -> BTreeSet<String> {
    let findings = list(&result["findings"]);
    let said = findings.iter().map(|finding| {
        let locations: Vec<Value> = list(&finding["locations"])
            .iter()
            .map(|place| json!([place["kind"], place["layer"], place["path"], place["name"], place["line"]]))
            .collect();
        let origin = &finding["introduced_by"];
        json!([
            finding["detector"],
            finding["fingerprint"],
            origin["layer"],
            origin["created_by"],
            finding["in_final_image"],
            locations,
        ])
        .to_string()
    });
    said.collect()
}

/// What the archive itself gives, in the form that `docker load` takes.
fn expected(image: &Image) -> BTreeSet<String> {
    let run = Keyseam::scan(&["-"]).stdin(docker_classic(&[image]).tar()).run();
    let findings = findings(&run.assert_status(1).result());
    assert_eq!(findings.len(), 6, "{findings:#?}");
    findings
}

/// Asserts that a scan was whole and found just what the archive gives.
#[track_caller]
fn assert_same(run: &Run, expected: &BTreeSet<String>) -> Value {
    let result = run.assert_status(1).result();
    assert_eq!(result["complete"], true, "{:#}", result["errors"]);
    assert_eq!(&findings(&result), expected);
    result
}

/// Asserts that nothing was scanned, in one line that holds `words`.
#[track_caller]
fn assert_fails(run: &Run, words: &str) {
    run.assert_status(2);
    assert!(run.stderr.contains(words), "{words}:\n{}", run.stderr);
    assert!(run.stderr.trim().lines().count() <= 2, "{}", run.stderr);
}
