//! Keys that stand encoded, as the tools that encode them write them: what is found, where it is said to
//! stand, and what clean content gives.

mod clean;
mod config;
mod files;
mod seams;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::scan::{assert_says, fingerprint};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};
use keyseam::detect::template::{Seed, expand};

/// What a template gives for a number.
fn made(template: &str, number: u64) -> String {
    expand(template, "", &mut Seed(number)).expect("a template")
}

/// What a shell script makes of `input`.
#[track_caller]
fn piped(script: &str, input: impl AsRef<[u8]>) -> Vec<u8> {
    let mut child = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut pipe = child.stdin.take().expect("a pipe");
    let input = input.as_ref().to_vec();
    let writer = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{script}");
    writer.join().expect("the writer").expect("the script reads its input");
    output.stdout
}

/// What a shell script makes of `input`, as text.
#[track_caller]
fn text_of(script: &str, input: impl AsRef<[u8]>) -> String {
    String::from_utf8(piped(script, input)).expect("text")
}

/// A file with a key and how the report must describe its place.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    key: String,
    decoded: &'static [&'static str],
    /// Where the first of the key's characters stands in the file, as bytes; the report must say the same.
    offset: usize,
}

impl Case {
    /// Of a file in which `encoded` holds the key's first character, and stands once.
    #[track_caller]
    fn new(
        name: &'static str,
        bytes: impl Into<Vec<u8>>,
        key: &str,
        decoded: &'static [&'static str],
        encoded: impl AsRef<[u8]>,
    ) -> Self {
        let bytes = bytes.into();
        let places: Vec<usize> = memchr::memmem::find_iter(&bytes, encoded.as_ref()).collect();
        assert_eq!(places.len(), 1, "{name}: the characters of the key");
        Self { name, bytes, key: key.to_owned(), decoded, offset: places[0] }
    }

    fn place(&self) -> Value {
        let before = &self.bytes[..self.offset];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = self.offset - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
        // Columns are told only so far from the last line break.
        let column = (column <= 16 * 1024).then_some(column);
        json!({
            "path": format!("app/{}", self.name), "decoded": self.decoded,
            "offset": self.offset, "line": line, "column": column,
        })
    }
}

/// The base64 characters that hold bytes of a text from `at` on, as far as they depend on nothing else.
fn base64_at(text: &str, at: usize) -> String {
    let encoded = text_of("base64 -w0", text);
    let start = at / 3 * 4 + at % 3;
    encoded[start..start + 12].to_owned()
}

fn scan(image: &Image) -> Run {
    Keyseam::scan(&["-"]).stdin(oci(&[image], Compression::Gzip).tar()).run()
}

/// Checks that an image of these files gives their keys, at their places, and nothing else.
#[track_caller]
fn assert_found(cases: &[Case]) {
    let layer =
        cases.iter().fold(Layer::new(), |layer, case| layer.file(&format!("app/{}", case.name), &case.bytes));
    let run = scan(&ImageBuilder::new("app:1").layer(layer).build());
    let findings = run.findings();
    for case in cases {
        let fingerprint = fingerprint(&case.key);
        let found: Vec<_> =
            findings.iter().filter(|one| one["fingerprint"] == fingerprint.as_str()).collect();
        assert_eq!(found.len(), 1, "{}: findings of its key", case.name);
        assert_says(&found[0]["locations"], &json!([case.place()]), case.name);
    }
    let seen = |one: &Value| format!("{} {}", one["detector"], one["locations"]);
    let all: Vec<String> = findings.iter().map(seen).collect();
    assert_eq!(all.len(), cases.len(), "{all:#?}");
    let report = run.text();
    assert!(cases.iter().all(|case| !report.contains(&case.key)), "a key is shown");
}

/// Checks that an image of this layer gives nothing.
#[track_caller]
fn assert_clean(layer: Layer) {
    let run = scan(&ImageBuilder::new("app:1").layer(layer).build());
    let seen = |one: &Value| format!("{} {}", one["detector"], list(&one["locations"])[0]);
    assert_eq!(run.findings().iter().map(seen).collect::<Vec<_>>(), Vec::<String>::new());
    run.assert_status(0);
}
