//! Real files with bytes changed by chance, from a seed: nothing panics, nothing hangs, and no more comes
//! out of a file than its like may give.

use std::time::{Duration, Instant};

use keyseam::content::Fault;

use super::{Contents, cpio, deb, git, rpm, sqlite};
use crate::support::stack::Random;

/// Changes of each file.
const CASES: u64 = 400;

/// Numbers at which arithmetic turns over.
const BYTES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'0', b'9', b'f'];

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.next() % bound.max(1) as u64).unwrap_or(0)
}

/// Bytes set, swapped, cut out, doubled and cut off.
fn mutated(file: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    random.next();
    let mut bytes = file.to_vec();
    for _ in 0..=below(&mut random, 6) {
        // Structures stand in front more often than not; what recognises the file stays.
        let reach = if below(&mut random, 2) == 0 { bytes.len() } else { bytes.len().min(4096) };
        let at = 16 + below(&mut random, reach.saturating_sub(16));
        let length = below(&mut random, 8) + 1;
        let end = (at + length).min(bytes.len());
        match below(&mut random, 6) {
            0..=2 => {
                let value = BYTES[below(&mut random, BYTES.len())];
                if let Some(range) = bytes.get_mut(at.min(end)..end) {
                    range.fill(value);
                }
            }
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
            4 => drop(bytes.drain(at.min(end)..end)),
            _ => bytes.truncate(at.max(600).min(bytes.len())),
        }
    }
    bytes
}

#[track_caller]
fn survives(what: &str, file: &[u8]) {
    let start = Instant::now();
    for seed in 0..CASES {
        let bytes = mutated(file, seed);
        let head = bytes.get(..keyseam::limits::CONTENT_HEAD).unwrap_or(&bytes);
        if keyseam::content::recognise(head, b"").is_none() {
            continue;
        }
        let contents = Contents::sliced(&bytes, 64 * 1024);
        let other = Contents::sliced(&bytes, 61);
        // What a decoder has given when it meets a fault depends on how much it was given at once.
        let is_same = contents == other
            || (contents.fault, other.fault) == (Some(Fault::CORRUPT), Some(Fault::CORRUPT));
        assert!(is_same, "{what} {seed}: it depends on the slices");
        assert!(contents.given <= 100 * bytes.len() + (1 << 20), "{what} {seed}: {} bytes", contents.given);
    }
    assert!(start.elapsed() < Duration::from_secs(120), "{what} took {:?}", start.elapsed());
}

#[test]
fn debs() {
    let folder = tempfile::tempdir().expect("a folder");
    survives("deb", &deb::package(folder.path(), "xz"));
}

#[test]
fn cpios() {
    for form in ["newc", "crc", "odc", "bin"] {
        let folder = tempfile::tempdir().expect("a folder");
        survives(form, &cpio::archive(folder.path(), form));
    }
}

#[test]
fn rpms() {
    for payload in ["w9.gzdio", "w9.lzdio", "w.ufdio"] {
        let folder = tempfile::tempdir().expect("a folder");
        survives(payload, &rpm::package(folder.path(), payload));
    }
}

#[test]
fn repositories() {
    let repository = git::Repository::new();
    survives("pack", &repository.pack());
    repository.git(&["bundle", "create", "-q", "all.bundle", "--all"], b"");
    survives("bundle", &std::fs::read(repository.path().join("all.bundle")).expect("a bundle"));
}

#[test]
fn databases() {
    let folder = tempfile::tempdir().expect("a folder");
    for size in [512, 4096] {
        let sql = format!("PRAGMA page_size = {size};\n{}", sqlite::statements());
        survives("sqlite", &sqlite::database(folder.path(), &sql));
    }
}
