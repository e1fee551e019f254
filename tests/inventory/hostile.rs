//! Whoever can write to the file can take rows away, and nothing more.

use std::fs;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::{Recorded, image, names};
use crate::scan::{fingerprint, key};
use crate::support::cli::Run;

/// An inventory of three images.
fn recorded() -> Recorded {
    let recorded = Recorded::new();
    for (name, own) in [("team/shop:1.2", Some(2)), ("team/shop:1.3", None), ("team/blog:1", None)] {
        recorded.scan_image(&image(name, Some(1), own), &[]).assert_status(1);
    }
    recorded
}

/// Runs SQL on the file with the tool that everybody has.
fn sql(recorded: &Recorded, statements: &str) -> String {
    let output = Command::new("sqlite3").arg(recorded.file()).arg(statements).output();
    let output = output.expect("sqlite3 runs; tests/run installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// A run that ends well or with a clear line, and not with a bug.
#[track_caller]
fn assert_calm(run: &Run) {
    assert!(matches!(run.status, Some(0 | 2)), "{:?}: {}", run.status, run.stderr);
    assert!(!run.stderr.contains("internal error"), "{}", run.stderr);
}

fn asked(recorded: &Recorded, number: u64) -> Run {
    recorded.keyseam(&["inventory", "where", "--format", "json", &fingerprint(&key(number))]).run()
}

#[test]
fn no_form_of_a_key_is_in_the_file() {
    let recorded = recorded();
    let report = recorded.scan_image(&image("team/other:1", Some(3), None), &[]);
    report.assert_status(1);
    let bytes = fs::read(recorded.file()).expect("a file");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for number in 1..4 {
        let key = key(number);
        let secret = &key.as_bytes()[4..];
        let reversed: Vec<u8> = key.bytes().rev().collect();
        let mut forms =
            vec![secret[..8].to_vec(), secret[secret.len() - 8..].to_vec(), reversed[..12].to_vec()];
        forms.push(hex(secret)[..16].into());
        forms.push(hex(secret)[..16].to_uppercase().into());
        for shift in 0..3 {
            // Whatever stands in front of it, one of three alignments is that of the encoding.
            forms.push(STANDARD.encode(&secret[shift..])[..12].into());
            forms.push(URL_SAFE.encode(&secret[shift..])[..12].into());
        }
        for form in forms {
            assert!(
                memchr::memmem::find(&bytes, &form).is_none(),
                "key {number}: {}",
                String::from_utf8_lossy(&form)
            );
        }
        assert!(memchr::memmem::find(&bytes, fingerprint(&key).as_bytes()).is_some());
    }
    // Not even what reports show of a key.
    let shown = report.findings()[0]["secret"].as_str().expect("a text").to_owned();
    assert!(memchr::memmem::find(&bytes, shown.as_bytes()).is_none());
}

#[test]
fn a_changed_byte_anywhere_takes_away_at_most() {
    let recorded = recorded();
    let whole = fs::read(recorded.file()).expect("a file");
    let truth = names(&asked(&recorded, 1).json()["keys"][0]);
    assert_eq!(truth.len(), 3);
    let used = (0..whole.len()).filter(|at| whole[*at] != 0);
    let places: Vec<usize> = used.collect();
    for at in places.iter().step_by(places.len() / 150).chain(&places[..40]) {
        let mut bytes = whole.clone();
        bytes[*at] ^= 0x15;
        fs::write(recorded.file(), bytes).expect("written");
        let run = asked(&recorded, 1);
        assert_calm(&run);
        if run.status == Some(0) {
            let answer = run.json();
            for key in answer["keys"].as_array().expect("keys") {
                assert!(names(key).iter().all(|name| truth.contains(name)), "byte {at}: {key:#}");
                assert_eq!(key["fingerprint"], fingerprint(&self::key(1)).as_str());
            }
        }
    }
}

#[test]
fn rows_that_were_changed_moved_or_made_up_do_not_count() {
    let one = fingerprint(&key(1));
    for statements in [
        "UPDATE tag SET repository = 'evil.example/x'",
        "UPDATE image SET digest = 'sha256:evil'",
        "UPDATE image SET mac = (SELECT mac FROM place)",
        "UPDATE holding SET mac = (SELECT mac FROM tag LIMIT 1)",
        "UPDATE holding SET mac = NULL",
        "UPDATE secret SET name = 'evil'",
        "UPDATE place SET locations = '[]'",
    ] {
        let recorded = recorded();
        sql(&recorded, statements);
        let run = asked(&recorded, 1);
        run.assert_status(0);
        assert!(!run.text().contains("evil"), "{statements}");
        let keys = run.json()["keys"].as_array().expect("keys").clone();
        let left: usize = keys.iter().map(|key| names(key).len()).sum();
        let places: usize = keys.iter().map(|key| key["places"].as_array().map_or(0, Vec::len)).sum();
        assert!(left == 0 || places == 0, "{statements}: {left} names");
        // A scan writes over them what is right.
        recorded.scan_image(&image("team/shop:1.2", Some(1), Some(2)), &[]).assert_status(1);
        assert!(names(&recorded.held(&one)).contains(&"docker.io/team/shop:1.2".to_owned()), "{statements}");
    }
}

#[test]
fn another_hashing_key_sees_nothing_and_disturbs_nothing() {
    let recorded = recorded();
    let other = recorded.path("other.key");
    recorded
        .keyseam(&["fingerprint-key", "init", "--fingerprint-key-file"])
        .arg(&other)
        .run()
        .assert_status(0);
    let as_other = |line: &[&str]| recorded.keyseam(line).arg("--fingerprint-key-file").arg(&other).run();
    assert!(as_other(&["inventory"]).text().starts_with("0 keys"));
    let note = as_other(&["inventory", "where", &fingerprint(&key(1))]);
    note.assert_status(0);
    assert!(
        note.stderr.contains("another hashing key") || note.stderr.contains("under the hashing key"),
        "{}",
        note.stderr
    );
    let path = recorded.path("team-shop-1.2.tar").display().to_string();
    as_other(&["scan", "-o", "json", &path]).assert_status(1);
    assert!(as_other(&["inventory"]).text().contains("2 keys"));
    assert_eq!(names(&recorded.held(&fingerprint(&key(1)))).len(), 3);
}

#[test]
fn what_is_no_inventory_is_named_and_the_scan_goes_on() {
    let leaky = image("team/shop:1.2", Some(1), None);
    let check = |prepare: &dyn Fn(&Recorded)| {
        let recorded = Recorded::new();
        recorded.scan_image(&leaky, &[]).assert_status(1);
        prepare(&recorded);
        let run = recorded.scan_image(&leaky, &[]);
        run.assert_status(1);
        assert_eq!(run.findings().len(), 1);
        let notes: Vec<&str> =
            run.stderr.lines().filter(|line| line.contains("not in the inventory")).collect();
        assert!(notes.len() == 1 && notes[0].contains("inventory.db"), "{}", run.stderr);
        let asked = asked(&recorded, 1);
        asked.assert_status(2);
        assert!(asked.stderr.contains("inventory.db"), "{}", asked.stderr);
        (recorded, asked.stderr)
    };
    let (recorded, said) =
        check(&|recorded| fs::write(recorded.file(), b"not a database at all").expect("written"));
    assert!(said.contains("keyseam inventory clear"), "{said}");
    recorded.keyseam(&["inventory", "clear"]).run().assert_status(0);
    let run = recorded.scan_image(&leaky, &["-q"]);
    assert_eq!(run.stderr, "");
    assert_eq!(names(&recorded.held(&fingerprint(&key(1)))).len(), 1);

    let (_, said) = check(&|recorded| drop(sql(recorded, "PRAGMA user_version = 9")));
    assert!(said.contains("version 9") && said.contains("keyseam inventory clear"), "{said}");
    check(&|recorded| {
        fs::remove_file(recorded.file()).expect("removed");
        sql(recorded, "CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')");
    });
    check(&|recorded| {
        drop(sql(recorded, "CREATE TRIGGER evil AFTER INSERT ON image BEGIN DELETE FROM image; END"));
    });
    check(&|recorded| drop(sql(recorded, "DROP INDEX tag_of_ref; CREATE VIEW v AS SELECT 1")));
    check(&|recorded| {
        let bytes = fs::read(recorded.file()).expect("a file");
        fs::write(recorded.file(), &bytes[..bytes.len() / 3]).expect("written");
    });
    check(&|recorded| {
        fs::remove_file(recorded.file()).expect("removed");
        fs::create_dir(recorded.file()).expect("a folder");
    });
    check(&|recorded| {
        let elsewhere = recorded.path("elsewhere.db");
        fs::rename(recorded.file(), &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, recorded.file()).expect("a link");
    });
    check(&|recorded| {
        fs::remove_file(recorded.file()).expect("removed");
        let made = Command::new("mkfifo").arg(recorded.file()).status().expect("mkfifo runs");
        assert!(made.success());
    });
}

#[test]
fn a_symlink_without_a_target_makes_no_file_elsewhere() {
    let recorded = Recorded::new();
    fs::create_dir(recorded.path("cache")).expect("a folder");
    let victim = recorded.path("victim");
    std::os::unix::fs::symlink(&victim, recorded.file()).expect("a link");
    let run = recorded.scan_image(&image("team/shop:1", Some(1), None), &[]);
    run.assert_status(1);
    assert!(run.stderr.contains("not in the inventory"), "{}", run.stderr);
    assert!(!victim.exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_a_note() {
    let recorded = Recorded::new();
    fs::write(recorded.path("cache"), b"a file in its place").expect("written");
    let run = recorded.scan_image(&image("team/shop:1", Some(1), None), &[]);
    run.assert_status(1);
    assert_eq!(run.findings().len(), 1);
    assert!(run.stderr.contains("not in the inventory"), "{}", run.stderr);
}
