//! Encoded keys wherever a content is cut: results depend on the content alone.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keyseam::detect::DetectorSet;
use keyseam::detect::catalogue::Catalogue;
use keyseam::scan::matches::{Finder, Search};
use keyseam::scan::progress::Silent;
use keyseam::scan::{ScanOptions, scan};
use keyseam::source;
use proptest::prelude::*;

use super::made;
use crate::scan::{fingerprint, key};
use crate::support::image::{ImageBuilder, Layer, docker_classic};

static DETECTORS: LazyLock<DetectorSet> = LazyLock::new(|| {
    DetectorSet::new(&Catalogue::embedded().expect("the catalogue")).expect("its detectors")
});

/// A match: offset, length, line, column, encodings, detector, fingerprint.
type Seen = (u64, u64, u64, Option<u64>, Vec<&'static str>, u16, String);

/// All matches in an archive, read with buffers of this size.
fn matches(archive: &[u8], window: usize) -> Vec<Seen> {
    let opened = source::open_stream(std::io::Cursor::new(archive.to_vec()), "a test", None);
    let options = ScanOptions { window, jobs: 2, ..ScanOptions::default() };
    let search = Search { detectors: &DETECTORS, own_secrets: None };
    let scanned = scan(opened, &options, search, &Silent).expect("an image");
    let blob = &scanned.blobs[&scanned.images[0].layers[0].key];
    let seen = blob.matches.iter().map(|one| {
        let Finder::Detector(detector) = one.found.finder else { panic!("no own secrets were given") };
        let key = fingerprint(&String::from_utf8_lossy(one.found.secret.expose()));
        (one.offset, one.length, one.line, one.column, one.found.encodings.clone(), detector.0, key)
    });
    seen.collect()
}

/// What a file is made of.
#[derive(Clone, Debug)]
enum Piece {
    Lines(usize),
    Noise(usize),
    /// Base64 of text without any key.
    Long(usize),
    /// A text with a key, in this encoding.
    Encoded(usize, u64),
    /// The same in the middle of much more text, all of it in this encoding.
    Deep(usize, u64, usize),
}

const FORMS: usize = 9;

fn encoded(form: usize, text: &str) -> Vec<u8> {
    let hex = |text: &[u8]| text.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match form {
        0 => STANDARD.encode(text).into_bytes(),
        1 => URL_SAFE_NO_PAD.encode(text).into_bytes(),
        2 => hex(text.as_bytes()).into_bytes(),
        3 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        4 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        5 => text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>().into_bytes(),
        6 => text.bytes().map(|byte| format!("\\u{byte:04x}")).collect::<String>().into_bytes(),
        7 => {
            let lines = STANDARD.encode(text).into_bytes();
            lines.chunks(76).map(|line| [b"    ", line, b"\n"].concat()).collect::<Vec<_>>().concat()
        }
        _ => STANDARD.encode(STANDARD.encode(text)).into_bytes(),
    }
}

fn filler(length: usize) -> String {
    let words = ["lorem", "ipsum", "dolor", "sit", "amet,", "consectetur", "adipiscing\n", "elit."];
    let mut text = String::new();
    for number in 0_usize.. {
        if text.len() >= length {
            break;
        }
        text.push_str(words[number * 7919 % 31 % words.len()]);
        text.push(' ');
    }
    text
}

impl Piece {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Lines(length) => filler(*length).into_bytes(),
            Self::Noise(length) => {
                (0..*length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
            }
            Self::Long(length) => STANDARD.encode(filler(*length)).into_bytes(),
            Self::Encoded(form, seed) => {
                [b"\nname: \"", &encoded(*form, &format!("token={}\n", key(*seed)))[..], b"\"\n"].concat()
            }
            Self::Deep(form, seed, length) => {
                let text = format!("{}\ntoken={} {}", filler(*length), key(*seed), filler(*length / 2));
                [b"\n ", &encoded(*form, &text)[..], b"\n"].concat()
            }
        }
    }
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        3 => (1_usize..30_000).prop_map(Piece::Lines),
        1 => (1_usize..3_000).prop_map(Piece::Noise),
        1 => (1_usize..60_000).prop_map(Piece::Long),
        8 => (0..FORMS, any::<u64>()).prop_map(|(form, seed)| Piece::Encoded(form, seed)),
        4 => (0..FORMS, any::<u64>(), 0_usize..30_000).prop_map(|(form, seed, length)| Piece::Deep(form, seed, length)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_size_of_a_buffer_changes_nothing(pieces in proptest::collection::vec(piece(), 1..12)) {
        let body: Vec<u8> = pieces.iter().flat_map(Piece::bytes).collect();
        let archive = docker_classic(&[&ImageBuilder::new("app:1").layer(Layer::new().file("a", &body)).build()]).tar();
        let whole = matches(&archive, 16 * 1024 * 1024);
        for piece in &pieces {
            if let Piece::Encoded(_, seed) | Piece::Deep(_, seed, _) = piece {
                let token = fingerprint(&key(*seed));
                prop_assert!(whole.iter().any(|one| one.6 == token), "{:?} was not found", piece);
            }
        }
        for window in [4096, 4097, 10_000, 65_536, 512 * 1024] {
            let cut = matches(&archive, window);
            let place = |one: &Seen| (one.0, one.1, one.2, one.3, one.4.clone(), one.5);
            prop_assert_eq!(cut.iter().map(place).collect::<Vec<_>>(), whole.iter().map(place).collect::<Vec<_>>(), "buffers of {}", window);
            prop_assert!(cut == whole, "other keys with buffers of {}", window);
        }
    }
}

/// One key at every offset around the seams of cells and buffers.
#[test]
fn an_encoded_key_is_found_at_every_offset_around_a_seam() {
    const CELL: usize = 20 * 1024;
    let mut body = Vec::new();
    let mut expected = Vec::new();
    for (number, cut) in (1_u64..).zip(0..80_usize) {
        let key = made("{{github:ghp_}}", number);
        let text = encoded(cut % FORMS, &key);
        // From ending in front of the end of a cell to beginning behind it.
        let at = (cut + 1) * CELL - (text.len() + 8) + (text.len() + 16) * cut / 80;
        let front = filler(at - body.len());
        body.extend_from_slice(&front.as_bytes()[..at - body.len() - 1]);
        body.push(b'\n');
        body.extend_from_slice(&text);
        body.push(b'\n');
        expected.push(fingerprint(&key));
    }
    let archive =
        docker_classic(&[&ImageBuilder::new("app:1").layer(Layer::new().file("a", &body)).build()]).tar();
    for window in [4096, 512 * 1024] {
        let found: Vec<String> = matches(&archive, window).into_iter().map(|one| one.6).collect();
        let missing: Vec<usize> = (0..expected.len()).filter(|n| !found.contains(&expected[*n])).collect();
        assert_eq!(missing, Vec::<usize>::new(), "with buffers of {window}");
        assert_eq!(found.len(), expected.len(), "with buffers of {window}");
    }
}
