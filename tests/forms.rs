//! Files that have a form, as real tools write them: keystores, host keys, shadow files, hashes,
//! databases, compiled code; and beside each the file of the same kind that holds no secret.

mod compiled;
mod files;
mod keys;

use std::path::Path;
use std::process::Command;

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::template::{Seed, expand};
use keyseam::detect::{DetectorSet, Hit, Place, Scratch, Window};

/// Runs a command in a folder; it must succeed. What it printed.
#[track_caller]
fn run(folder: &Path, command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{command}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command} {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).expect("a file that the command made")
}

fn made(template: &str, number: u64) -> String {
    expand(template, "", &mut Seed(number)).expect("a template")
}

/// A token with a checksum.
fn token(number: u64) -> String {
    made("{{github:ghp_}}", number)
}

/// All detectors, made once.
struct Detectors {
    set: DetectorSet,
}

impl Detectors {
    fn new() -> Self {
        let catalogue = Catalogue::embedded().expect("the catalogue");
        Self { set: DetectorSet::new(&catalogue).expect("its detectors") }
    }

    fn hits(&self, path: &str, bytes: &[u8]) -> Vec<Hit> {
        let (owned, path) = (0..bytes.len(), path.as_bytes());
        let window = Window { bytes, owned, starts: true, ends: true, place: Place::File, path };
        let mut hits = Vec::new();
        self.set.scan(&window, &mut Scratch::default(), &mut hits);
        hits
    }

    /// `detector severity` of everything found in a file, each once.
    fn found(&self, path: &str, bytes: &[u8]) -> Vec<String> {
        let name = |hit: &Hit| format!("{} {}", self.set.definition(hit.detector).id, hit.severity.word());
        let mut found: Vec<String> = self.hits(path, bytes).iter().map(name).collect();
        found.sort();
        found.dedup();
        found
    }

    /// How often a key stands in a file, by its detector.
    fn count(&self, detector: &str, path: &str, bytes: &[u8]) -> usize {
        let is_it = |hit: &&Hit| self.set.definition(hit.detector).id == detector;
        self.hits(path, bytes).iter().filter(is_it).count()
    }
}
