//! Keys wherever the engine cuts what it reads: results depend on the content alone.

use std::io::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyseam::detect::DetectorSet;
use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::own_secrets::OwnSecrets;
use keyseam::scan::blob::BlobError;
use keyseam::scan::matches::{Finder, Search};
use keyseam::scan::progress::Silent;
use keyseam::scan::{ScanOptions, scan};
use keyseam::source;
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Scanned, fingerprint, key};
use crate::support::cli::{Keyseam, list};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, docker_classic, oci};
use crate::support::tarball::{Header, Tarball, block, pax_record};

const BUFFER: usize = 512 * 1024;
/// How far before the end of a buffer the engine leaves the decision to the next one, and from which places on.
const HALF_OVERLAP: usize = 32 * 1024;
const STRETCH: usize = 16 * 1024;
const BLOCK: usize = 512;
const KEY: usize = 40;

/// Lines of text without any key, of uneven lengths.
fn filler(length: usize) -> Vec<u8> {
    let words = b"lorem ipsum, dolor; ".repeat(8);
    let mut text = Vec::with_capacity(length + words.len());
    for number in 0_usize.. {
        if text.len() >= length {
            break;
        }
        text.extend_from_slice(&words[..20 + number * 7919 % 140]);
        text.push(b'\n');
    }
    text.truncate(length);
    text
}

/// Writes the key of a number over the filler, apart from what stands around it.
fn plant(text: &mut [u8], at: usize, number: u64) {
    let key = key(number);
    assert_eq!(key.len(), KEY);
    text[at..at + KEY].copy_from_slice(key.as_bytes());
    for around in [at.checked_sub(1), Some(at + KEY)].into_iter().flatten() {
        if let Some(byte) = text.get_mut(around).filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
    }
}

#[test]
fn a_key_is_found_at_every_offset_around_the_seams() {
    // The file begins behind one header block, so this offset in it is a seam of the stream.
    let seam = |number: usize| (number + 1) * BUFFER - BLOCK;
    let cuts = KEY + 42;
    let mut text = filler(seam(cuts));
    let mut expected = Vec::new();
    for cut in 0..cuts {
        // From ending one byte before the seam to beginning one behind it, and some way around.
        let at = seam(cut) - KEY - 20 + cut;
        if at + KEY < text.len() {
            expected.push(at);
        }
        expected.push(seam(cut) - HALF_OVERLAP - KEY - 20 + cut);
        expected.push((seam(cut) - HALF_OVERLAP) / STRETCH * STRETCH - KEY - 20 + cut);
    }
    expected.sort_unstable();
    for (number, at) in (1..).zip(&expected) {
        plant(&mut text, *at, number);
    }
    let image = ImageBuilder::new("app:1").layer(Layer::new().file("big", &text)).build();
    let scanned = Scanned::archive(oci(&[&image], Compression::Zstd).tar());
    let lines = positions(&text, &expected);
    let places: Vec<_> = scanned.findings().iter().map(|finding| list(&finding["locations"])).collect();
    assert!(places.iter().all(|locations| locations.len() == 1));
    for (number, (at, (line, column))) in (1_u64..).zip(expected.iter().zip(&lines)) {
        let findings = scanned.findings_of(&key(number));
        assert_eq!(findings.len(), 1, "the key at {at}, {} before a seam", BUFFER - (at + BLOCK) % BUFFER);
        let place = json!({ "offset": at, "line": line, "column": column });
        super::assert_says(&findings[0]["locations"][0], &place, &format!("the key at {at}"));
    }
    assert_eq!(places.len(), expected.len());
}

/// Line and column of each offset, in rising order.
fn positions(text: &[u8], offsets: &[usize]) -> Vec<(usize, usize)> {
    let (mut line, mut start, mut from) = (1, 0, 0);
    let mut positions = Vec::new();
    for &offset in offsets {
        for newline in memchr::memchr_iter(b'\n', &text[from..offset]) {
            line += 1;
            start = from + newline + 1;
        }
        from = offset;
        positions.push((line, offset - start + 1));
    }
    positions
}

