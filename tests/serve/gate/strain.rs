//! A layer that is larger than what the server may hold.

use std::io::Write;

use super::{Scene, assert_refused, digest, key, put_manifest, send_with};
use crate::support::image::{OCI_CONFIG, OCI_MANIFEST};
use crate::support::serve::curl;
use crate::support::tarball::Tarball;
use serde_json::json;

/// Megabytes of the layer.
const SIZE: usize = 300;

/// Megabytes that the server may have in memory at its most.
const MEMORY: u64 = 400;

#[test]
fn a_large_layer_passes_without_being_held() {
    let scene = Scene::new(&[]);
    let host = scene.host();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("layer.tar");
    let mut file = std::fs::File::create(&path).expect("a file");
    let mut hasher = keyseam::image::digest::Hasher::new(keyseam::image::digest::Algorithm::Sha256);
    let mut size = 0;
    let mut write = |bytes: &[u8]| {
        file.write_all(bytes).expect("written");
        hasher.update(bytes);
        size += bytes.len();
    };
    let body = |tar: Tarball| {
        let mut bytes = tar.finish();
        // Without the two empty blocks at the end, and what fills up the record.
        while bytes.len() >= 512 && bytes[bytes.len() - 512..].iter().all(|byte| *byte == 0) {
            bytes.truncate(bytes.len() - 512);
        }
        bytes
    };
    let noise = super::noise(1 << 18);
    for number in 0..SIZE {
        let mut tar = Tarball::new();
        tar.file(&format!("data/{number}"), &noise);
        write(&body(tar));
    }
    let mut tar = Tarball::new();
    tar.file("app/.env", &super::line(70));
    write(&body(tar));
    write(&[0; 1024]);
    let layer = hasher.finish().to_string();
    drop(file);

    let begun = send_with("POST", &host, "/v2/big/blobs/uploads/", &[], b"");
    let url = format!("http://{host}{}&digest={layer}", begun.headers["location"]);
    let answered = curl(&["--upload-file", path.to_str().expect("UTF-8"), &url], b"");
    assert_eq!(answered.status, 201, "{}", answered.text());
    let config = json!({ "os": "linux", "architecture": "amd64", "config": {},
        "history": [{ "created_by": "COPY . /app # buildkit" }],
        "rootfs": { "type": "layers", "diff_ids": [&layer] } });
    let config = config.to_string().into_bytes();
    super::upload(&host, "big", &config);
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": { "mediaType": OCI_CONFIG, "digest": digest(&config), "size": config.len() },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": size }] });
    let answered = put_manifest(&host, "big", "1", manifest.to_string().as_bytes());
    assert_refused(&answered, 70);
    assert!(!scene.server.text().contains(&key(70)));
    let status = std::fs::read_to_string(format!("/proc/{}/status", scene.server.id())).expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let peak: u64 = peak.trim().trim_end_matches(" kB").trim().parse().expect("a number");
    assert!(size > SIZE * 1024 * 1024);
    assert!(peak / 1024 < MEMORY, "{peak} kB");
}
