//! Keys in the odd corners of a layer: names, links, attributes, records, bytes that belong to no file,
//! and binaries.

use std::io::Write;

use serde_json::json;

use super::{Scanned, key, line};
use crate::support::image::{
    Compression, Image, ImageBuilder, Layer, Members, OCI_CONFIG, OCI_MANIFEST, layout, oci,
};
use crate::support::tarball::{Header, Tarball, block};

fn image_of(layer: Layer) -> Image {
    ImageBuilder::new("app:1").layer(Layer::new().file("base", b"base")).layer(layer).build()
}

#[test]
fn names_links_attributes_and_records_are_searched() {
    let record = |name: &str, number: u64| vec![(name.as_bytes().to_vec(), key(number).into_bytes())];
    let layer = Layer::new()
        .file(&format!("app/{}.txt", key(1)), b"x")
        .symlink("app/link", &format!("/run/{}", key(2)))
        .xattr("app/attribute", b"x", "user.token", key(3).as_bytes())
        .entry(&Header { pax: record("comment", 4), ..Header::new(b"app/record", b'0') }, b"")
        .entry(&Header { pax: record("uname", 5), ..Header::new(b"app/owner", b'0') }, b"")
        .dir(&format!("app/{}", key(6)))
        .whiteout(&format!("app/{}", key(7)));
    let scanned = Scanned::image(&image_of(layer));
    scanned.assert_only(1..=7);
    let check = |number: u64, kind: &str, in_final_image: bool, name: Option<&str>| {
        scanned.assert_finding(
            number,
            json!({ "in_final_image": in_final_image, "introduced_by": { "layer": 1, "history_index": 1 },
                "locations": [{ "kind": kind, "layer": 1, "line": null, "name": name }] }),
        );
    };
    check(1, "filename", true, None);
    check(2, "symlink", true, None);
    check(3, "xattr", true, Some("user.token"));
    check(4, "pax", true, Some("comment"));
    check(5, "pax", true, Some("uname"));
    check(6, "filename", true, None);
    check(7, "filename", false, None);
}

#[test]
fn a_path_that_is_not_utf_8_is_given_in_base64_unless_it_holds_a_key() {
    let body = line(1);
    let with_key = [b"app/\xff/", key(2).as_bytes(), b"/x"].concat();
    let layer = Layer::new()
        .entry(&Header { size: body.len() as u64, ..Header::new(b"app/caf\xe9", b'0') }, &body)
        .entry(&Header::new(&with_key, b'0'), b"");
    let scanned = Scanned::image(&image_of(layer));
    scanned.assert_only([1, 2]);
    let place = json!({ "kind": "file", "path": "app/caf\u{fffd}", "path_base64": "YXBwL2NhZuk=" });
    scanned.assert_finding(1, json!({ "locations": [place] }));
    let place = &scanned.finding(2)["locations"][0];
    assert_eq!((&place["kind"], place.get("path_base64")), (&json!("filename"), None));
}

#[test]
fn bytes_behind_the_end_and_between_the_files_are_searched() {
    let mut tar = Tarball::new();
    let mut padding = line(2);
    padding.resize(512 - 4, b' ');
    tar.raw(&block(&Header { size: 4, ..Header::new(b"padded", b'0') })).raw(b"body").raw(&padding);
    let mut bytes = tar.file("plain", b"plain").finish();
    // What GNU tar reads with --ignore-zeros, and then what is no tar at all.
    bytes.extend(Tarball::new().file("after", &line(3)).finish());
    bytes.resize(bytes.len().next_multiple_of(10_240), 0);
    bytes.extend(line(4));
    let image = ImageBuilder::new("app:1").layer_bytes("COPY . / # buildkit", bytes).build();
    for compression in [Compression::None, Compression::Gzip] {
        let scanned = Scanned::archive(oci(&[&image], compression).tar());
        scanned.assert_only(2..=4);
        for number in 2..=4 {
            scanned.assert_finding(
                number,
                json!({ "in_final_image": false, "exposed_to": "puller", "introduced_by": { "layer": 0 },
                    "locations": [{ "layer": 0, "removed_by": null }] }),
            );
        }
        scanned.assert_finding(3, json!({ "locations": [{ "kind": "file", "path": "after" }] }));
    }
}