/// An image with one file of 200 MiB and a key in its last line, its layer compressed as it is made.
fn large_image() -> (Image, usize, usize) {
    const PART: usize = 1024 * 1024;
    const PARTS: usize = 200;
    let part = [filler(PART - 1), b"\n".to_vec()].concat();
    let end = format!("token = {}\n", key(1)).into_bytes();
    let size = PART * PARTS + end.len();
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory");
    let mut hash = Sha256::new();
    let mut write = |bytes: &[u8]| {
        hash.update(bytes);
        encoder.write_all(bytes).expect("memory");
    };
    write(&block(&Header { size: size as u64, ..Header::new(b"var/lib/data.sql", b'0') }));
    for _ in 0..PARTS {
        write(&part);
    }
    write(&end);
    write(&vec![0; size.next_multiple_of(BLOCK) - size + 2 * BLOCK]);
    let stored = encoder.finish().expect("memory");
    let diff_id: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    // Built with a stand-in for the layer, which then takes its place.
    let mut image = ImageBuilder::new("app:1").layer(Layer::new()).build();
    let diff_id = format!("sha256:{diff_id}");
    let config = String::from_utf8(image.config).expect("JSON").replace(&image.diff_ids[0], &diff_id);
    image.config = config.into_bytes();
    (image.layers, image.diff_ids) = (vec![stored], vec![diff_id]);
    let lines = PARTS * memchr::memchr_iter(b'\n', &part).count() + 1;
    (image, PART * PARTS + 8, lines)
}

#[test]
fn a_key_at_the_end_of_a_large_file_is_found() {
    let (image, offset, line) = large_image();
    let scanned = Scanned::of(&Keyseam::scan(&["-"]).stdin(docker_classic(&[&image]).tar()).run());
    scanned.assert_only([1]);
    scanned.assert_finding(
        1,
        json!({ "in_final_image": true, "introduced_by": { "layer": 0, "diff_id": image.diff_ids[0] },
            "locations": [{ "path": "var/lib/data.sql", "offset": offset, "line": line, "column": 9 }] }),
    );
}

/// Of the team's own secrets.
const OWN: &str = "own, {{base62:24}}/";

/// The embedded detectors, and a secret of the team's own.
static RULES: LazyLock<(Catalogue, DetectorSet, OwnSecrets)> = LazyLock::new(|| {
    let catalogue = Catalogue::embedded().expect("the catalogue");
    let detectors = DetectorSet::new(&catalogue).expect("its detectors");
    let own = OwnSecrets::from_env([("DEPLOY_PASSWORD".to_owned(), super::made(OWN, 1).into_bytes())]);
    (catalogue, detectors, own.expect("a value").secrets)
});

/// A match: path, detector, fingerprint, offset, length, line, column.
type Seen = (Vec<u8>, String, String, u64, u64, u64, Option<u64>);

/// Where matches are: compared first, so that a difference shows no key.
fn places(seen: &[Seen]) -> Vec<Seen> {
    let mut places = seen.to_vec();
    places.iter_mut().for_each(|one| one.2.clear());
    places
}

/// All matches in an archive, read with buffers of this size.
fn matches(archive: &[u8], window: usize, jobs: usize) -> Vec<Seen> {
    read(archive, window, jobs).0
}

/// The same, and what was not read.
fn read(archive: &[u8], window: usize, jobs: usize) -> (Vec<Seen>, Vec<BlobError>) {
    let (catalogue, detectors, own_secrets) = &*RULES;
    let opened = source::open_stream(std::io::Cursor::new(archive.to_vec()), "a test", None);
    let options = ScanOptions { window, jobs, ..ScanOptions::default() };
    let search = Search { detectors, own_secrets: Some(own_secrets) };
    let scanned = scan(opened, &options, search, &Silent).expect("an image");
    let image = &scanned.images[0];
    let blob = &scanned.blobs[&image.layers[0].key];
    let seen = blob.matches.iter().map(|one| {
        let detector = match one.found.finder {
            Finder::Detector(index) => catalogue.get(index).expect("a detector").id.clone(),
            Finder::OwnSecret(_) => "own".to_owned(),
        };
        let path = one.content.path.to_vec();
        let key = fingerprint(&String::from_utf8_lossy(one.found.secret.expose()));
        (path, detector, key, one.offset, one.length, one.line, one.column)
    });
    (seen.collect(), blob.errors.clone())
}

