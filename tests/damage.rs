//! No damaged or hostile image passes for clean: each ends in status 2 or 3 with a line that says what is
//! wrong, or in status 1 with a report that says that it is incomplete. Nothing makes the program panic.

mod documents;
pub(crate) mod engine;
mod layers;
mod limits;
mod names;
mod program;
mod seeded;

use keyseam::detect::template::{Seed, expand};
use serde_json::{Value, json};

use crate::support::image::{
    Compression, DOCKER_CONFIG, Image, ImageBuilder, Layer, Members, OCI_CONFIG, OCI_MANIFEST, layout, oci,
};

use engine::{scan_both, scan_path};

/// A key that is found, made anew from a number.
pub(crate) fn key(number: u64) -> String {
    expand("{{github:ghp_}}", "", &mut Seed(number)).expect("a template")
}

/// An image that holds no key.
pub(crate) fn small() -> Image {
    ImageBuilder::new("app:1")
        .layer(Layer::new().dir("etc").file("etc/motd", b"hello\n"))
        .layer(Layer::new().file("app/main", &[7; 3000]).symlink("app/link", "main"))
        .env("PATH", "/usr/bin")
        .build()
}

/// An image with keys in all kinds of places.
pub(crate) fn leaking() -> Image {
    let line = |number| format!("TOKEN={}\n", key(number)).into_bytes();
    ImageBuilder::new("app:1")
        .layer(Layer::new().file("app/.env", &line(1)).file("app/old", &line(2)).dir("srv"))
        .layer(Layer::new().whiteout("app/old").symlink("srv/link", &key(3)).file("etc/motd", b"hello\n"))
        .layer(Layer::new().xattr("srv/file", b"text", "user.note", key(4).as_bytes()))
        .env("API_TOKEN", &key(5))
        .label("note", &key(6))
        .history(&format!("RUN login {}", key(7)), true)
        .build()
}

fn member(digest: &Value) -> String {
    format!("blobs/sha256/{}", digest.as_str().expect("a digest").trim_start_matches("sha256:"))
}

/// The members' names of manifest, config and layers of a layout with one image.
pub(crate) fn parts(members: &Members) -> (String, String, Vec<String>) {
    let name = member(&members.json("index.json")["manifests"][0]["digest"]);
    let manifest = members.json(&name);
    let layers =
        manifest["layers"].as_array().expect("layers").iter().map(|layer| member(&layer["digest"])).collect();
    (name, member(&manifest["config"]["digest"]), layers)
}

/// A layout whose only manifest is the small image's, changed; its own digest is right.
pub(crate) fn with_manifest(compression: Compression, change: impl FnOnce(&mut Value)) -> Members {
    let mut members = oci(&[&small()], compression);
    let (name, ..) = parts(&members);
    let mut manifest = members.json(&name);
    change(&mut manifest);
    let entry = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    members.remove("index.json").remove("oci-layout");
    layout(&mut members, &[entry]);
    members
}

/// A layout with one layer of these stored bytes, and a config that names a diff_id for it.
pub(crate) fn with_layer(media_type: &str, stored: &[u8], diff_id: &str) -> Members {
    let mut members = Members::default();
    let layer = members.blob(media_type, stored);
    let config = json!({
        "os": "linux", "architecture": crate::support::image::this_architecture(),
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
    });
    let config = members.blob(OCI_CONFIG, config.to_string().as_bytes());
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer] });
    let entry = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    layout(&mut members, &[entry]);
    members
}

/// The members as an archive from disk, from a pipe, and as a folder: each must tell.
#[track_caller]
pub(crate) fn assert_told(members: &Members, words: &str) {
    for (verdict, way) in scan_both(&members.tar()) {
        verdict.assert_told(words, way);
    }
    assert_folder_told(members, words);
}

/// The same as a folder only.
#[track_caller]
pub(crate) fn assert_folder_told(members: &Members, words: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    members.write_to(folder.path());
    scan_path(folder.path()).assert_told(words, "as a folder");
}

/// The same as an archive only.
#[track_caller]
pub(crate) fn assert_archive_told(members: &Members, words: &str) {
    for (verdict, way) in scan_both(&members.tar()) {
        verdict.assert_told(words, way);
    }
}

#[test]
fn what_is_whole_is_clean() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        for (verdict, way) in scan_both(&oci(&[&small()], compression).tar()) {
            assert_eq!(verdict.status, 0, "{way}: {:?}", verdict.errors);
        }
    }
    let docker = with_manifest(Compression::None, |manifest| {
        manifest["config"]["mediaType"] = json!(DOCKER_CONFIG);
    });
    for (verdict, way) in scan_both(&docker.tar()) {
        assert_eq!(verdict.status, 0, "{way}: {:?}", verdict.errors);
    }
    for (verdict, way) in scan_both(&oci(&[&leaking()], Compression::Gzip).tar()) {
        assert_eq!(verdict.status, 1, "{way}: {:?}", verdict.errors);
        assert!(verdict.results.iter().all(|result| result.complete), "{way}: {:?}", verdict.errors);
        let found = verdict.results.iter().map(|result| result.findings.len()).sum::<usize>();
        assert_eq!(found, 7, "{way}");
    }
}
