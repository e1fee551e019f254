//! No key leaves the program: one of every definition stands wherever an image, a command line or a file
//! of rules can hold it, and no output has eight bytes of it in a row.

mod pieces;
mod plant;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pieces::Pieces;
use plant::Samples;

use crate::support::cli::hashing_key;
use crate::support::image::{Compression, oci};

/// A run of the program in a folder of its own: every file below it counts as output, but for those
/// that were there before.
struct Run {
    folder: tempfile::TempDir,
    before: HashSet<PathBuf>,
}

impl Run {
    /// A folder with these files in it.
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, bytes).expect("written");
        }
        std::fs::create_dir_all(folder.path().join("tmp")).expect("a folder");
        let before = files_below(folder.path());
        Self { folder, before }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyseam"));
        let home = self.folder.path();
        command.args(arguments).current_dir(home).env_clear().stdin(Stdio::null());
        command
            .env("HOME", home)
            .env("TMPDIR", home.join("tmp"))
            .env("KEYSEAM_FINGERPRINT_KEY", hashing_key());
        command.env("LANG", "C.UTF-8");
        command
    }

    /// Everything that the program wrote: to its streams and to files, by name; and its status.
    fn outputs(&self, mut command: Command) -> (Option<i32>, BTreeMap<String, Vec<u8>>) {
        let output = command.output().expect("the program runs");
        let mut all = BTreeMap::from([
            ("standard output".to_owned(), output.stdout),
            ("standard error".to_owned(), output.stderr),
        ]);
        for path in files_below(self.folder.path()).difference(&self.before) {
            let bytes = std::fs::read(path).expect("read");
            all.insert(path.file_name().expect("a name").to_string_lossy().into_owned(), bytes);
        }
        (output.status.code(), all)
    }

    /// Runs it and asserts that nothing of what was planted came out.
    #[track_caller]
    fn assert_silent(
        &self,
        what: &str,
        command: Command,
        pieces: &Pieces,
    ) -> (Option<i32>, BTreeMap<String, Vec<u8>>) {
        let (status, outputs) = self.outputs(command);
        let leaks: Vec<String> = outputs
            .iter()
            .flat_map(|(name, bytes)| pieces.found_in(&format!("{what}: {name}"), bytes))
            .collect();
        assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
        (status, outputs)
    }
}

fn files_below(folder: &Path) -> HashSet<PathBuf> {
    let mut files = HashSet::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path))
        } else {
            files.insert(path);
        }
    }
    files
}

/// All formats at once, as loud as it gets.
const ALL_FORMATS: [&str; 12] = [
    "scan",
    "-v",
    "--min-confidence=low",
    "--fail-on=low",
    "-o",
    "json",
    "-o",
    "table=report.txt",
    "-o",
    "jsonl=report.jsonl",
    "-o",
    "csv=report.csv",
];

fn scan<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut line = ALL_FORMATS.to_vec();
    line.extend(more);
    line
}

fn json(outputs: &BTreeMap<String, Vec<u8>>) -> serde_json::Value {
    serde_json::from_slice(&outputs["standard output"]).expect("a JSON report")
}

/// The detectors that the report's findings name.
fn detectors_found(report: &serde_json::Value) -> HashSet<String> {
    let findings = report["results"][0]["findings"].as_array().expect("findings");
    let ids = findings.iter().flat_map(|finding| {
        let also = finding["also"].as_array().expect("also").iter();
        also.chain([&finding["detector"]]).map(|id| id.as_str().expect("an id").to_owned())
    });
    ids.collect()
}

#[test]
fn one_key_of_every_definition_in_every_place() {
    let samples = Samples::new(plant::SEED);
    let image = samples.everywhere();
    let archive = oci(&[&image], Compression::Gzip).tar();
    let run = Run::with(&[("app.tar", &archive)]);
    let pieces = Pieces::of(&samples.planted());
    let (status, outputs) = run.assert_silent("whole", run.command(&scan(&["app.tar"])), &pieces);
    assert_eq!(status, Some(1));
    assert_eq!(outputs.len(), 5, "two streams and three files");
    let found = detectors_found(&json(&outputs));
    let missing: Vec<&str> = samples.detectors().filter(|id| !found.contains(*id)).collect();
    assert!(missing.is_empty(), "not found, so nothing is proven of them: {missing:?}");
}

#[test]
fn what_is_not_selected_is_redacted_too() {
    let samples = Samples::new(plant::SEED + 1);
    let archive = oci(&[&samples.everywhere()], Compression::Zstd).tar();
    let run = Run::with(&[("app.tar", &archive)]);
    let pieces = Pieces::of(&samples.planted());
    for choice in [["--only", "github"], ["--skip", "crypto-keys"], ["--only", "private-key"]] {
        run.assert_silent(&choice.join(" "), run.command(&scan(&[choice[0], choice[1], "app.tar"])), &pieces);
    }
}
