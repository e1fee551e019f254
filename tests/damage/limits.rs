//! Images that are made to be too much: of anything, each bound ends in a line and never in silence.

use std::io::{Cursor, Read, Write as _};

use keyseam::image::digest::Digest;
use keyseam::limits;
use keyseam::scan::ScanOptions;
use keyseam::source;
use serde_json::json;

use super::engine::{self, scan_both, scan_opened, scan_pipe};
use super::{key, small, with_layer};
use crate::support::cli::Keyseam;
use crate::support::image::{
    Compression, ImageBuilder, Layer, Members, OCI_CONFIG, OCI_MANIFEST, docker_classic, layout, oci,
};
use crate::support::tarball::{Header, Tarball};

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

#[test]
fn a_layer_that_unpacks_to_too_much_is_told() {
    // 64 MiB of NUL in a file, behind a key.
    let size: u64 = 64 << 20;
    let line = format!("TOKEN={}\n", key(1));
    let mut head = Tarball::new();
    head.file("app/.env", line.as_bytes()).entry(&Header { size, ..Header::new(b"zeros", b'0') }, b"");
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("zstd");
    encoder.write_all(&head.unfinished()).expect("memory");
    std::io::copy(&mut std::io::repeat(0).take(size + 1024), &mut encoder).expect("memory");
    let members = with_layer(ZSTD, &encoder.finish().expect("memory"), &Digest::sha256_of(b"").to_string());
    let bytes = members.tar();
    for max in [0, 511, 512, 1_000_000, size / 2] {
        let options = ScanOptions { max_layer_bytes: max, ..engine::options() };
        let opened = source::open_stream(Cursor::new(bytes.clone()), "standard input", None);
        let verdict = scan_opened(opened, &options);
        verdict.assert_told("--max-layer-bytes", "a bomb");
        assert_eq!(verdict.status, if max > 1024 { 1 } else { 3 }, "{max} bytes");
        assert!(verdict.results[0].stats.bytes_scanned < size, "{max} bytes");
    }
    let verdict = scan_pipe(bytes);
    assert!(verdict.results[0].complete, "{:?}", verdict.errors);
}

#[test]
fn thousands_of_layers_that_are_not_there() {
    let layer = |number: u32| {
        let digest = Digest::sha256_of(&number.to_le_bytes()).to_string();
        json!({ "mediaType": TAR, "digest": digest, "size": u64::MAX })
    };
    let layers: Vec<_> = (0..10_000).map(layer).collect();
    let diff_ids: Vec<_> = layers.iter().map(|layer| layer["digest"].clone()).collect();
    let mut members = Members::default();
    let config = json!({ "os": "linux", "architecture": "amd64", "rootfs": { "diff_ids": diff_ids } });
    let config = members.blob(OCI_CONFIG, config.to_string().as_bytes());
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": layers });
    let entry = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    layout(&mut members, &[entry]);
    for (verdict, way) in scan_both(&members.tar()) {
        verdict.assert_told("9000 more errors", way);
        assert_eq!(verdict.errors.len(), limits::ERRORS_LISTED + 1, "{way}");
        assert_eq!(verdict.results[0].stats.bytes_skipped, u64::MAX, "{way}");
    }
}

#[test]
fn thousands_of_layers_that_are_there() {
    let mut image = ImageBuilder::new("app:1").without_history();
    for number in 0..2_000 {
        image = image.layer(Layer::new().file(&format!("f{number}"), format!("{number}").as_bytes()));
    }
    for (verdict, way) in scan_both(&docker_classic(&[&image.build()]).tar()) {
        assert_eq!(
            (verdict.status, verdict.results[0].layers.len()),
            (0, 2_000),
            "{way}: {:?}",
            verdict.errors
        );
    }
}

#[test]
fn an_archive_with_too_many_members_is_told() {
    let mut tar = Tarball::new();
    for number in 0..=limits::ARCHIVE_MEMBERS {
        tar.file(&format!("m{number}"), b"");
    }
    let image = docker_classic(&[&small()]).tar();
    let bytes = [tar.unfinished(), image].concat();
    for (verdict, way) in scan_both(&bytes) {
        verdict.assert_told("more than 100000 members", way);
    }
}

