//! Archives that were made to do harm: they end within their limits, it is said, and what lies behind
//! them in the layer is read.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Workshop, at, config};
use crate::support::cli::hashing_key;
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

/// The most that a scan may take, in KiB.
const MOST: u64 = 300 * 1024;

/// Scans a bomb with a zip behind it in the layer: the key in that must be found, in little memory.
#[track_caller]
fn assert_harmless(bomb: &[u8]) -> Value {
    let behind = Workshop::with(&[("app.ini", &config(1))]).output("zip -q - app.ini | cat");
    let layer = Layer::new().file("bomb", bomb).file("behind.zip", &behind);
    let image = ImageBuilder::new("app:1").layer(layer).build();
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("app.tar");
    std::fs::write(&archive, oci(&[&image], Compression::Gzip).tar()).expect("written");
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%M", "-o", "peak", env!("CARGO_BIN_EXE_keyseam"), "scan", "-o", "json"]);
    command.arg(&archive).current_dir(&folder).env_clear().env("HOME", folder.path());
    command.env("KEYSEAM_FINGERPRINT_KEY", hashing_key()).stdin(Stdio::null());
    let output = command.output().expect("GNU time runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a JSON report");
    let result = report["results"][0].clone();
    assert_eq!(result["complete"], true, "{:#}", result["errors"]);
    super::assert_place(&result, 1, &at("behind.zip", &["app.ini"], &[]));
    let peak = std::fs::read_to_string(folder.path().join("peak")).expect("GNU time's word");
    let peak: u64 = peak.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number");
    assert!(peak < MOST, "{peak} KiB at its peak");
    super::opaque(&result)
}

#[track_caller]
fn made(line: &str) -> Vec<u8> {
    Workshop::with(&[("config", &config(9))]).output(line)
}

#[test]
fn zeros_without_end() {
    assert_eq!(assert_harmless(&made("head -c 1G /dev/zero | gzip -9 | gzip -9"))["limit"], 2);
    assert_eq!(assert_harmless(&made("head -c 1G /dev/zero | zstd -19"))["limit"], 1);
}

#[test]
fn archives_deeper_than_the_limit() {
    let deep = made("f=config; for i in $(seq 20); do gzip -n $f; mv $f.gz x$i; f=x$i; done; cat $f");
    assert_eq!(assert_harmless(&deep), json!({ "too-deep": 1 }));
}

#[test]
fn windows_and_dictionaries_as_large_as_they_get() {
    let zstd = made(
        "f=config; for i in $(seq 10); do zstd -q --long=25 --stream-size=60M $f -o x$i; f=x$i; done; cat $f",
    );
    assert!(assert_harmless(&zstd).get("corrupt").is_none());
    let xz = made("f=config; for i in $(seq 10); do xz -9 -c $f > x$i; f=x$i; done; cat $f");
    assert_eq!(assert_harmless(&xz)["limit"], 1);
    let huge = made("xz --lzma2=preset=9,dict=1GiB -c config");
    assert_eq!(assert_harmless(&huge), json!({ "limit": 1 }));
    let huge = made("head -c 300M /dev/zero | zstd -q --long=27 --ultra -c");
    assert_eq!(assert_harmless(&huge), json!({ "limit": 1 }));
}

#[test]
fn two_million_members() {
    let zip = Workshop::with(&[("x", b"")]).python(
        "import struct, sys\n\
         o = sys.stdout.buffer\n\
         h = b'PK\\3\\4\\x14' + bytes(21) + struct.pack('<HH', 7, 0)\n\
         for i in range(0, 2000000, 1000): o.write(b''.join(h + b'%07d' % n for n in range(i, i + 1000)))\n",
    );
    assert_eq!(assert_harmless(&zip), json!({ "limit": 1 }));
}

#[test]
fn members_that_share_their_data() {
    // 2,000 members of the directory, all around one body of a gigabyte of zeros.
    let zip = Workshop::with(&[("x", b"")]).python(
        "import io, struct, sys, zipfile, zlib\n\
         s = io.BytesIO(); z = zipfile.ZipFile(s, 'w', 8); z.writestr('body', bytes(200_000_000)); z.close()\n\
         b = s.getvalue(); cd = b.rindex(b'PK\\1\\2'); end = b.rindex(b'PK\\5\\6')\n\
         many = b[cd:end] * 2000\n\
         sys.stdout.buffer.write(b[:cd] + many + b'PK\\5\\6' + bytes(4) + struct.pack('<HHIIH', 2000, 2000, len(many), cd, 0))\n",
    );
    assert_eq!(assert_harmless(&zip), json!({}));
}

#[test]
fn millions_of_gzip_members() {
    let gzip = Workshop::with(&[("x", b"")]).python(
        "import gzip, sys\n\
         sys.stdout.buffer.write(gzip.compress(b'') * 3000000)\n",
    );
    assert_eq!(assert_harmless(&gzip), json!({}));
}
