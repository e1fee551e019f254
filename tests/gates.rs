//! What lets an image pass that holds keys: baselines of known ones.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tempfile::TempDir;

use crate::scan::{fingerprint, key, line};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

fn image(files: &[(&str, u64)]) -> Vec<u8> {
    let layer = files.iter().fold(Layer::new(), |layer, (path, number)| layer.file(path, &line(*number)));
    oci(&[&ImageBuilder::new("app:1").layer(layer).build()], Compression::Gzip).tar()
}

/// A folder with a baseline in it.
struct Known {
    folder: TempDir,
}

impl Known {
    /// One that was written from an image.
    fn of(archive: Vec<u8>) -> Self {
        let known = Self { folder: tempfile::tempdir().expect("a folder") };
        known.scan(archive, &["--write-baseline", &known.text_path()]).assert_status(1);
        known
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("known.json")
    }

    fn text_path(&self) -> String {
        self.path().display().to_string()
    }

    fn read(&self) -> Value {
        let bytes = std::fs::read(self.path()).expect("the baseline is there");
        serde_json::from_slice(&bytes).expect("it is JSON")
    }

    fn fingerprints(&self) -> Vec<String> {
        let findings = list(&self.read()["findings"]);
        findings.iter().map(|known| known["fingerprint"].as_str().expect("one").to_owned()).collect()
    }

    /// Changes the first finding of the file by hand.
    fn set(&self, member: &str, value: &str) {
        let mut file = self.read();
        file["findings"][0][member] = value.into();
        std::fs::write(self.path(), file.to_string()).expect("written");
    }

    fn scan(&self, archive: Vec<u8>, options: &[&str]) -> Run {
        Keyseam::scan(options).arg("-").stdin(archive).run()
    }

    fn against(&self, archive: Vec<u8>) -> Run {
        self.scan(archive, &["--baseline", &self.text_path()])
    }
}

fn found(run: &Run) -> Vec<String> {
    let findings = run.findings();
    findings.iter().map(|finding| finding["fingerprint"].as_str().expect("one").to_owned()).collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[test]
fn a_known_key_is_counted_and_a_new_one_fails() {
    let known = Known::of(image(&[("app/.env", 1)]));
    let run = known.against(image(&[("app/.env", 1)]));
    run.assert_status(0);
    assert_eq!(run.json()["summary"]["suppressed"], 1);
    let by = run.result()["suppressed"][0]["by"].as_str().expect("a reason").to_owned();
    assert!(by.starts_with(&format!("{}: known since 2", known.text_path())), "{by}");

    // Elsewhere it is the same key; beside a new one it stays known.
    let run = known.against(image(&[("srv/other", 1), ("srv/new", 2)]));
    run.assert_status(1);
    assert_eq!(found(&run), [fingerprint(&key(2))]);
    assert_eq!(run.json()["summary"]["suppressed"], 1);

    let table =
        Keyseam::new(&["scan", "-", "--baseline", &known.text_path()]).stdin(image(&[("a", 1)])).run();
    assert!(table.assert_status(0).text().contains("known since"), "the table says why it passes");
}

#[test]
fn a_baseline_holds_no_key_and_is_private() {
    let known = Known::of(image(&[("app/.env", 1), ("app/b", 2)]));
    let text = std::fs::read_to_string(known.path()).expect("read");
    for number in [1, 2] {
        assert!(!text.contains(&key(number)));
    }
    assert_eq!(sorted(known.fingerprints()), sorted(vec![fingerprint(&key(1)), fingerprint(&key(2))]));
    let mode = std::fs::metadata(known.path()).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(text.contains("app/.env"), "it says where, for people");
}

#[test]
fn renewing_keeps_what_was_said_of_a_key_and_drops_what_is_gone() {
    let known = Known::of(image(&[("app/.env", 1), ("app/b", 2)]));
    let path = known.text_path();
    let first = known.fingerprints()[0].clone();
    known.set("reason", "the vendor is asked");
    let kept = if first == fingerprint(&key(1)) { 1 } else { 2 };
    let run = known.scan(image(&[("c", kept), ("d", 3)]), &["--baseline", &path, "--write-baseline", &path]);
    run.assert_status(1);
    assert_eq!(sorted(known.fingerprints()), sorted(vec![first.clone(), fingerprint(&key(3))]));
    let of_first = list(&known.read()["findings"]).into_iter().find(|known| known["fingerprint"] == *first);
    assert_eq!(of_first.expect("kept")["reason"], "the vendor is asked");
    let by = known.against(image(&[("c", kept)])).result()["suppressed"][0]["by"].to_string();
    assert!(by.contains("# the vendor is asked"), "{by}");
}

#[test]
fn a_key_counts_again_after_its_last_day() {
    let known = Known::of(image(&[("app/.env", 1)]));
    known.set("until", "2999-12-31");
    known.against(image(&[("app/.env", 1)])).assert_status(0);
    known.set("until", "2020-01-31");
    let run = known.against(image(&[("app/.env", 1)]));
    run.assert_status(1);
    assert!(run.stderr.contains("1 key is past its last day"), "{}", run.stderr);
}

#[test]
fn what_is_no_baseline_of_this_hashing_key_ends_the_run() {
    let known = Known::of(image(&[("app/.env", 1)]));
    let foreign = Keyseam::scan(&["--baseline", &known.text_path(), "-"])
        .env("KEYSEAM_FINGERPRINT_KEY", URL_SAFE_NO_PAD.encode([0x5b; 32]))
        .stdin(image(&[("app/.env", 1)]))
        .run();
    foreign.assert_status(2);
    assert!(
        foreign.stderr.contains("--fingerprint-key-file") && foreign.stdout.is_empty(),
        "{}",
        foreign.stderr
    );

    let hidden = key(7);
    std::fs::write(known.path(), format!("{{\"TOKEN\": \"{hidden}\"}}")).expect("written");
    let other = known.against(image(&[]));
    other.assert_status(2);
    assert!(
        other.stderr.contains("known.json: line 1") && !other.stderr.contains(&hidden),
        "{}",
        other.stderr
    );

    std::fs::remove_file(known.path()).expect("removed");
    let missing = known.against(image(&[]));
    missing.assert_status(2);
    assert!(missing.stderr.contains("--write-baseline makes one"), "{}", missing.stderr);
}

#[test]
fn a_baseline_that_cannot_be_written_is_told_before_the_scan() {
    let folder = tempfile::tempdir().expect("a folder");
    let inside = |name: &str| folder.path().join(name).display().to_string();
    let status = |options: &[&str]| {
        let run = Keyseam::scan(options).arg("-").stdin(image(&[("a", 1)])).run();
        assert!(run.stdout.is_empty(), "nothing was scanned");
        run.assert_status(2).stderr.clone()
    };
    assert!(status(&["--write-baseline", &inside("no/known.json")]).contains("no folder"));
    let report = format!("csv={}", inside("same"));
    assert!(status(&["-o", &report, "--write-baseline", &inside("same")]).contains("two reports"));
    assert!(!Path::new(&inside("same")).exists());
    let diff = Keyseam::new(&["diff", "--write-baseline", &inside("b"), "a.tar", "b.tar"]).run();
    assert!(diff.assert_status(2).stderr.contains("OLD"), "{}", diff.stderr);
}