#[test]
fn a_layer_of_many_entries_and_long_names() {
    let mut tar = Tarball::new();
    for number in 0..20_000 {
        tar.file(&format!("d{}/f{number}", number % 100), b"");
    }
    let long = vec![b'n'; 1 << 20];
    tar.entry(&Header::new(&long, b'0'), b"").file("after", format!("TOKEN={}\n", key(1)).as_bytes());
    let tar = tar.finish();
    for (verdict, way) in scan_both(&with_layer(TAR, &tar, &Digest::sha256_of(&tar).to_string()).tar()) {
        assert_eq!(verdict.status, 1, "{way}");
        assert!(verdict.results[0].stats.files >= 20_001, "{way}");
    }
}

#[test]
fn warnings_without_end_are_counted() {
    let mut tar = Tarball::new();
    for number in 0..3_000 {
        // A folder with a size: readers disagree on what follows.
        tar.entry(&Header { size: 512, ..Header::new(format!("d{number}").as_bytes(), b'5') }, b"");
    }
    let tar = tar.finish();
    for (verdict, way) in scan_both(&with_layer(TAR, &tar, &Digest::sha256_of(&tar).to_string()).tar()) {
        let result = &verdict.results[0];
        assert!(!result.warnings.is_empty() && result.warnings.len() <= limits::WARNINGS_LISTED + 1, "{way}");
    }
}

#[test]
fn a_million_keys_are_bounded_and_told() {
    // One key, again and again, in one layer and in many: it compresses to nothing.
    for layers in [1, 5] {
        let line = format!("TOKEN={}\n", key(1));
        let wanted = limits::MATCHES * 2;
        let mut image = ImageBuilder::new("app:1");
        for number in 0..layers {
            let body = line.repeat(wanted / layers);
            image = image.layer(Layer::new().file(&format!("keys{number}"), body.as_bytes()));
        }
        let verdict = scan_pipe(oci(&[&image.build()], Compression::Zstd).tar());
        assert_eq!(verdict.status, 1);
        verdict.assert_told("are not reported", "one key many times");
        let places: usize = verdict.results[0].findings.iter().map(|finding| finding.locations.len()).sum();
        assert!(places < wanted, "{places} places in {layers} layers");
    }
}

#[test]
fn header_fields_of_gzip_members_without_end_are_told() {
    let member = |name: String, body: &[u8]| {
        let mut stored = Vec::new();
        let mut writer =
            flate2::GzBuilder::new().comment(name).write(&mut stored, flate2::Compression::fast());
        writer.write_all(body).expect("memory");
        writer.finish().expect("memory");
        stored
    };
    let tar = Layer::new().file("a", b"text").tar();
    let mut stored = Vec::new();
    for number in 0..limits::GZIP_COMMENTS * 3 {
        stored.extend(member(format!("comment {number}"), b""));
    }
    stored.extend(member(format!("TOKEN={}", key(1)), &tar));
    let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    for (verdict, way) in scan_both(&with_layer(gzip, &stored, &Digest::sha256_of(&tar).to_string()).tar()) {
        // Either the key is found, or the report says that not all was read.
        assert!(matches!(verdict.status, 1 | 3), "{way}: status {}", verdict.status);
    }
}

#[test]
fn a_config_of_keys_is_bounded_and_told() {
    let line = format!("{} ", key(1));
    let mut image = ImageBuilder::new("app:1").layer(Layer::new().file("a", b"text"));
    for number in 0..=limits::CONFIG_MATCHES / 100 {
        image = image.env(&format!("TOKENS{number}"), &line.repeat(100));
    }
    for (verdict, way) in scan_both(&docker_classic(&[&image.build()]).tar()) {
        verdict.assert_told("more than 10000 keys", way);
        assert_eq!(verdict.status, 1, "{way}");
    }
}

#[test]
fn images_that_share_a_layer_of_keys_are_bounded_and_told() {
    let body = format!("TOKEN={}\n", key(1)).repeat(limits::FILE_MATCHES);
    let files = (0..30).fold(Layer::new(), |files, number| files.file(&format!("{number}"), body.as_bytes()));
    let image = ImageBuilder::new("app:1").layer(files).build();
    let mut members = docker_classic(&[&image]);
    let entry = members.json("manifest.json")[0].clone();
    members.replace("manifest.json", json!(vec![entry; 12]).to_string());
    let run = Keyseam::scan(&["-"]).stdin(members.tar()).run();
    run.assert_status(1);
    assert_eq!(run.results().len(), 4);
    assert!(run.json().to_string().contains("8 more of its images are left out"));
}
