//! Documents that are not there, lie, contradict themselves or lead elsewhere.

use keyseam::image::digest::Digest;
use serde_json::{Value, json};

use super::{assert_archive_told, assert_folder_told, assert_told, parts, small, with_manifest};
use crate::support::image::{
    Compression, Member, Members, OCI_INDEX, OCI_MANIFEST, docker_25, docker_classic, layout, oci,
};

const DOCKER_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

#[test]
fn what_is_missing_is_told() {
    let whole = oci(&[&small()], Compression::Zstd);
    let (manifest, config, layers) = parts(&whole);
    for name in [&manifest, &config, &layers[0], &layers[1]] {
        let mut members = whole.clone();
        members.remove(name);
        assert_told(&members, "sha256:");
    }
    let mut members = whole.clone();
    assert_told(members.remove("index.json"), "index.json");
}

#[test]
fn configs_that_are_no_configs_are_told() {
    let whole = oci(&[&small()], Compression::None);
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let unclosed = format!("{{\"a\":{}", "[".repeat(500_000));
    let texts = [
        "",
        "null",
        "[]",
        "1",
        "{",
        "text",
        "\u{feff}{}",
        "{\"rootfs\":[]}",
        "{\"rootfs\":{\"diff_ids\":7}}",
        "{\"rootfs\":{\"diff_ids\":[\"sha256:short\"]}}",
        "{\"os\":1}",
        &deep,
        &unclosed,
        "{\"os\":\"linux\",\"os\":\"linux\"}",
    ];
    for text in texts {
        // With the name and size of the right one, then with a manifest that names just these bytes.
        let (_, config, _) = parts(&whole);
        let mut members = whole.clone();
        assert_told(members.replace(&config, text), "config sha256:");
        let members = with_config(text.as_bytes());
        assert_told(&members, "config");
    }
    let mut bytes = vec![0xff, 0xfe, 0];
    bytes.resize(4000, 0);
    assert_told(&with_config(&bytes), "config");
}

/// The small image with this config, all digests right.
fn with_config(bytes: &[u8]) -> Members {
    let mut config = Members::default();
    let descriptor = config.blob(crate::support::image::OCI_CONFIG, bytes);
    let mut members = with_manifest(Compression::None, |manifest| manifest["config"] = descriptor);
    members.list.extend(config.list);
    members
}

#[test]
fn configs_of_strange_types_do_not_hide_keys() {
    let key = super::key(1);
    let image = small();
    let whole: Value = serde_json::from_slice(&image.config).expect("JSON");
    for (name, value) in [
        ("Env", json!({ "TOKEN": key })),
        ("Env", json!([["TOKEN", key]])),
        ("Env", json!(key)),
        ("Labels", json!([key])),
        ("Labels", json!({ "a": [key] })),
        ("Cmd", json!(key)),
        ("Entrypoint", json!({ "a": { "b": key } })),
        ("User", json!([key])),
    ] {
        let mut config = whole.clone();
        config["config"][name] = value;
        for (verdict, way) in super::scan_both(&with_config(config.to_string().as_bytes()).tar()) {
            assert_eq!(verdict.status, 1, "{way}: a key in {name}");
        }
    }
    for (name, value) in [
        ("history", json!(key)),
        ("history", json!({ "created_by": key })),
        ("history", json!([key])),
        ("history", json!([{ "created_by": [key] }])),
        ("author", json!([key])),
        ("config", json!([key])),
        ("container_config", json!(key)),
        ("no such field", json!([[[{ "deep": key }]]])),
    ] {
        let mut config = whole.clone();
        config[name] = value;
        for (verdict, way) in super::scan_both(&with_config(config.to_string().as_bytes()).tar()) {
            assert_eq!(verdict.status, 1, "{way}: a key in {name}");
        }
    }
}

#[test]
fn manifests_that_contradict_themselves_are_told() {
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 10] = [
        (|manifest| manifest["manifests"] = json!([]), "both layers and manifests"),
        (|manifest| manifest["mediaType"] = json!(OCI_INDEX), "it calls itself"),
        (|manifest| manifest["mediaType"] = json!("text/plain"), "it calls itself"),
        (|manifest| manifest["schemaVersion"] = json!(1), "schemaVersion"),
        (|manifest| manifest["schemaVersion"] = json!("2"), "manifest"),
        (|manifest| manifest["layers"] = json!({}), "manifest"),
        (|manifest| manifest["layers"] = json!([null]), "manifest"),
        (|manifest| manifest["layers"][0]["digest"] = json!("sha256:../../etc/passwd"), "not a digest"),
        (
            |manifest| manifest["layers"][0]["digest"] = json!("md5:0123456789abcdef0123456789abcdef"),
            "manifest",
        ),
        (|manifest| manifest["Layers"] = json!([]), "readers disagree"),
    ];
    for (change, words) in changes {
        assert_told(&with_manifest(Compression::None, change), words);
    }
    assert_told(
        &with_manifest(Compression::None, |manifest| manifest["layers"] = json!([])),
        "names 2 layers",
    );
    assert_told(&with_manifest(Compression::None, |manifest| manifest["config"] = json!(null)), "");
    let swapped = with_manifest(Compression::None, |manifest| {
        let layers = manifest["layers"].as_array_mut().expect("layers");
        layers.truncate(1);
    });
    assert_told(&swapped, "names 2 layers, the manifest 1");
}

