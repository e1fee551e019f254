//! What README shows first, run as it stands there, and the examples that documents and scripts name.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::cli::hashing_key;
use crate::support::engine::{run, text};

/// README's first command. It is run without `--release`, whose build is not the tests'.
const FIRST: &str = "\ncargo run --release --example leaky_image | cargo run --release -- scan -\n";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn the_first_command_finds_the_keys_of_its_image() {
    assert!(read(&repository().join("README.md")).contains(FIRST));
    let mut example = Command::new(env!("CARGO"));
    example.current_dir(repository()).args(["run", "--quiet", "--locked", "--example", "leaky_image"]);
    let image = run(&mut example, None);
    assert!(image.status.success(), "{}", String::from_utf8_lossy(&image.stderr));
    let home = tempfile::tempdir().expect("a folder");
    let mut scan = Command::new(env!("CARGO_BIN_EXE_keyseam"));
    scan.args(["scan", "-"])
        .env_clear()
        .env("HOME", home.path())
        .env("KEYSEAM_FINGERPRINT_KEY", hashing_key());
    let scanned = run(&mut scan, Some(&image.stdout));
    assert_eq!(scanned.status.code(), Some(1), "{}", text(&scanned));
    assert!(text(&scanned).contains("\n4 keys "), "{}", text(&scanned));
}

#[test]
fn every_example_that_is_named_exists() {
    let scripts = fs::read_dir(repository().join("benches")).expect("a folder");
    let scripts = scripts.map(|entry| entry.expect("an entry").path());
    let scripts = scripts.filter(|file| file.extension().is_some_and(|ending| ending == "sh"));
    let mut named = 0;
    for file in scripts.chain([repository().join("README.md")]) {
        for name in read(&file).split("--example ").skip(1) {
            let name = name.split_whitespace().next().expect("a name");
            let example = repository().join("examples").join(format!("{name}.rs"));
            assert!(example.is_file(), "{} names the example {name}", file.display());
            named += 1;
        }
    }
    assert!(named >= 2, "{named}");
}
