//! What is no plain image of this machine: other platforms, indexes in indexes, attestations, charts and
//! files.

use serde_json::{Value, json};

use super::{Scanned, fingerprint, key, line};
use crate::support::cli::Keyseam;
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, Members, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, docker_classic,
    layout, manifest, oci, oci_platforms, this_architecture,
};
use crate::support::tarball::Tarball;

const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const TITLE: &str = "org.opencontainers.image.title";

fn image(os: &str, architecture: &str, number: u64) -> Image {
    ImageBuilder::new("app:1")
        .platform(os, architecture)
        .layer(Layer::new().file("key", &line(number)))
        .build()
}

fn index(entries: &[Value]) -> String {
    json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries }).to_string()
}

#[test]
fn a_platform_is_chosen_and_all_are_scanned_when_asked() {
    let (mine, other) = (image("linux", this_architecture(), 1), image("linux", "s390x", 2));
    let archive = oci_platforms("app:1", &[&other, &mine], Compression::Gzip).tar();
    let scan = |options: &[&str]| {
        let run = Keyseam::scan(options).arg("-").stdin(archive.clone()).run();
        run.assert_status(1);
        let results = run.results();
        let one = |result: &Value| {
            (result["platform"].as_str().map(str::to_owned), result["findings"][0]["fingerprint"].clone())
        };
        results.iter().map(one).collect::<Vec<_>>()
    };
    let of = |architecture: &str, number: u64| {
        (Some(format!("linux/{architecture}")), json!(fingerprint(&key(number))))
    };
    let (mine, other) = (of(this_architecture(), 1), of("s390x", 2));
    assert_eq!(scan(&[]), std::slice::from_ref(&mine));
    assert_eq!(scan(&["--platform", "linux/s390x"]), std::slice::from_ref(&other));
    let mut all = scan(&["--platform", "all"]);
    all.sort_by_key(|(platform, _)| platform == &other.0);
    assert_eq!(all, [mine, other]);
}

#[test]
fn a_platform_that_is_not_there_is_status_2_and_names_what_is() {
    let (one, other) = (image("linux", "s390x", 1), image("windows", "arm64", 2));
    let archive = oci_platforms("app:1", &[&one, &other], Compression::Gzip).tar();
    for options in [&["-"][..], &["--platform", "linux/mips64", "-"]] {
        let run = Keyseam::scan(options).stdin(archive.clone()).run();
        run.assert_status(2);
        assert_eq!(run.results().len(), 0);
        let message = run.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains("linux/s390x") && message.contains("windows/arm64"), "{message}");
        assert!(run.stderr.contains("linux/s390x"), "{}", run.stderr);
    }
}

#[test]
fn an_index_in_an_index_is_followed() {
    let image = image("linux", this_architecture(), 1);
    let mut members = Members::default();
    let mut entry = manifest(&mut members, &image, Compression::Zstd);
    entry["platform"] = json!({ "os": "linux", "architecture": this_architecture() });
    let inner = members.blob(OCI_INDEX, index(&[entry]).as_bytes());
    let outer = members.blob(OCI_INDEX, index(std::slice::from_ref(&inner)).as_bytes());
    layout(&mut members, &[outer]);
    let scanned = Scanned::archive(members.tar());
    scanned.assert_only([1]);
    assert_eq!(scanned.result["index_digest"], inner["digest"]);
}

#[test]
fn the_build_arguments_of_an_attestation_are_found_with_its_image() {
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("a", b"a")).build();
    let mut members = Members::default();
    let mut entry = manifest(&mut members, &image, Compression::Gzip);
    entry["platform"] = json!({ "os": "linux", "architecture": this_architecture() });
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "predicate": { "invocation": { "parameters": { "args": { "build-arg:TOKEN": key(1) } } } },
    });
    let mut layer = members.blob("application/vnd.in-toto+json", statement.to_string().as_bytes());
    layer["annotations"] = json!({ "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" });
    let config = members.blob(OCI_CONFIG, br#"{"os":"unknown","architecture":"unknown"}"#);
    let attestation =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer] });
    let mut attestation = members.blob(OCI_MANIFEST, attestation.to_string().as_bytes());
    attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    attestation["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": entry["digest"],
    });
    let index = members.blob(OCI_INDEX, index(&[entry, attestation]).as_bytes());
    layout(&mut members, &[index]);
    for members in [members.clone(), members.reversed()] {
        let scanned = Scanned::archive(members.tar());
        scanned.assert_only([1]);
        assert_eq!(scanned.result["layers"].as_array().map(Vec::len), Some(1));
        scanned.assert_finding(
            1,
            json!({ "in_final_image": false, "exposed_to": "puller",
                "introduced_by": { "layer": null, "history_index": null },
                "locations": [{ "kind": "attestation", "layer": null }] }),
        );
    }
}

