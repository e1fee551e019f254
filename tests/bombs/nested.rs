//! Archives in archives without an end, and a little that becomes much.

use std::io::Write;

use super::{core, defuse};
use crate::places::Workshop;
use crate::support::image::Compression;
use crate::support::tarball::{Header, Tarball, block};

const MIB: usize = 1024 * 1024;

/// Gzip of zeros and then the key.
fn zeros(mebibytes: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; MIB];
    (0..mebibytes).for_each(|_| encoder.write_all(&zeros).expect("memory"));
    encoder.write_all(&core()).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn gzip_in_gzip_ten_deep() {
    let bomb = (0..9).fold(zeros(1_100), |inner, _| Compression::Gzip.apply(&inner));
    assert!(bomb.len() < MIB);
    defuse("srv/nested.gz", &bomb).assert_found_or_told();
}

#[test]
fn gzip_in_gzip_a_hundred_deep() {
    let bomb = (0..100).fold(core(), |inner, _| Compression::Gzip.apply(&inner));
    defuse("srv/deep.gz", &bomb).assert_told();
}

#[test]
fn two_gibibytes_of_zeros() {
    let mut bomb = Vec::new();
    let part = zeros(64);
    (0..32).for_each(|_| bomb.extend_from_slice(&part));
    defuse("srv/zeros.gz", &bomb).assert_found_or_told();
}

#[test]
fn compressions_in_turns() {
    let turns = [Compression::Gzip, Compression::Zstd, Compression::Xz, Compression::Bzip2];
    let bomb = (0..60).fold(core(), |inner, round: usize| turns[round % 4].apply(&inner));
    defuse("srv/turns", &bomb).assert_told();
}

#[test]
fn tar_in_tar_two_hundred_deep() {
    let wrap = |inner: Vec<u8>, number: usize| {
        let mut tar = Tarball::new();
        tar.file(&format!("{number}.tar"), &inner).finish()
    };
    let bomb = (0..200).fold(core(), wrap);
    defuse("srv/deep.tar", &bomb).assert_told();
}

/// Tars in tars that lose their ends: each claims all that follows.
#[test]
fn tar_in_tar_with_lying_sizes() {
    let header = block(&Header { size: 1 << 32, ..Header::new(b"x.tar", b'0') });
    let mut bomb = header.repeat(20_000);
    bomb.extend_from_slice(&core());
    defuse("srv/lying.tar", &bomb).assert_told();
}

#[test]
fn zip_in_zip_sixty_deep() {
    for options in ["-q9", "-q0"] {
        let shop = Workshop::new();
        shop.write("a", core());
        shop.run(&format!("for n in $(seq 60); do zip {options} b.zip a && mv b.zip a; done"));
        defuse("srv/deep.zip", &shop.read("a")).assert_told();
    }
}

/// Sixteen zips in each of sixteen zips, and so on: terabytes in a few kilobytes.
#[test]
fn zips_that_fan_out() {
    let shop = Workshop::new();
    shop.run(
        "head -c 64M /dev/zero > a && zip -q9 in.zip a && rm a
         for level in 1 2 3 4 5; do
             for n in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do cp in.zip $n.zip; done
             rm in.zip; zip -q9 in.zip ?.zip; rm ?.zip
         done",
    );
    let defused = defuse("srv/fan-out.zip", &shop.read("in.zip"));
    defused.assert_told().assert_nothing_else();
}

/// The same with tars, whose members lie in the open.
#[test]
fn gzips_that_fan_out() {
    let fan = |inner: Vec<u8>, _: usize| {
        let mut tar = Tarball::new();
        (0..32).for_each(|number| {
            tar.file(&format!("{number}.tgz"), &inner);
        });
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&tar.finish()).expect("memory");
        encoder.finish().expect("memory")
    };
    let bomb = (0..5).fold(zeros(32), fan);
    defuse("srv/fan-out.tgz", &bomb).assert_told();
}

/// More rounds than are decoded: it ends, whatever it finds.
#[test]
fn base64_of_base64_twenty_deep() {
    let shop = Workshop::new();
    shop.write("a", core());
    shop.run("for n in $(seq 20); do base64 -w0 a > b && mv b a; done");
    defuse("srv/deep.b64", &shop.read("a")).assert_nothing_else();
    shop.run("for n in $(seq 20); do gzip -c a | base64 -w0 > b && mv b a; done");
    defuse("srv/deep.gz.b64", &shop.read("a")).assert_nothing_else();
}

#[test]
fn a_bomb_in_base64() {
    let shop = Workshop::new();
    shop.write("a", zeros(1_024));
    shop.run("base64 a > wrapped; base64 -w0 a > line");
    for name in ["wrapped", "line"] {
        defuse("srv/bomb.b64", &shop.read(name)).assert_found_or_told();
    }
}