/// Text that makes searches for nothing without end is given up, stretch by stretch, in every cut alike.
#[test]
fn what_is_given_up_does_not_depend_on_the_seams() {
    let dense = |length: usize| b"curl -s ".iter().copied().cycle().take(length).collect::<Vec<u8>>();
    let token = |number: u64| format!("\ntoken = {}\n", key(number)).into_bytes();
    let given_up = [
        filler(40_000),
        token(1),
        dense(30_000),
        token(2),
        dense(150_000),
        token(3),
        filler(BUFFER),
        token(4),
    ];
    let mut tar = Tarball::new();
    tar.file("quiet", &filler(10_000)).file("dense", &given_up.concat()).file("behind", &token(5));
    let image = ImageBuilder::new("app:1").layer_bytes("COPY . / # buildkit", tar.finish()).build();
    let archive = docker_classic(&[&image]).tar();
    let (whole, errors) = read(&archive, 16 * 1024 * 1024, 1);
    let found: Vec<String> = whole.iter().map(|one| one.2.clone()).collect();
    for number in [1, 4, 5] {
        assert!(found.contains(&fingerprint(&key(number))), "key {number} was not found");
    }
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!((error.path.as_deref(), error.reason), (Some(b"dense".as_slice()), "limit"));
    let stretches: u64 =
        error.message.split(' ').next().and_then(|word| word.parse().ok()).expect("a number");
    assert!((9..=12).contains(&stretches), "{}", error.message);
    for (window, jobs) in [(4096, 1), (10_000, 2), (65_536, 2), (BUFFER, 2)] {
        let (cut, said) = read(&archive, window, jobs);
        assert_eq!((places(&cut), said), (places(&whole), errors.clone()), "buffers of {window}");
        assert!(cut == whole, "buffers of {window}");
    }
}

/// What a file is made of. A failure shows the numbers, not the keys.
#[derive(Clone, Debug)]
enum Piece {
    /// Lines of text.
    Lines(usize),
    /// Text without a line break.
    Line(usize),
    /// One byte over and over.
    Fill(u8, usize),
    Binary(Vec<u8>),
    /// A key in the surroundings of this index, made from a seed.
    Key(usize, u64),
    /// The own secret, in base64 behind so many other bytes.
    Own(usize),
}

const SURROUNDINGS: [&str; 8] = [
    "\ntoken = {{github:ghp_}}\n",
    " {{github:ghp_}} ",
    "\nMESSAGEBIRD_API_KEY={{base62:25}}\n",
    "\nmessagebird:\n  originator: me\n  access_key: {{base62:25}}\n",
    "\n[default]\naws_access_key_id = {{aws-id:AKIA}}\naws_secret_access_key = {{base64:40}}\n",
    "https://{{hex:40}}.clockworksms.com/",
    "postgres://user:{{base62:20}}@db.internal:5432/app ",
    "{{pem:rsa}}",
];

impl Piece {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Lines(length) => filler(*length),
            Self::Line(length) => filler(*length).into_iter().filter(|byte| *byte != b'\n').collect(),
            Self::Fill(byte, length) => vec![*byte; *length],
            Self::Binary(bytes) => bytes.clone(),
            Self::Own(shift) => {
                STANDARD.encode(["-".repeat(*shift), super::made(OWN, 1)].concat()).into_bytes()
            }
            Self::Key(index, seed) => super::made(SURROUNDINGS[*index], *seed).into_bytes(),
        }
    }
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => (1_usize..60_000).prop_map(Piece::Lines),
        1 => (33_000_usize..90_000).prop_map(Piece::Line),
        2 => (any::<u8>(), 1_usize..3_000).prop_map(|(byte, length)| Piece::Fill(byte, length)),
        2 => proptest::collection::vec(any::<u8>(), 1..300).prop_map(Piece::Binary),
        2 => (0_usize..3).prop_map(Piece::Own),
        12 => (0..SURROUNDINGS.len(), any::<u64>()).prop_map(|(index, seed)| Piece::Key(index, seed)),
    ]
}

fn file() -> impl Strategy<Value = Vec<Piece>> {
    proptest::collection::vec(piece(), 0..12)
}

fn content(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(Piece::bytes).collect()
}

/// How an entry is written.
#[derive(Clone, Copy, Debug)]
enum Form {
    Plain,
    /// What follows the body in its last block is not NUL.
    Padded,
    /// A hard link with a body, which readers see differently.
    Link,
    /// With a pax header in front that begins well and goes on with this.
    Records,
}