#[test]
fn a_chart_is_an_artifact_whose_archive_is_read() {
    let mut members = Members::default();
    let chart = Tarball::new().file("chart/values.yaml", &line(1)).finish();
    let layer =
        members.blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &Compression::Gzip.apply(&chart));
    let facts = json!({ "name": "chart", "description": key(2) }).to_string();
    let config = members.blob("application/vnd.cncf.helm.config.v1+json", facts.as_bytes());
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer] });
    let manifest = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    layout(&mut members, &[manifest]);
    let scanned = Scanned::archive(members.tar());
    scanned.assert_only([1, 2]);
    assert_eq!(scanned.result["kind"], "artifact");
    let place = json!({ "kind": "file", "layer": 0, "path": "chart/values.yaml", "line": 1, "column": 9 });
    scanned.assert_finding(1, json!({ "exposed_to": "puller", "locations": [place] }));
    scanned.assert_finding(2, json!({ "exposed_to": "puller", "locations": [{ "kind": "config" }] }));
}

#[test]
fn files_of_an_artifact_have_their_titles() {
    let mut members = Members::default();
    let text = [b"# settings\n".as_slice(), &line(1)].concat();
    let mut plain = members.blob("application/vnd.example.settings", &text);
    plain["annotations"] = json!({ TITLE: "settings.ini" });
    let mut zipped = members.blob("application/vnd.example.log+gzip", &Compression::Gzip.apply(&line(2)));
    zipped["annotations"] = json!({ TITLE: "build.log.gz" });
    let config = members.blob(EMPTY, b"{}");
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example",
        "config": config, "layers": [plain, zipped] });
    let manifest = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    layout(&mut members, &[manifest]);
    for archive in [members.clone().tar(), members.reversed().tar()] {
        let scanned = Scanned::archive(archive);
        scanned.assert_only([1, 2]);
        assert_eq!(scanned.result["kind"], "artifact");
        let place = json!({ "kind": "file", "layer": 0, "path": "settings.ini", "line": 2, "column": 9, "offset": 19 });
        scanned.assert_finding(1, json!({ "exposed_to": "puller", "locations": [place] }));
        let place = json!({ "kind": "file", "layer": 1, "path": "build.log.gz", "line": 1 });
        scanned.assert_finding(2, json!({ "locations": [place] }));
    }
}

/// JSON may be a manifest or a config until an archive that passes once is over, and it may be neither.
#[test]
fn json_that_is_no_document_is_searched_however_large() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("artifact.tar");
    for padding in [0, 5 << 20, 9 << 20] {
        let text = json!({ "a": "-".repeat(padding), "token": key(1) }).to_string();
        let offset = text.find(&key(1)).expect("it is there");
        let mut members = Members::default();
        let mut layer = members.blob("application/json", text.as_bytes());
        layer["annotations"] = json!({ TITLE: "settings.json" });
        let config = members.blob(EMPTY, b"{}");
        let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.example", "config": config, "layers": [layer] });
        let manifest = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
        layout(&mut members, &[manifest]);
        std::fs::write(&path, members.tar()).expect("a file");
        let from_path = Scanned::of(&Keyseam::scan(&[&path]).run());
        for scanned in
            [from_path, Scanned::archive(members.tar()), Scanned::archive(members.reversed().tar())]
        {
            scanned.assert_only([1]);
            let place = json!({ "kind": "file", "path": "settings.json", "offset": offset, "line": 1 });
            scanned.assert_finding(1, json!({ "locations": [place] }));
        }
    }
}

#[test]
fn a_layer_whose_first_name_looks_like_json_is_a_layer() {
    let layer = Layer::new().file("{\"schemaVersion\": 2}", b"x").file("key", &line(1));
    let image = ImageBuilder::new("app:1").layer(layer.clone()).layer(Layer::new().whiteout("key")).build();
    for members in [docker_classic(&[&image]), oci(&[&image], Compression::None)] {
        for members in [members.clone(), members.reversed()] {
            let scanned = Scanned::archive(members.tar());
            scanned.assert_only([1]);
            let removed = json!({ "layer": 1, "how": "whiteout" });
            scanned.assert_finding(
                1,
                json!({ "introduced_by": { "layer": 0 }, "locations": [{ "path": "key", "removed_by": removed }] }),
            );
        }
    }
}