#[test]
fn schema_1_is_told() {
    for (media_type, text) in [
        (DOCKER_SCHEMA_1, json!({ "schemaVersion": 1, "fsLayers": [], "history": [] })),
        ("", json!({ "schemaVersion": 1, "fsLayers": [] })),
        (OCI_MANIFEST, json!({ "schemaVersion": 1, "fsLayers": [] })),
    ] {
        let mut members = Members::default();
        let entry = members.blob(media_type, text.to_string().as_bytes());
        layout(&mut members, &[entry]);
        assert_told(&members, "schema");
    }
}

#[test]
fn an_index_that_leads_nowhere_is_told() {
    let nowhere = Digest::sha256_of(b"nothing").to_string();
    for media_type in [OCI_INDEX, OCI_MANIFEST, ""] {
        let mut members = Members::default();
        layout(&mut members, &[json!({ "mediaType": media_type, "digest": nowhere, "size": 7 })]);
        assert_told(&members, &nowhere);
    }
    for digest in
        ["sha256:", "sha256:..", "../../etc/passwd", "sha256:/etc/passwd", "", "sha512:ab", "sha256:\0"]
    {
        let mut members = Members::default();
        layout(&mut members, &[json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": 7 })]);
        assert_told(&members, "index.json");
    }
}

#[test]
fn an_index_that_leads_to_itself_is_told() {
    // No bytes hold their own digest, so the names lie; whoever does not verify would go round.
    let (one, two) = (Digest::sha256_of(b"one").to_string(), Digest::sha256_of(b"two").to_string());
    let index = |digest: &str| {
        json!({ "schemaVersion": 2, "mediaType": OCI_INDEX,
                "manifests": [{ "mediaType": OCI_INDEX, "digest": digest, "size": 300 }] })
        .to_string()
    };
    let mut members = Members::default();
    members.file(&format!("blobs/sha256/{}", &one[7..]), index(&two).into_bytes());
    members.file(&format!("blobs/sha256/{}", &two[7..]), index(&one).into_bytes());
    layout(&mut members, &[json!({ "mediaType": OCI_INDEX, "digest": one, "size": 300 })]);
    assert_told(&members, "its descriptor says 300");
    // Many at each level: a tree that doubles.
    let many = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": vec![json!({ "mediaType": OCI_INDEX, "digest": one, "size": 300 }); 3000] });
    members.replace(&format!("blobs/sha256/{}", &two[7..]), many.to_string());
    assert_told(&members, "its descriptor says 300");
}

#[test]
fn a_layout_whose_index_is_a_link_out_of_it_is_told() {
    let outside = tempfile::tempdir().expect("a folder");
    let members = oci(&[&small()], Compression::None);
    members.write_to(outside.path());
    let folder = tempfile::tempdir().expect("a folder");
    members.write_to(folder.path());
    for name in ["index.json", "blobs"] {
        let path = folder.path().join(name);
        if path.is_dir() {
            std::fs::remove_dir_all(&path).expect("a folder");
        } else {
            std::fs::remove_file(&path).expect("a file");
        }
        std::os::unix::fs::symlink(outside.path().join(name), &path).expect("a link");
        super::scan_path(folder.path()).assert_told("leads out of the folder", name);
        std::fs::remove_file(&path).expect("a link");
        std::fs::create_dir(&path).expect("a folder");
        super::scan_path(folder.path()).assert_told("", name);
        std::fs::remove_dir(&path).expect("a folder");
        members.write_to(folder.path());
    }
}

#[test]
fn lists_of_docker_archives_that_lead_elsewhere_are_told() {
    let classic = docker_classic(&[&small()]);
    let list = classic.json("manifest.json");
    for path in ["../../../etc/passwd", "/etc/passwd", "", ".", "..", "a\0b", "no such member"] {
        let mut config = list.clone();
        config[0]["Config"] = json!(path);
        let mut members = classic.clone();
        assert_archive_told(members.replace("manifest.json", config.to_string()), "config");
        let mut layers = list.clone();
        layers[0]["Layers"][0] = json!(path);
        let mut members = classic.clone();
        assert_archive_told(members.replace("manifest.json", layers.to_string()), "layer 0");
    }
    let long = "a/".repeat(60_000);
    let mut layers = list.clone();
    layers[0]["Layers"][1] = json!(long);
    let mut members = classic.clone();
    assert_archive_told(members.replace("manifest.json", layers.to_string()), "layer 1");
}

#[test]
fn a_layout_that_docker_reads_otherwise_is_scanned_both_ways() {
    // `index.json` names a clean image, `manifest.json` one with keys: docker load may take either.
    let (clean, leaking) = (small(), super::leaking());
    let mut members = docker_25(&[&leaking]);
    let index = oci(&[&clean], Compression::None);
    members.replace("index.json", index.get("index.json").expect("an index"));
    for (name, member) in index.list {
        if let Member::File(bytes) = member {
            members.file(&name, bytes);
        }
    }
    for (verdict, way) in super::scan_both(&members.tar()) {
        assert_eq!((verdict.status, verdict.results.len()), (1, 2), "{way}");
    }
}

#[test]
fn folders_that_are_no_layouts_are_told() {
    let mut members = Members::default();
    members.file("etc/passwd", b"root".to_vec());
    assert_folder_told(&members, "no index.json");
    members.file("oci-layout", b"{}".to_vec());
    assert_folder_told(&members, "no index.json");
    members.file("index.json", b"".to_vec());
    assert_folder_told(&members, "index.json");
}