fn entry() -> impl Strategy<Value = (Form, Vec<Piece>)> {
    let form = prop_oneof![
        4 => Just(Form::Plain), 2 => Just(Form::Padded), 1 => Just(Form::Link), 1 => Just(Form::Records),
    ];
    (form, file())
}

fn write_entry(tar: &mut Tarball, name: &str, form: Form, body: &[u8]) {
    let header = |kind: u8, size: usize| Header { size: size as u64, ..Header::new(name.as_bytes(), kind) };
    match form {
        Form::Plain => {
            tar.file(name, body);
        }
        Form::Padded => {
            // The end of the body stands in the fill bytes.
            let size = body.len().saturating_sub(body.len() % BLOCK + 100);
            let padding = size.next_multiple_of(BLOCK) - size;
            tar.raw(&block(&header(b'0', size))).raw(&body[..(size + padding).min(body.len())]);
            tar.raw(&vec![b' '; (size + padding).saturating_sub(body.len())]);
        }
        Form::Link => {
            let link = Header { link: b"somewhere", ..header(b'1', body.len()) };
            tar.entry(&link, body);
        }
        Form::Records => {
            let records = [pax_record(b"comment", b"fine"), body.to_vec()].concat();
            tar.entry(&header(b'x', records.len()), &records).file(name, b"small");
        }
    }
}

#[test]
fn blocks_of_nul_before_a_blob_change_nothing() {
    let packed = STANDARD.encode(Compression::Gzip.apply(format!("TOKEN={}\n", key(1)).as_bytes()));
    let plain = format!("{}{}\n\n{packed}\n", "a disk\n".repeat(100), key(2)).into_bytes();
    let tar = Tarball::new().file("app/.env", format!("TOKEN={}\n", key(3)).as_bytes()).finish();
    for zeros in [BLOCK, 2 * BLOCK, 32 * 1024, 2 * BUFFER] {
        for (bytes, keys) in [(&plain, vec![2, 1]), (&tar, vec![3]), (&plain[..100].to_vec(), vec![])] {
            for odd in [0, 100] {
                let bytes = [vec![0; zeros + odd], bytes.clone()].concat();
                let image = ImageBuilder::new("app:1").layer_bytes("COPY . / # buildkit", bytes).build();
                let archive = docker_classic(&[&image]).tar();
                let whole = matches(&archive, 16 * 1024 * 1024, 1);
                // One key may be two detectors'.
                let mut found: Vec<&String> = whole.iter().map(|one| &one.2).collect();
                found.dedup();
                let wanted: Vec<String> = keys.iter().map(|number| fingerprint(&key(*number))).collect();
                assert_eq!(found, wanted.iter().collect::<Vec<_>>(), "{zeros} + {odd}");
                for window in [512, 700, 4097, 65_536, BUFFER] {
                    let cut = matches(&archive, window, 2);
                    assert_eq!(places(&cut), places(&whole), "{zeros} + {odd} in buffers of {window}");
                    assert!(cut == whole, "{zeros} + {odd} in buffers of {window}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_size_of_a_buffer_changes_nothing(entries in proptest::collection::vec(entry(), 1..5), behind in file()) {
        let mut tar = Tarball::new();
        for (index, (form, body)) in entries.iter().enumerate() {
            write_entry(&mut tar, &format!("file-{index}"), *form, &content(body));
        }
        let bytes = [tar.finish(), content(&behind)].concat();
        let image = ImageBuilder::new("app:1").layer_bytes("COPY . / # buildkit", bytes).build();
        let archive = docker_classic(&[&image]).tar();
        let whole = matches(&archive, 16 * 1024 * 1024, 1);
        let bodies = entries.iter().filter(|(form, _)| !matches!(form, Form::Padded)).map(|(_, body)| body);
        for piece in bodies.chain([&behind]).flatten() {
            if let Piece::Key(0, seed) = piece {
                let token = fingerprint(&key(*seed));
                prop_assert!(whole.iter().any(|one| one.2 == token), "{:?} was not found", piece);
            }
        }
        for (window, jobs) in [(4096, 1), (4097, 2), (10_000, 2), (65_536, 2), (BUFFER, 2), (2 * BUFFER, 5)] {
            let cut = matches(&archive, window, jobs);
            prop_assert_eq!(places(&cut), places(&whole), "buffers of {}", window);
            prop_assert!(cut == whole, "other keys with buffers of {}", window);
        }
    }
}
