//! The shapes in which engines export: Docker's old one and the one since 25, containerd's store with
//! parts of an index left out, podman's; and each of them cut.

use serde_json::{Value, json};

use super::fake::{Engine, Reply};
use super::{assert_fails, assert_same, expected, findings, image, line};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, Members, OCI_INDEX, docker_25, docker_classic, layout, manifest,
    oci, podman,
};

/// An engine that has this image and exports this archive.
fn exporting(image: &Image, reply: Reply) -> Engine {
    let inspection = inspection(image, &["app:1"]);
    Engine::start(move |path| {
        if path == "/_ping" {
            Reply::ok("OK").header("Api-Version: 1.51")
        } else if path.ends_with("/json") {
            Reply::ok(inspection.to_string())
        } else {
            reply.clone()
        }
    })
}

pub(super) fn inspection(image: &Image, tags: &[&str]) -> Value {
    json!({
        "Id": image.config_digest(),
        "RepoTags": tags,
        "RepoDigests": [format!("app@{}", image.config_digest())],
        "Os": image.os,
        "Architecture": image.architecture,
        "RootFS": { "Type": "layers", "Layers": image.diff_ids },
    })
}

fn scan(engine: &Engine) -> Run {
    Keyseam::scan(&["docker-daemon:app:1"]).env("DOCKER_HOST", engine.address()).run()
}

fn shapes(image: &Image) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("classic", docker_classic(&[image]).tar()),
        ("since 25", docker_25(&[image]).tar()),
        ("containerd's store", oci(&[image], Compression::Gzip).tar()),
        ("podman", podman(&[image]).tar()),
    ]
}

#[test]
fn every_shape_gives_the_same() {
    let image = image(&["app:1"]);
    let expected = expected(&image);
    for (_, archive) in shapes(&image) {
        let engine = exporting(&image, Reply::ok(archive));
        let result = assert_same(&scan(&engine), &expected);
        assert_eq!(result["reference"], "docker.io/library/app:1");
        assert_eq!(
            result["repo_digests"],
            json!([format!("docker.io/library/app@{}", image.config_digest())])
        );
        let id = image.config_digest();
        let asked = ["/_ping", "/v1.51/images/app:1/json", &format!("/v1.51/images/{id}/get")];
        assert_eq!(engine.requests(), asked.map(|path| format!("GET {path}")));
    }
}

/// The layers that a run found keys in: fingerprint and layer of each finding in a file.
fn layers_of(result: &Value) -> Vec<(String, u64)> {
    let findings = list(&result["findings"]);
    let in_files = findings.iter().filter_map(|finding| {
        let layer = finding["locations"][0]["layer"].as_u64()?;
        finding["locations"][0]["path"].is_string().then(|| (finding["fingerprint"].to_string(), layer))
    });
    in_files.collect()
}

#[test]
fn an_archive_that_breaks_off_is_never_clean_and_loses_nothing_that_came() {
    let image = image(&["app:1"]);
    let whole = Keyseam::scan(&["-"]).stdin(docker_classic(&[&image]).tar()).run().result();
    let truth = layers_of(&whole);
    for (shape, archive) in shapes(&image) {
        let mut found = 0;
        for part in 1..8 {
            let end = archive.len() * part / 8;
            let bytes = archive[..end].to_vec();
            let ended = [&bytes[..], br#"{"errorDetail":{"message":"lost"},"error":"lost"}"#].concat();
            for reply in [Reply::ok(bytes.clone()).cut(), Reply::ok(bytes).cut_chunks(), Reply::ok(ended)] {
                let run = scan(&exporting(&image, reply));
                let result = run.result();
                assert_eq!(result["complete"], false, "{shape}, {part}/8");
                let expected = if findings(&result).is_empty() { 3 } else { 1 };
                run.assert_status(expected);
                assert_eq!(result["source"], "docker-daemon");
                assert_eq!(result["reference"], "docker.io/library/app:1");
                for (fingerprint, layer) in layers_of(&result) {
                    found += 1;
                    let right = truth.contains(&(fingerprint, layer));
                    let is_extra = layer >= image.layers.len() as u64;
                    assert!(
                        right || (is_extra && shape != "podman" && shape != "since 25"),
                        "{shape}, {part}/8"
                    );
                }
            }
        }
        assert!(found > 0, "{shape}: no key of a layer that came was found");
    }
}

#[test]
fn a_clean_image_that_breaks_off_is_incomplete() {
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("a", &[7; 50_000])).build();
    for (_, archive) in shapes(&image) {
        let cut = archive[..archive.len() - 600].to_vec();
        scan(&exporting(&image, Reply::ok(cut).cut())).assert_status(3);
    }
    // Where nothing came, nothing was scanned.
    let run = scan(&exporting(&image, Reply::ok("").cut()));
    run.assert_status(2);
}

