//! Archives inside archives: the whole way in, images in images, and every compression.

use serde_json::json;

use super::{Workshop, assert_place, at, config, opaque, scan};
use crate::scan::{key, line};
use crate::support::cli::Keyseam;
use crate::support::image::{Compression, ImageBuilder, Layer, docker_classic, oci};
use crate::support::tarball::{Header, Tarball};

#[test]
fn every_compression_alone_and_around_a_tar() {
    let lines = [
        ("gzip", "gzip -c app.ini", "tar czf - app.ini"),
        ("zstd", "zstd -c app.ini", "tar --zstd -cf - app.ini"),
        ("xz", "xz -c app.ini; xz -c app.ini | head -c 0", "tar cJf - app.ini"),
        ("bzip2", "bzip2 -c app.ini", "tar cjf - app.ini"),
        ("lzma", "xz --format=lzma -c app.ini", "tar --lzma -cf - app.ini"),
    ];
    let mut files = Vec::new();
    for (number, (name, alone, tar)) in (0_u64..).zip(lines) {
        let alone = Workshop::with(&[("app.ini", &config(number * 2 + 1))]).output(alone);
        let tar = Workshop::with(&[("app.ini", &config(number * 2 + 2))]).output(tar);
        files.push((format!("{name}/alone"), alone));
        files.push((format!("{name}/tar"), tar));
    }
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let result = scan(&files);
    for (number, (name, _, _)) in (0_u64..).zip(lines) {
        assert_place(&result, number * 2 + 1, &at(&format!("{name}/alone"), &[], &[name]));
        assert_place(&result, number * 2 + 2, &at(&format!("{name}/tar"), &["app.ini"], &[]));
    }
    assert_eq!(opaque(&result), json!({}));
}

#[test]
fn three_deep_and_ten_deep() {
    let workshop = Workshop::with(&[("conf/app.ini", &config(1)), ("deep.ini", &config(2))]);
    let ear = workshop.made(
        "jar cf0 lib.jar conf; mkdir WEB-INF; mv lib.jar WEB-INF; jar cf app.war WEB-INF; jar cf app.ear app.war; \
         tar czf app.tgz app.ear",
        "app.tgz",
    );
    let deep = workshop.output(
        "f=deep.ini; for i in 1 2 3 4 5 6 7 8 9 10; do gzip -n $f; mv $f.gz x$i; f=x$i; done; cat $f",
    );
    let result = scan(&[("app.tgz", &ear), ("deep.gz", &deep)]);
    let way = ["app.ear", "app.war", "WEB-INF/lib.jar", "conf/app.ini"];
    assert_place(&result, 1, &at("app.tgz", &way, &[]));
    assert_place(&result, 2, &at("deep.gz", &[], &["gzip"; 10]));
    assert_eq!(opaque(&result), json!({}));
}

#[test]
fn an_image_in_an_image() {
    let inner = ImageBuilder::new("inner:1").layer(Layer::new().file("etc/app.ini", &config(1))).build();
    let saved = docker_classic(&[&inner]);
    let layer = saved.list.iter().find(|(name, _)| name.ends_with("layer.tar")).expect("a layer").0.clone();
    let layout = oci(&[&inner], Compression::Zstd);
    let blob = layout
        .list
        .iter()
        .map(|(name, _)| name)
        .find(|name| layout.get(name).is_some_and(|bytes| bytes.starts_with(b"\x28\xb5\x2f\xfd")))
        .expect("a layer");
    let result = scan(&[("images/saved.tar", &saved.tar()), (blob, layout.get(blob).expect("a layer"))]);
    let places = super::places(&result, 1);
    assert_eq!(places.len(), 2, "{places:#?}");
    let place = |path: &str| places.iter().find(|place| place["path"] == path).cloned().expect("a place");
    let saved = at("images/saved.tar", &[&layer, "etc/app.ini"], &[]);
    crate::scan::assert_says(&place("images/saved.tar"), &saved, "docker save");
    crate::scan::assert_says(&place(blob), &at(blob, &["etc/app.ini"], &[]), "a layout in a folder");
}

#[test]
fn links_records_and_attributes_of_a_tar_in_a_tar() {
    let mut tar = Tarball::new();
    tar.symlink("etc/link", &format!("https://x:{}@example.com/", key(1)));
    let records = vec![(b"SCHILY.xattr.user.note".to_vec(), line(2)), (b"comment".to_vec(), line(3))];
    tar.entry(&Header { pax: records, size: 1, ..Header::new(b"etc/file", b'0') }, b"x");
    let result = scan(&[("in.tar", &tar.finish())]);
    let place = |kind: &str, member: &str| json!({ "kind": kind, "path": "in.tar", "inner": [member] });
    assert_place(&result, 1, &place("symlink", "etc/link"));
    assert_place(&result, 2, &place("xattr", "etc/file"));
    assert_place(&result, 3, &place("pax", "etc/file"));
}

#[test]
fn keys_wherever_windows_end_inside_of_members() {
    // Two megabytes of lines, each with a number, and a key every 40,009 bytes.
    let mut text = Vec::new();
    let mut numbers = Vec::new();
    while text.len() < 2_000_000 {
        text.extend_from_slice(format!("line {} of some text\n", text.len()).as_bytes());
        if text.len() / 40_009 > numbers.len() {
            numbers.push((text.iter().filter(|byte| **byte == b'\n').count() + 1, text.len() + 8));
            text.extend_from_slice(&line(numbers.len() as u64));
        }
    }
    let workshop = Workshop::with(&[("big.txt", &text)]);
    let zip = workshop.made("zip -q o.zip big.txt; tar czf o.tgz o.zip", "o.tgz");
    let result = scan(&[("o.tgz", &zip)]);
    for (number, (line, offset)) in (1..).zip(&numbers) {
        let place = json!({ "inner": ["o.zip", "big.txt"], "line": line, "offset": offset, "column": 9 });
        assert_place(&result, number, &place);
    }
    assert!(numbers.len() > 40);
}

#[test]
fn closed_formats_are_named_and_searched_as_they_lie() {
    let workshop = Workshop::with(&[("app.ini", &config(1))]);
    let seven = workshop.made("7z a -mx=0 o.7z app.ini", "o.7z");
    let result = scan(&[("o.7z", &seven)]);
    assert_eq!(opaque(&result), json!({ "7z": 1 }));
    assert_place(&result, 1, &json!({ "kind": "file", "path": "o.7z", "inner": [] }));
}

#[test]
fn a_file_with_holes_is_said_once_however_many_there_are() {
    let pax = [("size", "9216"), ("map", "0,512,2048,512,4096,512,8192,512"), ("numblocks", "4")];
    let pax = pax.map(|(name, value)| (format!("GNU.sparse.{name}").into_bytes(), value.as_bytes().to_vec()));
    let body = [config(1), vec![b'.'; 2048]].concat()[..2048].to_vec();
    let header = Header { size: 2048, pax: pax.to_vec(), ..Header::new(b"image.raw", b'0') };
    let image = ImageBuilder::new("app:1").layer(Layer::new().entry(&header, &body)).build();
    let run = Keyseam::scan(&["-"]).stdin(oci(&[&image], Compression::None).tar()).run();
    assert_eq!(opaque(&run.result()), json!({ "sparse": 1 }));
}
