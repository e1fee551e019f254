//! What one key costs: a file of nothing but valid tokens, one a line, on one thread, and the same file
//! with every checksum wrong.
//!
//! ```text
//! cargo bench --bench hits            # a million tokens
//! cargo bench --bench hits -- 10000000
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::time::Instant;

use keyseam::detect::DetectorSet;
use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::template::Seed;
use keyseam::image::digest::Algorithm;
use keyseam::limits::{LAYER_CONTENT, WINDOW_FRESH};
use keyseam::scan::blob::{BlobAsk, read_blob};
use keyseam::scan::matches::{Search, Workspace};
use keyseam::scan::pool::Pool;
use keyseam::scan::progress::{Progress, Silent};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn main() {
    let count = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let catalogue = Catalogue::embedded().unwrap();
    let detectors = DetectorSet::new(&catalogue).unwrap();
    println!("{:<20} {:>10} {:>8} {:>8} {:>10}", "tokens", "kept", "MB/s", "seconds", "ns a token");
    for (name, wrong) in [("wrong checksums", 1), ("valid", 0)] {
        let text = tokens(count, wrong);
        let search = Search { detectors: &detectors, own_secrets: None };
        let pool = Pool::new(search, WINDOW_FRESH, 1);
        let mut space = Workspace::default();
        let ask = BlobAsk {
            algorithm: Algorithm::Sha256,
            diff_id: false,
            content_limit: LAYER_CONTENT,
            statement: false,
        };
        let start = Instant::now();
        let read = read_blob(&text[..], ask, &pool, &mut space, &*Silent.layer("", None));
        let kept = read.finish().matches.len();
        let seconds = start.elapsed().as_secs_f64();
        let speed = text.len() as f64 / 1e6 / seconds;
        let each = seconds * 1e9 / count as f64;
        println!("{name:<20} {kept:>10} {speed:>8.0} {seconds:>8.2} {each:>10.0}");
    }
}

/// Tokens as the check has them: 30 random characters and their CRC-32, to which `wrong` is added.
fn tokens(count: usize, wrong: u32) -> Vec<u8> {
    let mut seed = Seed(7);
    let mut text = Vec::with_capacity(count * 41);
    for _ in 0..count {
        text.extend_from_slice(b"ghp_");
        let start = text.len();
        text.extend((0..30).map(|_| BASE62[seed.below(62)]));
        let mut check = crc32fast::hash(&text[start..]).wrapping_add(wrong);
        let mut digits = [0; 6];
        for digit in digits.iter_mut().rev() {
            *digit = BASE62[(check % 62) as usize];
            check /= 62;
        }
        text.extend_from_slice(&digits);
        text.push(b'\n');
    }
    text
}