/// What Docker exports of an image of two platforms that it pulled for one: the index names all, and of
/// the other platform and of both attestations there is nothing.
fn pulled(image: &Image, other: &Image) -> Members {
    let mut all = Members::default();
    let mut entries = Vec::new();
    for image in [image, other] {
        let mut entry = manifest(&mut all, image, Compression::Gzip);
        entry["platform"] = json!({ "os": image.os, "architecture": image.architecture });
        entries.push(entry);
    }
    for described in entries.clone() {
        let document = json!({ "schemaVersion": 2, "about": described["digest"] }).to_string();
        let mut entry =
            Members::default().blob("application/vnd.oci.image.manifest.v1+json", document.as_bytes());
        entry["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        entry["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": described["digest"],
        });
        entries.push(entry);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    let mut members = Members::default();
    manifest(&mut members, image, Compression::Gzip);
    let mut entry = members.blob(OCI_INDEX, index.to_string().as_bytes());
    entry["annotations"] = json!({ "io.containerd.image.name": "docker.io/library/app:1" });
    layout(&mut members, &[entry]);
    members
}

fn other_platform() -> Image {
    ImageBuilder::new("app:1").platform("linux", "s390x").layer(Layer::new().file("x", &line(9))).build()
}

#[test]
fn what_an_engine_did_not_pull_is_no_error() {
    let image = image(&["app:1"]);
    let expected = expected(&image);
    let engine = exporting(&image, Reply::ok(pulled(&image, &other_platform()).tar()));
    let result = assert_same(&scan(&engine), &expected);
    let warnings = result["warnings"].to_string();
    assert_eq!(warnings.matches("is not in the engine").count(), 1, "{warnings}");
    let chosen = ["--platform", "linux/s390x", "docker-daemon:app:1"];
    let run = Keyseam::scan(&chosen).env("DOCKER_HOST", engine.address()).run();
    assert_fails(&run, "the engine has nothing of it for linux/s390x, only linux/");
    // But a layer of the image itself is.
    let mut broken = pulled(&image, &other_platform());
    let layer = broken.list.iter().find(|(name, _)| name.starts_with("blobs/")).expect("a blob").0.clone();
    broken.remove(&layer);
    let result = scan(&exporting(&image, Reply::ok(broken.tar()))).result();
    assert_eq!(result["complete"], false);
}

#[test]
fn the_platform_that_an_engine_has_is_asked_for_where_it_cannot_export_all() {
    let image = other_platform();
    let archive = oci(&[&image], Compression::Gzip).tar();
    let (inspection, path) =
        (inspection(&image, &["app:1"]), format!("/images/{}/get", image.config_digest()));
    let start = |version: &'static str| {
        let (archive, inspection) = (archive.clone(), inspection.clone());
        Engine::start(move |path| {
            if path == "/_ping" {
                Reply::ok("OK").header(format!("Api-Version: {version}"))
            } else if path.ends_with("/json") {
                Reply::ok(inspection.to_string())
            } else if path.contains("platform=") {
                Reply::ok(archive.clone())
            } else {
                let message = json!({ "message": "NotFound: content digest sha256:12: not found" });
                Reply::new("404 Not Found", message.to_string())
            }
        })
    };
    let engine = start("1.48");
    let run = scan(&engine);
    run.assert_status(1);
    assert_eq!(run.result()["platform"], "linux/s390x");
    assert!(
        run.result()["warnings"].to_string().contains("exports that alone"),
        "{:#}",
        run.result()["warnings"]
    );
    let asked = engine.requests();
    let query = "%7B%22os%22%3A%22linux%22%2C%22architecture%22%3A%22s390x%22%7D";
    assert_eq!(asked.last(), Some(&format!("GET /v1.48{path}?platform={query}")), "{asked:?}");
    let engine = start("1.47");
    assert_fails(&scan(&engine), "refused (404 Not Found): NotFound: content digest sha256:12: not found");
    assert_eq!(engine.requests().len(), 3);
}
