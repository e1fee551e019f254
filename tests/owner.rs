//! Package ownership: files that real package managers installed, with keys in them, and what the report
//! says of their owners.

mod apk;
mod dpkg;
mod guesses;
mod hostile;
mod pip;
mod rpm;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scan::{DETECTOR, fingerprint, key, line};
use crate::support::cli::{Keyseam, list};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};

/// A text that a rule of the tests finds, and that is no key: for records that were made before the test.
const PLAIN: &str = "value = plain-0001\n";

/// A detector of [`PLAIN`]'s value.
const PLAIN_RULE: &str = r#"
service = "Tests"
category = "saas"

[[detector]]
id = "plain"
name = "Plain value"
kind = "token"
severity = "high"
confidence = "high"

[[detector.form]]
anchors = ["plain-"]
pattern = 'plain-[0-9]{4}'

[[detector.example]]
key = "plain-1234"
text = "value = {{key}}"

[[detector.example]]
key = "plain-5678"
text = "{{key}}"

[[detector.counter_example]]
text = "plain-123"
why = "too short"

[[detector.counter_example]]
text = "plain-12345"
why = "too long"
"#;

/// Runs a command that must succeed.
#[track_caller]
fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S], folder: &Path) -> Vec<u8> {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} ended with {}: {said}", output.status);
    output.stdout
}

/// Writes a file, and the folders above it.
fn write(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, content).expect("a file");
}

/// All files below `root`, in order, as paths from there.
fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            match entry.file_type().expect("a type") {
                kind if kind.is_dir() => waiting.push(entry.path()),
                kind if kind.is_file() => {
                    let path = entry.path().strip_prefix(root).expect("below the root").to_owned();
                    found.push(path.into_os_string().into_string().expect("UTF-8"));
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// A layer of all files below `root` that `wanted` lets through.
fn layer(root: &Path, wanted: impl Fn(&str) -> bool) -> Layer {
    let paths = files(root).into_iter().filter(|path| wanted(path));
    paths.fold(Layer::new(), |layer, path| {
        layer.file(&path, &std::fs::read(root.join(&path)).expect("a file"))
    })
}

fn image(layers: Vec<Layer>) -> Image {
    layers.into_iter().fold(ImageBuilder::new("app:1"), ImageBuilder::layer).build()
}

/// The result of an image, which must be complete.
#[track_caller]
fn scanned(image: &Image) -> Value {
    let result = Keyseam::scan(&["-"]).stdin(oci(&[image], Compression::Gzip).tar()).run().result();
    assert_eq!(result["complete"], true, "{:#}", result["errors"]);
    result
}

/// The result with [`PLAIN_RULE`] beside the catalogue.
#[track_caller]
fn scanned_plain(image: &Image) -> Value {
    let rules: TempDir = tempfile::tempdir().expect("a folder");
    write(rules.path(), "plain.toml", PLAIN_RULE.as_bytes());
    let archive = oci(&[image], Compression::Gzip).tar();
    let path = rules.path().join("plain.toml");
    Keyseam::scan(&["-"]).arg("--rules").arg(path).stdin(archive).run().result()
}

/// The owner of the finding of a key's number.
#[track_caller]
fn owner(result: &Value, number: u64) -> Value {
    let fingerprint = fingerprint(&key(number));
    let mut findings = list(&result["findings"]);
    findings.retain(|finding| finding["fingerprint"] == fingerprint.as_str());
    assert_eq!(findings.len(), 1, "findings of key {number}");
    assert_eq!(findings[0]["detector"], DETECTOR);
    assert_eq!(findings[0]["severity"], "critical", "a checksummed key keeps its severity");
    findings[0]["owner"].clone()
}

fn owned(manager: &str, package: &str, version: &str, verified: bool) -> Value {
    json!({ "manager": manager, "package": package, "version": version, "verified": verified })
}
