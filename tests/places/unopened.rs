//! What cannot be opened is counted and named, and what lies raw in it is found all the same. The scan is
//! whole without it, unless `--strict` asks for more.

use serde_json::Value;

use super::place::{key, text};
use super::workshop::Workshop;
use crate::scan::fingerprint;
use crate::support::cli::{Keyseam, Run, list};
use crate::support::image::{Compression, ImageBuilder, Layer, oci};

/// Scans an image with one file, and with one behind it that has no key.
fn scan(path: &str, bytes: &[u8], options: &[&str]) -> Run {
    let layer = Layer::new().file(path, bytes).file("z/behind", b"text\n");
    let image = ImageBuilder::new("app:1").layer(layer).build();
    let arguments = [&["-"], options].concat();
    Keyseam::scan(&arguments).stdin(oci(&[&image], Compression::Gzip).tar()).run()
}

/// Its path is in `opaque`, and there is a reason.
#[track_caller]
fn assert_opaque(result: &Value, path: &str) {
    let counts: u64 = result["opaque"]["by_reason"].as_object().map_or(0, |reasons| {
        assert!(reasons.keys().all(|reason| !reason.is_empty()));
        reasons.values().filter_map(Value::as_u64).sum()
    });
    assert!(counts > 0, "{path}: {}", result["opaque"]);
    let paths = list(&result["opaque"]["paths"]);
    let names_it = |named: &Value| named.as_str().is_some_and(|named| named.starts_with(path));
    assert!(paths.iter().any(names_it), "{path}: {}", result["opaque"]);
}

/// Told, with status 0, and 3 with `--strict`.
#[track_caller]
fn assert_told(path: &str, bytes: &[u8]) {
    let run = scan(path, bytes, &[]);
    run.assert_status(0);
    let result = run.result();
    assert_eq!(
        (&result["complete"], result["errors"].as_array().map(Vec::len)),
        (&Value::Bool(true), Some(0))
    );
    assert_opaque(&result, path);
    scan(path, bytes, &["--strict"]).assert_status(3);
}

/// Told, with this key found.
#[track_caller]
fn assert_told_and_found(path: &str, bytes: &[u8], name: &str) {
    let run = scan(path, bytes, &[]);
    run.assert_status(1);
    let findings = run.findings();
    assert_eq!(findings.len(), 1, "{path}");
    assert_eq!(findings[0]["fingerprint"], fingerprint(&key(name)).as_str(), "{path}");
    assert_opaque(&run.result(), path);
}

/// Lines that no compression makes a key of.
fn noise() -> String {
    (0..4_000_u32).map(|number| format!("{:08x}\n", number.wrapping_mul(2_654_435_761))).collect()
}

fn made(script: &str) -> Vec<u8> {
    let shop = Workshop::new();
    shop.plant("app.env", "not to be seen").write("noise", noise()).plant("seen.env", "raw");
    shop.run(script).read("out")
}

#[test]
fn encrypted_members_of_a_zip() {
    for script in [
        "zip -q -P correct-horse out.zip app.env && mv out.zip out",
        "zip -q out.zip noise && zip -q -P correct-horse out.zip app.env && mv out.zip out",
        "7z a -bd -tzip -mem=AES256 -pcorrect-horse out.zip app.env >/dev/null && mv out.zip out",
    ] {
        assert_told("srv/secret.zip", &made(script));
    }
    let script = "zip -q -P correct-horse out.zip app.env && zip -q out.zip seen.env && mv out.zip out";
    assert_told_and_found("srv/half.zip", &made(script), "raw");
    let script = "zip -q -P correct-horse out.zip app.env && zip -q0 out.zip seen.env && mv out.zip out";
    assert_told_and_found("srv/stored.zip", &made(script), "raw");
}

#[test]
fn methods_that_nobody_writes() {
    assert_told(
        "srv/ppmd.zip",
        &made("7z a -bd -tzip -mm=PPMd out.zip app.env >/dev/null && mv out.zip out"),
    );
}

