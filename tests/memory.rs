//! Memory that does not grow with what is scanned: images of gigabytes, and of what else can be large,
//! each under [`MOST`] at its peak by GNU time, and with the key at their end found.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::write::GzEncoder;
use keyseam::detect::template::{Seed, expand};
use keyseam::image::digest::Digest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::cli::hashing_key;
use crate::support::image::{Members, OCI_CONFIG, OCI_MANIFEST, REF_NAME, layout, this_architecture};
use crate::support::tarball::{Header, block};

/// The most that a scan may take, in KiB.
const MOST: u64 = 128 * 1024;

const MIB: u64 = 1024 * 1024;

/// A key that stands at the end of what is scanned.
fn key() -> String {
    expand("{{github:ghp_}}", "", &mut Seed(7)).expect("a key")
}

/// 4 MiB of text, no two lines alike.
fn text() -> Vec<u8> {
    let mut seed = Seed(11);
    let mut text = Vec::new();
    while (text.len() as u64) < 4 * MIB {
        let word = |seed: &mut Seed| seed.pick(b"abcdefghijklmnopqrstuvwxyz", 5);
        for _ in 0..9 {
            text.extend_from_slice(word(&mut seed).as_bytes());
            text.push(b' ');
        }
        text.extend_from_slice(format!("{}\n", text.len()).as_bytes());
    }
    text.truncate(4 * MIB as usize);
    text
}

/// Writes one file of `size` bytes of text that ends with a key, header and filling included.
fn file(out: &mut dyn Write, path: &str, size: u64, separator: u8) {
    let end = format!("TOKEN={}\n", key());
    let size = size.max(end.len() as u64);
    out.write_all(&block(&Header { size, ..Header::new(path.as_bytes(), b'0') })).expect("room");
    let mut text = text();
    text.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = separator);
    let mut left = size - end.len() as u64;
    while left > 0 {
        let part = left.min(text.len() as u64) as usize;
        out.write_all(&text[..part]).expect("room");
        left -= part as u64;
    }
    out.write_all(end.as_bytes()).expect("room");
    fill(out, size);
}

pub(crate) fn fill(out: &mut dyn Write, size: u64) {
    let rest = size.next_multiple_of(512) - size;
    out.write_all(&vec![0; rest as usize]).expect("room");
}

pub(crate) fn end(out: &mut dyn Write) {
    out.write_all(&[0; 1024]).expect("room");
}

/// Counts and hashes what passes.
struct Measured<W> {
    out: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Measured<W> {
    fn new(out: W) -> Self {
        Self { out, hash: Sha256::new(), size: 0 }
    }

    fn digest(self) -> (String, u64) {
        let hex: String = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (format!("sha256:{hex}"), self.size)
    }
}

impl<W: Write> Write for Measured<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write_all(bytes)?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// An OCI layout in `folder` with one layer, gzip, that `tar` writes.
pub(crate) fn gzip_layout(folder: &Path, tar: impl FnOnce(&mut dyn Write)) {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("a folder");
    let passing = blobs.join("passing");
    let stored = Measured::new(BufWriter::new(std::fs::File::create(&passing).expect("a file")));
    let mut plain = Measured::new(GzEncoder::new(stored, flate2::Compression::fast()));
    tar(&mut plain);
    let Measured { out, hash, size } = plain;
    let mut stored = out.finish().expect("room");
    stored.flush().expect("room");
    let (diff_id, _) = Measured { out: std::io::sink(), hash, size }.digest();
    let (digest, size) = stored.digest();
    std::fs::rename(&passing, blobs.join(digest.trim_start_matches("sha256:"))).expect("renamed");
    let mut members = Members::default();
    let config = members.blob(OCI_CONFIG, &config(&diff_id));
    let layer =
        json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": size });
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer] });
    let mut entry = members.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
    entry["annotations"] = json!({ REF_NAME: "app:1" });
    layout(&mut members, &[entry]);
    members.write_to(folder);
}

fn config(diff_id: &str) -> Vec<u8> {
    let rootfs = json!({ "type": "layers", "diff_ids": [diff_id] });
    let config =
        json!({ "os": "linux", "architecture": this_architecture(), "config": {}, "rootfs": rootfs });
    config.to_string().into_bytes()
}

