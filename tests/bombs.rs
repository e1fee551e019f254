//! Files that are made to be too much for whoever opens them. Each is told in `opaque` or in `errors`,
//! in little memory and before a generous bound, and hides nothing: a key in the file behind it is found.

mod headers;
mod many;
mod nested;
mod zips;

use std::io::Write;
use std::process::Command;

use serde_json::Value;

use crate::memory::{end, fill, gzip_layout};
use crate::scan::{fingerprint, key};
use crate::support::cli::{hashing_key, list};
use crate::support::tarball::{Header, block};

/// The most that a scan may take, in KiB: two workers, each with an archive that is held whole and a
/// decoder of the largest window, and what any scan takes.
const MOST: u64 = 448 * 1024;

/// Seconds after which a scan hangs, in a build without optimisation on a machine that has more to do.
const BOUND: &str = "120";

/// The key of the file behind the bomb.
const BEHIND: u64 = 0x00be_41fd;

/// The key inside the bomb.
const CORE: u64 = 0x00c0_4e00;

/// A line with the key that is inside the bomb.
fn core() -> Vec<u8> {
    format!("token = {}\n", key(CORE)).into_bytes()
}

/// What a scan made of an image with one bomb.
struct Defused {
    path: String,
    result: Value,
}

/// Scans an image with these bytes as a file, and another file behind it.
#[track_caller]
fn defuse(path: &str, bytes: &[u8]) -> Defused {
    defuse_stream(path, bytes.len() as u64, |out| out.write_all(bytes).expect("room"))
}

/// The same of bytes that are written as they are made.
#[track_caller]
fn defuse_stream(path: &str, size: u64, write: impl FnOnce(&mut dyn Write)) -> Defused {
    let folder = tempfile::tempdir().expect("a folder");
    gzip_layout(folder.path(), |out| {
        out.write_all(&block(&Header { size, ..Header::new(path.as_bytes(), b'0') })).expect("room");
        write(out);
        fill(out, size);
        let behind = format!("token = {}\n", key(BEHIND));
        let header = Header { size: behind.len() as u64, ..Header::new(b"z/behind", b'0') };
        out.write_all(&block(&header)).expect("room");
        out.write_all(behind.as_bytes()).expect("room");
        fill(out, behind.len() as u64);
        end(out);
    });
    let peak = folder.path().join("peak");
    let output = Command::new("/usr/bin/time")
        .args(["-f", "%M", "-o"])
        .arg(&peak)
        .args(["timeout", BOUND, env!("CARGO_BIN_EXE_keyseam"), "scan", "-o", "json"])
        .arg(format!("oci:{}", folder.path().display()))
        .env_clear()
        .env("HOME", folder.path())
        .env("KEYSEAM_FINGERPRINT_KEY", hashing_key())
        .output()
        .expect("GNU time runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(124), "{path}: it hangs");
    assert_eq!(output.status.code(), Some(1), "{path}: {said}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a JSON report");
    let peak = std::fs::read_to_string(peak).expect("GNU time's word");
    let peak: u64 = peak.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number");
    assert!(peak < MOST, "{path}: {peak} KiB at its peak");
    let defused = Defused { path: path.to_owned(), result: report["results"][0].clone() };
    let behind = defused.places(BEHIND);
    assert!(behind.iter().any(|place| place["path"] == "z/behind"), "{path}: the key behind it is lost");
    defused
}

impl Defused {
    /// Where the key of a number was found.
    fn places(&self, number: u64) -> Vec<Value> {
        let fingerprint = fingerprint(&key(number));
        let findings = list(&self.result["findings"]);
        let of_it = findings.iter().filter(|finding| finding["fingerprint"] == fingerprint.as_str());
        of_it.flat_map(|finding| list(&finding["locations"])).collect()
    }

    /// Whether the report names it as one that could not be opened, or says that the scan is not whole: of
    /// this image, nothing else is to blame.
    fn is_told(&self) -> bool {
        let names_it = |path: &Value| path.as_str().is_some_and(|path| path.starts_with(&self.path));
        let in_opaque = list(&self.result["opaque"]["paths"]).iter().any(names_it);
        in_opaque || !list(&self.result["errors"]).is_empty()
    }

    /// Fails unless it is told.
    #[track_caller]
    fn assert_told(&self) -> &Self {
        let Value::Object(result) = &self.result else { panic!("no result") };
        assert!(self.is_told(), "{}: not told: {} {}", self.path, result["opaque"], result["errors"]);
        self
    }

    /// Fails unless the key inside was found, or it is told.
    #[track_caller]
    fn assert_found_or_told(&self) {
        if self.places(CORE).is_empty() {
            self.assert_told();
        }
    }

    /// Fails if anything but the two keys was found.
    #[track_caller]
    fn assert_nothing_else(&self) {
        let known = self.places(CORE).len() + self.places(BEHIND).len();
        let all: usize =
            list(&self.result["findings"]).iter().map(|finding| list(&finding["locations"]).len()).sum();
        assert_eq!(all, known, "{}", self.path);
    }
}