#[test]
fn archives_that_are_cut() {
    let cut = [
        ("srv/cut.gz", "gzip -c noise | head -c 9000 > out"),
        ("srv/cut.xz", "xz -c noise | head -c 9000 > out"),
        ("srv/cut.zst", "zstd -qc noise | head -c 9000 > out"),
        ("srv/cut.bz2", "bzip2 -c noise | head -c 9000 > out"),
        ("srv/cut.zip", "zip -q - noise | head -c 9000 > out"),
        ("srv/cut.tar.gz", "tar -czf - noise | head -c 9000 > out"),
        ("srv/cut.tar", "tar -cf - noise | head -c 9000 > out"),
        ("srv/cut.cpio", "ls noise | cpio --quiet -o -H newc | head -c 9000 > out"),
        (
            "srv/cut.deb",
            "mkdir -p r/DEBIAN && mv noise r && printf 'Package: c\\nVersion: 1\\nArchitecture: all\\nMaintainer: D <d@corp.test>\\nDescription: x\\n' > r/DEBIAN/control && dpkg-deb -Zxz -b r c.deb >/dev/null && head -c 9000 c.deb > out",
        ),
    ];
    for (path, script) in cut {
        assert_told(path, &made(&format!("({script}) || [ $? = 141 ]")));
    }
}

#[test]
fn what_stands_in_front_of_a_cut_is_found() {
    let cut = [
        ("srv/cut.gz", "cat seen.env noise | gzip -c | head -c 9000 > out"),
        ("srv/cut.zst", "(cat seen.env; head -c 400000 /dev/urandom) | zstd -qc | head -c 300000 > out"),
        ("srv/cut.zip", "zip -q - seen.env noise | head -c 9000 > out"),
        ("srv/cut.tar.gz", "tar -czf - seen.env noise | head -c 9000 > out"),
        ("srv/stored.zip", "zip -q0 - seen.env noise | head -c 9000 > out"),
        ("srv/cut.tar", "tar -cf - seen.env noise | head -c 9000 > out"),
    ];
    for (path, script) in cut {
        assert_told_and_found(path, &made(&format!("({script}) || [ $? = 141 ]")), "raw");
    }
}

#[test]
fn archives_that_are_damaged_in_the_middle() {
    for (path, script) in [
        ("srv/bad.gz", "gzip -c noise > out"),
        ("srv/bad.xz", "xz -c noise > out"),
        ("srv/bad.bz2", "bzip2 -c noise > out"),
        ("srv/bad.zip", "zip -q out.zip noise && mv out.zip out"),
    ] {
        let mut bytes = made(script);
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].iter_mut().for_each(|byte| *byte = !*byte);
        assert_told(path, &bytes);
    }
}

#[test]
fn archives_of_kinds_that_are_not_opened() {
    assert_told(
        "srv/app.squashfs",
        &made("mkdir s && cat app.env noise > s/app.env && mksquashfs s out -quiet -no-progress >/dev/null"),
    );
    // No tool that may be had writes it: its magic, and bytes.
    let rar = |body: &[u8]| [b"Rar!\x1a\x07\x01\0".as_slice(), &[0x33, 0x92, 0xb5, 0xe5], body].concat();
    assert_told("srv/app.rar", &rar(&[7; 300]));
    assert_told_and_found("srv/raw.rar", &rar(text("raw").as_bytes()), "raw");
    let stored = "mkdir s && mv seen.env s && mksquashfs s out -quiet -no-progress -noI -noD -noF >/dev/null";
    assert_told_and_found("srv/raw.squashfs", &made(stored), "raw");
}

/// Opened or told: both are right, silence is not.
#[test]
fn a_7z_is_opened_or_told() {
    let scripts = [
        "7z a -bd out.7z app.env noise",
        "7z a -bd -m0=PPMd out.7z app.env",
        "7z a -bd -m0=BZip2 out.7z app.env",
    ];
    for script in scripts {
        let bytes = made(&format!("{script} >/dev/null && mv out.7z out"));
        let run = scan("srv/app.7z", &bytes, &[]);
        if run.findings().is_empty() {
            assert_told("srv/app.7z", &bytes);
        } else {
            let finding = run.finding("github-pat-classic");
            assert_eq!(finding["locations"][0]["inner"], serde_json::json!(["app.env"]));
        }
    }
    assert_told(
        "srv/locked.7z",
        &made("7z a -bd -mhe=on -pcorrect-horse out.7z app.env >/dev/null && mv out.7z out"),
    );
    let bytes = made("7z a -bd -mx=0 out.7z seen.env >/dev/null && mv out.7z out");
    let run = scan("srv/stored.7z", &bytes, &[]);
    assert_eq!(run.finding("github-pat-classic")["fingerprint"], fingerprint(&key("raw")).as_str());
}
