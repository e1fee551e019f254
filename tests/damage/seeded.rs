//! Hundreds of single flips and cuts over one small image in each shape: never a clean status with other
//! keys than those of the intact image.

use super::engine::{scan_path, scan_pipe};
use super::{leaking, small};
use crate::support::image::{Compression, Image, Members, docker_25, docker_classic, oci, podman};
use crate::support::stack::Random;

/// Rounds over each shape.
const ROUNDS: usize = 120;

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.next() % bound.max(1) as u64).unwrap_or(0)
}

fn shapes(image: &Image) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("docker save, classic", docker_classic(&[image]).tar()),
        ("docker save, OCI inside", docker_25(&[image]).tar()),
        ("OCI archive, gzip", oci(&[image], Compression::Gzip).reversed().tar()),
        ("OCI archive, zstd", oci(&[image], Compression::Zstd).tar()),
        ("podman save, compressed", Compression::Gzip.apply(&podman(&[image]).tar())),
    ]
}

#[test]
fn flips_and_cuts_never_lose_a_key_in_silence() {
    for (shape, whole) in shapes(&leaking()) {
        let intact = scan_pipe(whole.clone());
        assert!(intact.status == 1 && intact.errors.is_empty(), "{shape}: {:?}", intact.errors);
        let mut random = Random(0x000d_a3a6_e000);
        for round in 0..ROUNDS {
            let mut bytes = whole.clone();
            let at = below(&mut random, bytes.len());
            let what = if round % 4 == 3 {
                bytes.truncate(at);
                format!("cut at {at}")
            } else {
                let bit = below(&mut random, 8);
                bytes[at] ^= 1 << bit;
                format!("bit {bit} of byte {at} flipped")
            };
            let verdict = scan_pipe(bytes);
            let complete = verdict.results.iter().all(|result| result.complete);
            let known = matches!(verdict.status, 2 | 3) || !complete;
            assert!(
                known || verdict.keys() == intact.keys(),
                "{shape}, {what}: status {} and {} places of keys, not {}",
                verdict.status,
                verdict.keys().len(),
                intact.keys().len()
            );
        }
    }
}

#[test]
fn a_clean_image_that_is_damaged_is_whole_or_told() {
    for (shape, whole) in shapes(&small()) {
        let intact = scan_pipe(whole.clone());
        assert_eq!(intact.status, 0, "{shape}: {:?}", intact.errors);
        let read = |verdict: &super::engine::Verdict| {
            verdict.results.iter().map(|result| result.stats.bytes_scanned).sum::<u64>()
        };
        let mut random = Random(0x5eed);
        for round in 0..ROUNDS {
            let mut bytes = whole.clone();
            let at = below(&mut random, bytes.len());
            if round % 2 == 0 {
                bytes.truncate(at);
            } else {
                bytes[at] = [0, b'"', 0xff, bytes[at] ^ 0x20][below(&mut random, 4)];
            }
            let verdict = scan_pipe(bytes);
            // Clean only where as much was read as of the intact image.
            assert!(
                verdict.status != 0 || read(&verdict) >= read(&intact),
                "{shape}, round {round} at {at}: clean, and only {} bytes read",
                read(&verdict)
            );
        }
    }
}

#[test]
fn files_of_a_layout_that_are_damaged_are_told() {
    let whole = oci(&[&leaking()], Compression::Gzip);
    let intact = scan_pipe(whole.tar());
    let mut random = Random(0xf01de4);
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..ROUNDS {
        whole.write_to(folder.path());
        let names: Vec<&String> = names(&whole);
        let name = names[below(&mut random, names.len())];
        let mut bytes = whole.get(name).expect("a member").to_vec();
        let at = below(&mut random, bytes.len());
        if round % 3 == 0 {
            bytes.truncate(at)
        } else {
            bytes[at] ^= 1 << below(&mut random, 8)
        }
        std::fs::write(folder.path().join(name), bytes).expect("a file");
        let verdict = scan_path(folder.path());
        let complete = verdict.results.iter().all(|result| result.complete);
        let known = matches!(verdict.status, 2 | 3) || !complete;
        assert!(known || verdict.keys() == intact.keys(), "round {round}: {name} at {at}");
    }
}

fn names(members: &Members) -> Vec<&String> {
    members.list.iter().map(|(name, _)| name).collect()
}
