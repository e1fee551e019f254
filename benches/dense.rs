//! The slowest texts that the catalogue's own examples make: cut off, and repeated without end.
//!
//! ```text
//! cargo bench --bench dense               # the thirty slowest
//! cargo bench --bench dense -- 100 KIB=64 # more of them, in texts of so many KiB
//! cargo bench --bench dense -- EVERY=10   # of every tenth detector
//! cargo bench --bench dense -- TEXT       # one text, repeated
//! ```
//!
//! A text of anchors that lead to no key is what somebody would make who wants a scan to take for ever.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::self_test::make;
use keyseam::detect::{DetectorSet, Place, Scratch, Window};

/// What stands between one piece and the next.
const JOINTS: [&str; 2] = ["", "\n"];

/// In how many places an example is cut off.
const CUTS: usize = 3;

/// Bytes that are tried first, and seconds a megabyte that are not worth a second look.
const SHORT: usize = 2048;
const QUICK: f64 = 0.1;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |prefix: &str| arguments.iter().find_map(|given| given.strip_prefix(prefix)?.parse().ok());
    let (rows, length) = (number("").unwrap_or(30), number("KIB=").unwrap_or(64_usize) * 1024);
    let is_text = |given: &&String| {
        given.parse::<usize>().is_err() && !["KIB=", "EVERY="].iter().any(|option| given.starts_with(option))
    };
    let text = arguments.iter().find(is_text);
    let catalogue = Catalogue::embedded().unwrap();
    let set = DetectorSet::new(&catalogue).unwrap();
    let mut scratch = Scratch::default();
    let mut slowest: Vec<(Duration, u64, String, Vec<u8>)> = Vec::new();
    let mut time = |name: &str, path: &str, piece: &[u8]| {
        let bytes: Vec<u8> = piece.iter().copied().cycle().take(length).collect();
        // Most are quick, which a short text of them tells; before that, expressions are compiled.
        let short = &bytes[..length.min(SHORT)];
        search(&set, &mut scratch, path, short);
        let (took, _) = search(&set, &mut scratch, path, short);
        if took.as_secs_f64() * 1e6 < QUICK * short.len() as f64 {
            return;
        }
        let (took, given_up) = search(&set, &mut scratch, path, &bytes);
        slowest.push((took, given_up, name.to_owned(), piece.to_vec()));
    };
    if let Some(text) = text {
        time("-", "app/file", text.as_bytes());
    }
    for definition in
        catalogue.definitions().iter().step_by(number("EVERY=").unwrap_or(1)).filter(|_| text.is_none())
    {
        for example in &definition.examples {
            let made = make(definition, example, 1).unwrap();
            let key = memchr::memmem::find(&made.text, &made.key).unwrap_or(made.text.len() / 2);
            let mut ends: Vec<usize> = (1..=CUTS).map(|cut| made.text.len() * cut / CUTS).collect();
            ends.extend([key, key + made.key.len() / 2, (key + made.key.len()).saturating_sub(1)]);
            ends.retain(|end| *end > 0 && *end <= made.text.len());
            ends.sort_unstable();
            ends.dedup();
            for end in ends {
                for joint in JOINTS {
                    let piece = [&made.text[..end], joint.as_bytes()].concat();
                    time(&definition.id, &made.path, &piece);
                }
            }
        }
    }
    slowest.sort_by_key(|(took, ..)| std::cmp::Reverse(*took));
    println!("{:>9} {:>8}  {:<36} piece", "s a MB", "given up", "detector");
    for (took, given_up, name, piece) in slowest.iter().take(rows) {
        let text: String = String::from_utf8_lossy(piece).chars().take(90).collect();
        println!(
            "{:>9.3} {given_up:>8}  {name:<36} {} {text:?}",
            took.as_secs_f64() * 1e6 / length as f64,
            piece.len()
        );
    }
}

/// The time of one search of a file, and how many stretches of it were given up.
fn search(set: &DetectorSet, scratch: &mut Scratch, path: &str, bytes: &[u8]) -> (Duration, u64) {
    let (owned, path) = (0..bytes.len(), path.as_bytes());
    let window = Window { bytes, owned, starts: true, ends: true, place: Place::File, path };
    let start = Instant::now();
    set.scan_with_halves(&window, scratch, &mut Vec::new());
    let took = start.elapsed();
    (took, scratch.take_given_up())
}