/// The engine reads in buffers of 512 KiB; these places lie in the first of several.
#[test]
fn stray_bytes_far_from_the_end_are_searched() {
    let mut padding = line(1);
    padding.resize(512 - 4, b' ');
    let noise: Vec<u8> = (0..500_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut tar = Tarball::new();
    tar.file("early", &noise[..100_000]);
    tar.raw(&block(&Header { size: 4, ..Header::new(b"padded", b'0') })).raw(b"body").raw(&padding);
    let image =
        ImageBuilder::new("app:1").layer_bytes("COPY . / # buildkit", tar.file("late", &noise).finish());
    let scanned = Scanned::image(&image.build());
    scanned.assert_only([1]);
    scanned.assert_finding(1, json!({ "in_final_image": false, "introduced_by": { "layer": 0 } }));
}

/// What stands behind the tar is no tar, so it has no blocks to end with.
#[test]
fn a_key_in_the_last_bytes_behind_a_tar_is_found_wherever_it_begins() {
    for length in [400, 474, 500, 512, 600, 1000, 1024, 5_000, 70_000] {
        let mut bytes = Tarball::new().file("a", b"a").finish();
        bytes.resize(bytes.len() + length, b'-');
        bytes.extend(line(1));
        let image = ImageBuilder::new("app:1").layer_bytes("COPY . / # buildkit", bytes).build();
        let scanned = Scanned::image(&image);
        assert_eq!(scanned.findings().len(), 1, "behind {length} bytes");
        scanned.assert_only([1]);
    }
}

#[test]
fn the_comment_of_a_gzip_header_is_searched() {
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("a", b"a")).build();
    let builder = flate2::GzBuilder::new().comment(format!("made with {}", key(1)));
    let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&image.layers[0]).expect("memory");
    let mut members = Members::default();
    let layer =
        members.blob("application/vnd.oci.image.layer.v1.tar+gzip", &encoder.finish().expect("memory"));
    let config = members.blob(OCI_CONFIG, &image.config);
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer] });
    let manifest = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    layout(&mut members, &[manifest]);
    let scanned = Scanned::archive(members.tar());
    scanned.assert_only([1]);
    scanned.assert_finding(
        1,
        json!({ "in_final_image": false, "introduced_by": { "layer": 0 },
            "locations": [{ "kind": "archive-comment", "layer": 0 }] }),
    );
}

/// Parts one after the other, and where the key of a number begins in them.
fn binary(parts: &[&[u8]], number: u64) -> (Vec<u8>, usize) {
    let bytes = parts.concat();
    let key = key(number);
    let at = memchr::memmem::find(&bytes, key.as_bytes()).expect("the key is in it");
    (bytes, at)
}

#[test]
fn keys_in_binaries_are_found_where_they_stand() {
    let noise: Vec<u8> = (0..20_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let key = |number: u64| key(number).into_bytes();
    // A read-only segment: strings between NULs.
    let elf =
        binary(&[b"\x7fELF\x02\x01\x01\0", &noise, b"\0%s: %s\0", &key(1), b"\0usage: %s\n\0", &noise], 1);
    // Constants of compiled Python: a type, a length, the string; another constant right behind it.
    let pyc = binary(
        &[b"\xcb\x0d\x0d\x0a\0\0\0\0", b"\xe3\0\0\0\0\0\0\0\0\xf3\x08\0\0\0)\x03Nz(", &key(2), b"z\x03abcN"],
        2,
    );
    let interned =
        binary(&[b"\xcb\x0d\x0d\x0a\0\0\0\0\xe3\0\0\0)\x02\xda(", &key(3), b"r\x01\0\0\0\xda\x04main"], 3);
    // UTF-16 knows no such thing, but a length in front of a string in Java's class files does.
    let class = binary(&[b"\xca\xfe\xba\xbe\0\0\0\x3d\0\x10\x01\0\x28", &key(4), b"\x01\0\x04Code"], 4);
    let files = [("elf", elf), ("main.pyc", pyc), ("interned.pyc", interned), ("Main.class", class)];
    let layer = files.iter().fold(Layer::new(), |layer, (path, (bytes, _))| layer.file(path, bytes));
    let scanned = Scanned::image(&image_of(layer));
    scanned.assert_only(1..=4);
    for (number, (path, (bytes, at))) in (1..).zip(&files) {
        let before = &bytes[..*at];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        scanned.assert_finding(
            number,
            json!({ "in_final_image": true,
                "locations": [{ "kind": "file", "path": path, "offset": at, "line": line }] }),
        );
    }
}

#[test]
fn a_checked_key_is_found_in_a_string_table_without_separators() {
    // Go's linker puts the strings of a program one behind the other, sorted by length.
    let noise: Vec<u8> = (0..2_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let table =
        [b"not a directoryinvalid argument".as_slice(), key(1).as_bytes(), b"reflect: call of "].concat();
    let binary = [b"\x7fELF\x02\x01\x01\0".as_slice(), &noise, &table, &noise].concat();
    Scanned::image(&image_of(Layer::new().file("usr/bin/tool", &binary))).assert_only([1]);
}
