//! Names that act on a terminal, and keys in what is said of damage.

use keyseam::image::digest::Digest;
use serde_json::json;

use super::{key, small, with_layer};
use crate::support::cli::{FORMATS, Keyseam};
use crate::support::image::{Compression, ImageBuilder, Layer, Members, docker_classic, oci};
use crate::support::tarball::{Header, Tarball};

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

/// What a terminal would act on: an escape sequence, a title, a carriage return, a bidirectional
/// override, a C1 control, a zero-width space, a line separator, a line of its own.
const ACTIVE: &str =
    "x\u{1b}[2J\u{1b}]0;title\u{7}\r\u{202e}gpj\u{9b}1m\u{200b}\u{2028}\nkeyseam: all is well\u{8}\u{7f}";

fn run(bytes: Vec<u8>, arguments: &[&str]) -> crate::support::cli::Run {
    let mut line = vec!["scan", "-"];
    line.extend(arguments);
    Keyseam::new(&line).stdin(bytes).run()
}

#[track_caller]
fn assert_quiet(text: &str) {
    let active = |c: &char| keyseam::report::sanitize::is_hidden_or_active(*c) && *c != '\n';
    assert_eq!(text.chars().find(active), None, "{text:?}");
    assert!(text.lines().all(|line| !line.starts_with("keyseam: all is well")), "{text:?}");
}

#[test]
fn names_are_neutralised_wherever_they_are_shown() {
    let long = format!("{ACTIVE}{}", "y".repeat(200));
    let line = format!("TOKEN={}\n", key(1));
    let mut tar = Tarball::new();
    tar.file(ACTIVE, line.as_bytes())
        .symlink("link", &format!("{ACTIVE}/{}", key(2)))
        .entry(&Header { size: 512, ..Header::new(long.as_bytes(), b'5') }, b"")
        .entry(&Header { size: 1 << 30, ..Header::new(format!("cut{ACTIVE}").as_bytes(), b'0') }, b"text");
    let image = ImageBuilder::new(&format!("app{ACTIVE}:1"))
        .layer_bytes(&format!("RUN {ACTIVE}"), tar.finish())
        .env(ACTIVE, &key(3))
        .env("TOKEN", &format!("{ACTIVE}{}", key(4)))
        .label(ACTIVE, &key(5))
        .field("author", json!(format!("{ACTIVE} {}", key(6))))
        .annotation(ACTIVE, &key(7))
        .build();
    for bytes in [docker_classic(&[&image]).tar(), oci(&[&image], Compression::Gzip).tar()] {
        for format in FORMATS {
            let run = run(bytes.clone(), &["-o", format, "--fail-on", "low"]);
            assert_eq!(run.status, Some(1), "{format}: {}", run.stderr);
            assert_quiet(&run.stderr);
            let text = run.text().replace("\r\n", "\n");
            if !["json", "jsonl", "sarif", "gitlab", "gitlab-secret", "intoto"].contains(&format) {
                assert_quiet(&text);
            }
            for number in 1..8 {
                assert!(!text.contains(&key(number)[4..]), "{format}: a key stands in clear");
                assert!(!run.stderr.contains(&key(number)[4..]), "{format}: a key stands in clear");
            }
        }
    }
}

#[test]
fn names_in_what_is_said_of_damage_are_neutralised_and_redacted() {
    let secret = key(9);
    let name = format!("{ACTIVE}/{secret}");
    // A path in a damaged layer, a member, a layer's path, a config's path, a media type, a JSON key.
    let mut cut = Tarball::new();
    cut.entry(&Header { size: 1 << 30, ..Header::new(name.as_bytes(), b'0') }, b"text");
    let tar = cut.unfinished();
    let mut images = vec![with_layer(TAR, &tar, &Digest::sha256_of(&tar).to_string())];
    for field in ["Config", "Layers"] {
        let mut members = docker_classic(&[&small()]);
        let mut list = members.json("manifest.json");
        list[0][field] = if field == "Config" { json!(name) } else { json!([name, name]) };
        members.replace("manifest.json", list.to_string());
        images.push(members);
    }
    images.push(super::with_manifest(Compression::None, |manifest| manifest["mediaType"] = json!(name)));
    images.push(super::with_manifest(Compression::None, |manifest| {
        manifest["layers"][0]["mediaType"] = json!(format!("{name}+encrypted"));
    }));
    images.push(super::with_manifest(Compression::None, |manifest| {
        manifest["layers"][0]["digest"] = json!(name);
    }));
    images.push(super::with_manifest(Compression::None, |manifest| {
        manifest["layers"][0]["size"] = json!(name)
    }));
    let mut twice = docker_classic(&[&small()]);
    twice.list.push((name.clone(), crate::support::image::Member::File(b"a".to_vec())));
    twice.list.push((name.clone(), crate::support::image::Member::Symlink(name.clone())));
    let mut list = twice.json("manifest.json");
    list[0]["Layers"][0] = json!(name);
    twice.replace("manifest.json", list.to_string());
    images.push(twice);
    let mut top = Members::default();
    top.file("index.json", json!({ "manifests": name }).to_string().into_bytes());
    images.push(top);
    for (number, members) in images.iter().enumerate() {
        for format in ["table", "json", "csv", "html"] {
            let run = run(members.tar(), &["-o", format]);
            assert!(matches!(run.status, Some(1..=3)), "{number} {format}: {:?}", run.status);
            let text = run.text().replace("\r\n", "\n");
            assert_quiet(&run.stderr);
            if format != "json" {
                assert_quiet(&text);
            }
            assert!(!text.contains(&secret[4..]), "{number} {format}: a key stands in clear");
            assert!(!run.stderr.contains(&secret[4..]), "{number} {format}: a key stands in clear");
        }
    }
    // Where the whole source fails, the target and the reference are said.
    let line = ["scan", &format!("docker-archive:/no such/{name}")];
    let run = Keyseam::new(&line).run();
    run.assert_status(2);
    assert_quiet(&run.stderr);
    assert!(!run.stderr.contains(&secret[4..]) && !run.text().contains(&secret[4..]));
    let whole = Layer::new().file("a", b"text");
    let image = ImageBuilder::new(&format!("app/{secret}:1")).layer(whole).build();
    let run =
        Keyseam::new(&["scan", "-", "--platform", "plan9/mips"]).stdin(docker_classic(&[&image]).tar()).run();
    run.assert_status(2);
    assert!(!run.stderr.contains(&secret[4..]) && !run.text().contains(&secret[4..]));
}
