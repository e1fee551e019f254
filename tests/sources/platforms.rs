//! Platforms, nested indexes and attestations.

use keyseam::image::platform::PlatformSet;
use serde_json::json;

use super::{both_ways, pipe, pipe_for, sample};
use crate::support::image::{
    Compression, Image, Members, OCI_INDEX, OCI_MANIFEST, layout, manifest, oci, oci_platforms,
    this_architecture,
};

fn other_architecture() -> &'static str {
    if this_architecture() == "s390x" { "amd64" } else { "s390x" }
}

fn two() -> (Image, Image) {
    let other = sample("app:1").platform("linux", other_architecture()).env("ONLY", "other").build();
    (sample("app:1").build(), other)
}

#[test]
fn this_machines_platform_is_chosen_unless_another_is_asked_for() {
    let (mine, other) = two();
    let tar = oci_platforms("app:1", &[&other, &mine], Compression::Gzip).tar();
    let outcome = pipe(tar.clone()).expect("both are there");
    outcome.assert_same(outcome.image(), &mine);
    assert!(outcome.image().index_digest.is_some());
    assert_eq!(pipe_for(tar.clone(), &PlatformSet::All).expect("both").images.len(), 2);
    let chosen = |text: &str| PlatformSet::Chosen(vec![text.parse().expect("a platform")]);
    let outcome =
        pipe_for(tar.clone(), &chosen(&format!("linux/{}", other_architecture()))).expect("the other");
    outcome.assert_same(outcome.image(), &other);
    let error = pipe_for(tar, &chosen("windows/amd64")).err().expect("it is not there");
    assert!(error.contains(other_architecture()) && error.contains("windows/amd64"), "{error}");
}

#[test]
fn the_only_platform_is_scanned_with_a_note() {
    let (_, other) = two();
    for members in [oci(&[&other], Compression::None), oci_platforms("app:1", &[&other], Compression::None)] {
        let outcome = pipe(members.tar()).expect("the only one");
        outcome.assert_same(outcome.image(), &other);
        assert!(outcome.image().warnings.iter().any(|text| text.contains(other_architecture())));
        assert!(
            outcome.image().platform.as_ref().is_some_and(|own| own.architecture == other_architecture())
        );
    }
    let third = sample("app:1").platform("windows", "amd64").build();
    let error =
        pipe(oci_platforms("app:1", &[&other, &third], Compression::None).tar()).err().expect("neither");
    assert!(error.contains("windows/amd64"), "{error}");
}

#[test]
fn attestations_go_with_the_image_that_they_describe() {
    let (mine, other) = two();
    let mut members = Members::default();
    let mut entries = Vec::new();
    for image in [&other, &mine] {
        let mut entry = manifest(&mut members, image, Compression::Zstd);
        entry["platform"] = json!({ "os": "linux", "architecture": image.architecture });
        let statement = members.blob(
            "application/vnd.in-toto+json",
            json!({ "predicate": { "for": image.architecture } }).to_string().as_bytes(),
        );
        let config = members
            .blob(crate::support::image::OCI_CONFIG, b"{\"os\":\"unknown\",\"architecture\":\"unknown\"}");
        let attestation = json!({ "schemaVersion": 2, "config": config, "layers": [statement] });
        let mut attestation = members.blob(OCI_MANIFEST, attestation.to_string().as_bytes());
        attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        attestation["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": entry["digest"] });
        entries.extend([entry, attestation]);
    }
    let index =
        members.blob(OCI_INDEX, json!({ "schemaVersion": 2, "manifests": entries }).to_string().as_bytes());
    let mut flat = members.clone();
    layout(&mut flat, &entries);
    layout(&mut members, &[index]);
    for members in [members, flat] {
        both_ways(&members.tar(), "image", |outcome, way| {
            let outcome = outcome.expect(way);
            outcome.assert_same(outcome.image(), &mine);
            let read = |blob| String::from_utf8(outcome.bytes(blob).expect("a statement")).expect("JSON");
            let texts: Vec<String> = outcome.image().attestations.iter().map(read).collect();
            assert_eq!(texts.len(), 3, "manifest, config, statement");
            assert!(texts.iter().any(|text| text.contains(&format!("\"for\":\"{}\"", this_architecture()))));
            assert!(
                !texts.iter().any(|text| text.contains(&format!("\"for\":\"{}\"", other_architecture())))
            );
        });
    }
}

#[test]
fn annotations_of_the_way_down_are_kept() {
    let image = sample("app:1").annotation("inner", "in the manifest").build();
    let mut members = Members::default();
    let mut entry = manifest(&mut members, &image, Compression::None);
    entry["annotations"] = json!({ "note": "second" });
    let nested = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry], "annotations": { "note": "first" } });
    let nested = members.blob(OCI_INDEX, nested.to_string().as_bytes());
    layout(&mut members, &[nested]);
    let outcome = pipe(members.tar()).expect("an image");
    let mut values: Vec<&str> = outcome.image().annotations.values().map(String::as_str).collect();
    values.sort_unstable();
    assert_eq!(values, ["first", "second"]);
}

#[test]
fn indexes_are_followed_a_few_levels_deep_and_no_more() {
    let image = sample("app:1").build();
    for (levels, ends_well) in [(3, true), (40, false)] {
        let mut members = Members::default();
        let mut entry = manifest(&mut members, &image, Compression::None);
        for _ in 0..levels {
            let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] });
            entry = members.blob(OCI_INDEX, index.to_string().as_bytes());
        }
        layout(&mut members, &[entry]);
        match pipe(members.tar()) {
            Ok(outcome) => assert!(ends_well && outcome.image().errors.is_empty()),
            Err(error) => assert!(!ends_well && error.contains("deep"), "{error}"),
        }
    }
    // An index that names another 1,000 times, four levels up: 10^12 manifests, if one were to go there.
    let mut members = Members::default();
    let mut entry = manifest(&mut members, &image, Compression::None);
    for _ in 0..4 {
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": vec![entry; 1000] });
        entry = members.blob(OCI_INDEX, index.to_string().as_bytes());
    }
    layout(&mut members, &[entry]);
    match pipe(members.tar()) {
        Ok(outcome) => assert!(outcome.images.iter().all(|image| !image.errors.is_empty())),
        Err(error) => assert!(error.contains("more than"), "{error}"),
    }
}
