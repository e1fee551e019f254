//! Layers that are cut, changed, not there, not what they are called, or larger than they may be.

use keyseam::image::digest::Digest;
use serde_json::json;

use super::engine::{scan_both, scan_path};
use super::{assert_told, key, parts, small, with_layer, with_manifest};
use crate::support::image::{
    Compression, ImageBuilder, Layer, Members, docker_classic, docker_classic_with, oci,
};
use crate::support::tarball::{Header, Tarball};

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// A layer's tar of some length, with a key near its start.
fn tar() -> Vec<u8> {
    let noise: Vec<u8> =
        (0..9000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let line = format!("TOKEN={}\n", key(1));
    Layer::new().file("app/.env", line.as_bytes()).file("app/noise", &noise).dir("end").tar()
}

fn diff_id(tar: &[u8]) -> String {
    Digest::sha256_of(tar).to_string()
}

/// An image of one layer whose stored bytes are not what its digest says: the name is of `whole`, the
/// bytes are `stored`.
fn swapped(media_type: &str, whole: &[u8], stored: &[u8]) -> Members {
    let mut members = with_layer(media_type, whole, &diff_id(&tar()));
    let (_, _, layers) = parts(&members);
    members.replace(&layers[0], stored);
    members
}

#[test]
fn a_blob_cut_or_changed_is_told() {
    let tar = tar();
    for (compression, media_type) in
        [(Compression::None, TAR), (Compression::Gzip, GZIP), (Compression::Zstd, ZSTD)]
    {
        let whole = compression.apply(&tar);
        for part in [0, 1, 5, 100, 300, 511, 512, 700, 999, 1000] {
            let cut = &whole[..whole.len() * part / 1000];
            if part < 1000 {
                assert_told(&swapped(media_type, &whole, cut), "sha256:");
            }
            let mut flipped = whole.clone();
            let at = (whole.len() * part / 1000).min(whole.len() - 1);
            flipped[at] ^= 0x04;
            assert_told(&swapped(media_type, &whole, &flipped), "sha256:");
        }
        let longer = [&whole[..], b"more"].concat();
        assert_told(&swapped(media_type, &whole, &longer), "sha256:");
    }
}

#[test]
fn a_blob_whose_digest_is_right_and_whose_content_breaks_off_is_told() {
    let tar = tar();
    for (compression, media_type) in
        [(Compression::None, TAR), (Compression::Gzip, GZIP), (Compression::Zstd, ZSTD)]
    {
        // The blob as a whole is what its digest says, the compressed data is whole; the tar in it is cut.
        for length in [100, 512, 540, 5000, tar.len() - 2000] {
            let cut = &tar[..length];
            let words = match length {
                100 => "tar",
                512 | 540 => "app/.env",
                _ => "app/noise",
            };
            assert_told(&with_layer(media_type, &compression.apply(cut), &diff_id(cut)), words);
        }
        if compression != Compression::None {
            // The compressed data is cut, and its digest is that of the cut blob.
            let whole = compression.apply(&tar);
            let cut = &whole[..whole.len() * 2 / 3];
            assert_told(&with_layer(media_type, cut, &diff_id(&tar)), "cannot be read to the end");
        }
    }
}

#[test]
fn what_was_read_before_the_damage_is_found() {
    let whole = Compression::Gzip.apply(&tar());
    let cut = &whole[..whole.len() * 2 / 3];
    for (verdict, way) in scan_both(&with_layer(GZIP, cut, &diff_id(&tar())).tar()) {
        assert_eq!(verdict.status, 1, "{way}");
        assert!(!verdict.results[0].complete, "{way}");
        assert_eq!(verdict.results[0].findings.len(), 1, "{way}");
    }
}

#[test]
fn what_is_no_tar_is_told() {
    for (bytes, words) in [
        (b"just a text\n".repeat(100), "not a tar"),
        (b"PK\x03\x04 and so on".repeat(50), "not a tar"),
        (vec![0xff; 2048], "not a tar"),
        (b"short".to_vec(), "not a tar"),
        // LZ4 and Brotli are no compressions of layers.
        (b"\x04\x22\x4d\x18\x64\x40\xa7".repeat(90), "not a tar"),
    ] {
        assert_told(&with_layer(TAR, &bytes, &diff_id(&bytes)), words);
        let stored = Compression::Gzip.apply(&bytes);
        assert_told(&with_layer(GZIP, &stored, &diff_id(&bytes)), words);
    }
}

#[test]
fn compressions_and_encryptions_that_are_not_known_are_told() {
    let unreadable: Vec<u8> =
        (0..4000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for media_type in [
        "application/vnd.oci.image.layer.v1.tar+lz4",
        "application/vnd.oci.image.layer.v1.tar+br",
        "application/vnd.docker.image.rootfs.diff.tar.lz4",
    ] {
        assert_told(&with_layer(media_type, &unreadable, &diff_id(&tar())), "not a tar");
    }
    for media_type in [
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.v1.tar+encrypted",
    ] {
        assert_told(&with_layer(media_type, &unreadable, &diff_id(&tar())), "encrypted");
    }
}

#[test]
fn a_layer_that_is_kept_elsewhere_is_told() {
    for media_type in [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    ] {
        let mut members = with_manifest(Compression::Gzip, |manifest| {
            manifest["layers"][0]["mediaType"] = json!(media_type);
            manifest["layers"][0]["urls"] = json!(["https://example.com/layer"]);
        });
        let (_, _, layers) = parts(&members);
        members.remove(&layers[0]);
        assert_told(&members, "foreign places are not followed");
    }
}

#[test]
fn a_zstd_window_that_is_too_large_is_told() {
    use std::io::Write as _;
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("zstd");
    encoder.window_log(30).expect("zstd");
    encoder.long_distance_matching(true).expect("zstd");
    encoder.include_contentsize(false).expect("zstd");
    encoder.write_all(&tar()).expect("memory");
    let stored = encoder.finish().expect("memory");
    assert_told(&with_layer(ZSTD, &stored, &diff_id(&tar())), "cannot be read to the end");
}

#[test]
fn sizes_that_cannot_be_are_told() {
    for size in [json!(u64::MAX), json!(i64::MAX), json!(1_u64 << 62), json!(0), json!(1)] {
        let members = with_manifest(Compression::Gzip, |manifest| {
            for layer in manifest["layers"].as_array_mut().expect("layers") {
                layer["size"] = size.clone();
            }
        });
        assert_told(&members, "bytes, not");
        let members = with_manifest(Compression::Gzip, |manifest| manifest["config"]["size"] = size.clone());
        assert_told(&members, "its descriptor says");
    }
    for size in [json!(-1), json!(1e30), json!("12"), json!(null)] {
        let members =
            with_manifest(Compression::Gzip, |manifest| manifest["layers"][0]["size"] = size.clone());
        assert_told(&members, "manifest");
    }
}

#[test]
fn entries_with_absurd_sizes_are_told() {
    for size in [1 << 20, 0o77_777_777_777, 0o70_000_000_000] {
        let mut tar = Tarball::new();
        tar.file("before", b"text").entry(&Header { size, ..Header::new(b"huge", b'0') }, b"little");
        let tar = tar.finish();
        assert_told(&with_layer(TAR, &tar, &diff_id(&tar)), "huge");
    }
    for text in ["18446744073709551615", "-1", "9223372036854775807", "99999999999999999999999", "0x10"] {
        let mut tar = Tarball::new();
        let pax = vec![(b"size".to_vec(), text.as_bytes().to_vec())];
        tar.entry(&Header { size: 4, pax, ..Header::new(b"odd", b'0') }, b"text").file("after", b"text");
        let tar = tar.finish();
        let members = with_layer(TAR, &tar, &diff_id(&tar));
        for (verdict, way) in scan_both(&members.tar()) {
            // What some readers refuse and others take is a warning at least.
            let said =
                verdict.status == 3 || verdict.results.iter().any(|result| !result.warnings.is_empty());
            assert!(said, "{way}: pax size '{text}'");
        }
    }
    // Base 256: as large as the field can say, and negative.
    for first in [0x80, 0xff] {
        let mut bytes = Layer::new().file("before", b"text").file("odd", b"text").tar();
        bytes[1024 + 124] = first;
        bytes[1024 + 125..1024 + 136].fill(0xff);
        fix_checksum(&mut bytes[1024..1536]);
        assert_told(&with_layer(TAR, &bytes, &diff_id(&bytes)), "size");
    }
}

fn fix_checksum(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn layers_of_docker_archives_are_verified_by_their_diff_ids() {
    let image = ImageBuilder::new("app:1")
        .layer(Layer::new().file("app/main", &[7; 3000]))
        .layer(Layer::new().file("etc/motd", b"hello\n"))
        .build();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let whole = docker_classic_with(&[&image], compression);
        let names: Vec<String> = whole
            .list
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| name.ends_with("layer.tar"))
            .collect();
        for name in &names {
            let mut other = whole.clone();
            let changed = Layer::new().file("app/other", b"text").tar();
            other.replace(name, compression.apply(&changed));
            let mut cut = whole.clone();
            let stored = whole.get(name).expect("a layer");
            cut.replace(name, &stored[..stored.len() / 2]);
            for (members, words) in [(&other, "diff_id"), (&cut, "diff_id sha256:")] {
                for (verdict, way) in scan_both(&members.tar()) {
                    let words = if compression == Compression::None { words } else { "" };
                    verdict.assert_told(words, way);
                }
            }
        }
    }
}

#[test]
fn a_docker_archive_without_diff_ids_is_told() {
    let mut image = small();
    let mut config: serde_json::Value = serde_json::from_slice(&image.config).expect("JSON");
    for rootfs in [json!({ "type": "layers", "diff_ids": [] }), json!({}), json!(null)] {
        config["rootfs"] = rootfs;
        image.config = config.to_string().into_bytes();
        for (verdict, way) in scan_both(&docker_classic(&[&image]).tar()) {
            verdict.assert_told("nothing says what it should be", way);
        }
    }
}

#[test]
fn diff_ids_that_lie_are_told_where_they_are_all_there_is() {
    let mut image = small();
    image.config = String::from_utf8(image.config.clone())
        .expect("JSON")
        .replace(&image.diff_ids[0], &diff_id(b"something else"))
        .into_bytes();
    for (verdict, way) in scan_both(&docker_classic(&[&image]).tar()) {
        verdict.assert_told("its content has the diff_id", way);
    }
    // Two of three: which layer lacks its diff_id cannot be told.
    for count in [0, 1, 3] {
        let mut config: serde_json::Value = serde_json::from_slice(&image.config).expect("JSON");
        config["rootfs"]["diff_ids"] = json!(vec![diff_id(b"x"); count]);
        let mut image = image.clone();
        image.config = config.to_string().into_bytes();
        for (verdict, way) in scan_both(&docker_classic(&[&image]).tar()) {
            verdict.assert_told("", way);
        }
    }
}

#[test]
fn blobs_that_are_no_files_are_told() {
    let members = oci(&[&small()], Compression::Gzip);
    let (_, config, layers) = parts(&members);
    for name in [&config, &layers[0], &layers[1]] {
        for kind in ["folder", "pipe", "device", "outside", "absolute", "loop"] {
            let folder = tempfile::tempdir().expect("a folder");
            let outside = tempfile::NamedTempFile::new().expect("a file");
            members.write_to(folder.path());
            let path = folder.path().join(name);
            std::fs::write(outside.path(), std::fs::read(&path).expect("a blob")).expect("a file");
            std::fs::remove_file(&path).expect("a blob");
            let link = |to: &std::path::Path| std::os::unix::fs::symlink(to, &path).expect("a link");
            match kind {
                "folder" => std::fs::create_dir(&path).expect("a folder"),
                "pipe" => {
                    let made = std::process::Command::new("mkfifo").arg(&path).status();
                    assert!(made.expect("mkfifo").success());
                }
                "device" => link("/dev/zero".as_ref()),
                // Even where the bytes are right: what lies outside is never read.
                "absolute" => link(outside.path()),
                "outside" => link(
                    &std::path::Path::new("../../../../../../")
                        .join(outside.path().strip_prefix("/").expect("absolute")),
                ),
                _ => link(&path),
            }
            scan_path(folder.path()).assert_told(&name[13..], kind);
        }
    }
}

#[test]
fn keys_in_bytes_that_belong_to_no_file_are_found_however_much_follows() {
    let line = format!("TOKEN={} ", key(1));
    let long = vec![b'.'; 700_000];
    // Fill bytes behind a body, a body that a folder should not have, bytes behind the end marker.
    let mut padding = Layer::new().file("a", b"text").tar();
    padding[600..600 + line.len()].copy_from_slice(line.as_bytes());
    padding.truncate(1024);
    let body = [line.as_bytes(), &[0; 512][line.len()..]].concat();
    let mut folder = Tarball::new();
    folder.entry(&Header { size: 512, ..Header::new(b"d", b'5') }, &body);
    let mut trailing = Tarball::new().finish();
    trailing.extend(&body);
    for (what, head) in [("padding", padding), ("folder", folder.unfinished()), ("trailing", trailing)] {
        for copies in 0..4 {
            let mut tar = head.clone();
            for number in 0..copies {
                tar.extend(Tarball::new().file(&format!("long{number}"), &long).unfinished());
            }
            tar.resize(tar.len() + 1024, 0);
            for (verdict, way) in scan_both(&with_layer(TAR, &tar, &diff_id(&tar)).tar()) {
                assert_eq!(verdict.status, 1, "{way}: {what}, {copies} files behind it");
            }
        }
    }
}