/// Scans, and asserts that it took little memory and that what was looked for was found.
#[track_caller]
fn assert_small(target: &str, stdin: impl FnOnce(&mut dyn Write), found: &[&str], reasons: &[&str]) -> Value {
    let home = tempfile::tempdir().expect("a folder");
    let peak = home.path().join("peak");
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%M", "-o"]).arg(&peak).arg(env!("CARGO_BIN_EXE_keyseam"));
    command.args(["scan", "-o", "json", target]).env_clear().env("HOME", home.path());
    command.env("KEYSEAM_FINGERPRINT_KEY", hashing_key());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("GNU time runs");
    let mut pipe = child.stdin.take().expect("a pipe");
    stdin(&mut pipe);
    drop(pipe);
    let output = child.wait_with_output().expect("it ends");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a JSON report");
    let result = &report["results"][0];
    let errors = result["errors"].as_array().expect("errors").iter();
    assert_eq!(errors.filter_map(|error| error["reason"].as_str()).collect::<Vec<_>>(), reasons);
    assert_eq!(result["complete"], reasons.is_empty());
    let mut places: Vec<&str> = result["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .flat_map(|finding| finding["locations"].as_array().expect("places"))
        .filter_map(|place| place["path"].as_str())
        .collect();
    places.sort_unstable();
    assert_eq!(places, found);
    let peak = std::fs::read_to_string(peak).expect("GNU time's word");
    let peak: u64 = peak.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number");
    assert!(peak < MOST, "{peak} KiB at its peak");
    report
}

fn layout_of(tar: impl FnOnce(&mut dyn Write)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    gzip_layout(folder.path(), tar);
    folder
}

fn target(folder: &tempfile::TempDir) -> String {
    format!("oci:{}", folder.path().display())
}

#[test]
fn a_gibibyte_of_layer() {
    let folder = layout_of(|out| {
        file(out, "srv/big", 1024 * MIB, b'\n');
        end(out);
    });
    assert_small(&target(&folder), |_| (), &["srv/big"], &[]);
}

#[test]
fn a_line_of_200_megabytes() {
    let folder = layout_of(|out| {
        file(out, "srv/line", 200 * MIB, b' ');
        end(out);
    });
    assert_small(&target(&folder), |_| (), &["srv/line"], &[]);
}

#[test]
fn hundreds_of_thousands_of_files() {
    let folder = layout_of(|out| {
        for number in 0..300_000 {
            let path = format!("usr/share/doc/package-{}/examples/file-{number}", number % 977);
            out.write_all(&block(&Header::new(path.as_bytes(), b'0'))).expect("room");
        }
        file(out, "srv/last", 4096, b'\n');
        end(out);
    });
    let report = assert_small(&target(&folder), |_| (), &["srv/last"], &[]);
    assert_eq!(report["results"][0]["stats"]["files"], 300_001);
}

/// A member of an archive.
fn member(out: &mut dyn Write, name: &str, bytes: &[u8]) {
    let header = Header { size: bytes.len() as u64, ..Header::new(name.as_bytes(), b'0') };
    out.write_all(&block(&header)).expect("room");
    out.write_all(bytes).expect("room");
    fill(out, bytes.len() as u64);
}

/// Scans a `docker save` archive through a pipe, its one layer raw: what `layer` writes, twice the same,
/// because the config has its digest and the header its size.
fn assert_small_from_a_pipe(layer: fn(&mut dyn Write), found: &[&str], reasons: &[&str]) -> Value {
    let mut measured = Measured::new(std::io::sink());
    layer(&mut measured);
    let (diff_id, size) = measured.digest();
    let config = config(&diff_id);
    let name = format!("{}.json", Digest::sha256_of(&config).hex());
    let manifest = json!([{ "Config": name, "RepoTags": ["app:1"], "Layers": ["a/layer.tar"] }]).to_string();
    let archive = |out: &mut dyn Write| {
        member(out, &name, &config);
        out.write_all(&block(&Header { size, ..Header::new(b"a/layer.tar", b'0') })).expect("room");
        layer(out);
        fill(out, size);
        member(out, "manifest.json", manifest.as_bytes());
        end(out);
    };
    assert_small("-", archive, found, reasons)
}

#[test]
fn four_gibibytes_through_a_pipe() {
    assert_small_from_a_pipe(
        |out| {
            file(out, "srv/big", 4096 * MIB, b'\n');
            end(out);
        },
        &["srv/big"],
        &[],
    );
}

#[test]
fn a_pax_header_of_two_gibibytes() {
    assert_small_from_a_pipe(
        |out| {
            // One record that fills the header: its length, a blank, the name, the value, a line break.
            let size = 2048 * MIB;
            let head = format!("{size} comment=");
            out.write_all(&block(&Header { size, ..Header::new(b"PaxHeaders/huge", b'x') })).expect("room");
            out.write_all(head.as_bytes()).expect("room");
            let mut left = size - head.len() as u64 - 1;
            let zeros = vec![b'.'; MIB as usize];
            while left > 0 {
                let part = left.min(MIB) as usize;
                out.write_all(&zeros[..part]).expect("room");
                left -= part as u64;
            }
            out.write_all(b"\n").expect("room");
            file(out, "srv/behind", 4096, b'\n');
            end(out);
        },
        &["srv/behind"],
        // It is scanned and not interpreted, so what it says of the file behind it is not known.
        &["limit"],
    );
}
