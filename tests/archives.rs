//! Archives inside layers, made by the tools that make them everywhere: what is in them is found with the
//! whole way in, what cannot be opened is said, and bombs stay small.

mod bombs;
mod nests;
mod texts;
mod zips;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::scan::{assert_says, fingerprint, key};
use crate::support::cli::{Keyseam, list};
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

/// A file with the key of a number in its 201st line.
fn config(number: u64) -> Vec<u8> {
    let mut text = String::new();
    for line in 0..200 {
        text.push_str(&format!("setting.{line} = value of {}\n", line * 7919 % 1009));
    }
    text.push_str(&format!("token = {}\n", key(number)));
    text.push_str(&"# and more\n".repeat(40));
    text.into_bytes()
}

/// What the report says of an image with these files in its only layer.
#[track_caller]
fn scan(files: &[(&str, &[u8])]) -> Value {
    let layer = files.iter().fold(Layer::new(), |layer, (path, bytes)| layer.file(path, bytes));
    let image = ImageBuilder::new("app:1").layer(layer).build();
    let run = Keyseam::scan(&["-"]).stdin(oci(&[&image], Compression::None).tar()).run();
    let result = run.result();
    assert_eq!(result["complete"], true, "errors: {:#}", result["errors"]);
    result
}

/// All places of the key of a number.
fn places(result: &Value, number: u64) -> Vec<Value> {
    let fingerprint = fingerprint(&key(number));
    let findings = list(&result["findings"]).into_iter();
    let of_key = findings.filter(|finding| finding["fingerprint"] == fingerprint.as_str());
    of_key.flat_map(|finding| list(&finding["locations"])).collect()
}

/// Checks that the key of a number stands in one place, and that the report says this of it.
#[track_caller]
fn assert_place(result: &Value, number: u64, expected: &Value) {
    let places = places(result, number);
    assert_eq!(places.len(), 1, "places of key {number}: {places:#?}");
    assert_says(&places[0], expected, &format!("key {number}"));
}

/// The place of a key in line 201 of a member.
fn at(path: &str, inner: &[&str], decoded: &[&str]) -> Value {
    json!({ "kind": "file", "path": path, "inner": inner, "decoded": decoded, "line": 201, "column": 9 })
}

fn opaque(result: &Value) -> Value {
    result["opaque"]["by_reason"].clone()
}

/// A folder with files, and what a command that runs there writes to its standard output.
struct Workshop(tempfile::TempDir);

impl Workshop {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, bytes).expect("written");
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs a line of shell.
    #[track_caller]
    fn output(&self, line: &str) -> Vec<u8> {
        let mut command = Command::new("sh");
        command.args(["-euc", line]).current_dir(self.path()).stdin(Stdio::null());
        let output = command.output().expect("sh runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {errors}");
        output.stdout
    }

    /// Runs a program of Python.
    #[track_caller]
    fn python(&self, program: &str) -> Vec<u8> {
        std::fs::write(self.path().join("program.py"), program).expect("written");
        self.output("python3 program.py")
    }

    /// Runs a line of shell that makes the file.
    #[track_caller]
    fn made(&self, line: &str, file: &str) -> Vec<u8> {
        self.output(line);
        std::fs::read(self.path().join(file)).expect("the file that was made")
    }
}
