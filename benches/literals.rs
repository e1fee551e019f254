//! What the pass over every byte costs: MB/s of the search for literals, with the processor's vectors and
//! without, held against an automaton of aho-corasick on the same bytes in turns; with all anchors of the
//! catalogue and with one in five, over the files of folders and over content made to cost most.
//!
//! ```text
//! cargo bench --bench literals -- /usr/lib /usr/share node_modules
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use keyseam::detect::DetectorSet;
use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::literal::{Literal, Literals};
use keyseam::limits;

/// Bytes of one folder that are read at most, and of one file.
const FOLDER: usize = 100_000_000;
const FILE: usize = 4_000_000;

/// Rounds, in each of which every way takes every window once.
const ROUNDS: usize = 3;

fn main() {
    let folders: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let catalogue = Catalogue::embedded().unwrap();
    let start = Instant::now();
    let detectors = DetectorSet::new(&catalogue).unwrap();
    let anchors = detectors.literals().to_vec();
    println!("the whole set is compiled in {:?}", start.elapsed());
    let some = anchors.iter().step_by(5).cloned().collect();
    for literals in [anchors, some] {
        let ways = Ways::new(&literals);
        let mut contents: Vec<(String, Vec<u8>)> = Vec::new();
        for folder in &folders {
            let mut content = Vec::new();
            gather(Path::new(folder), &mut content);
            contents.push((folder.clone(), content));
        }
        contents.extend(floods(&literals));
        for (name, content) in &contents {
            ways.compare(name, content);
        }
    }
}

/// The ways of finding literals.
struct Ways {
    vectors: Literals,
    plain: Literals,
    automaton: AhoCorasick,
}

impl Ways {
    /// All ways, with a line on what it takes to build them.
    fn new(literals: &[Literal]) -> Self {
        let built = || Literals::new(literals.to_vec()).unwrap();
        let automaton = || {
            let mut builder = AhoCorasick::builder();
            builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA));
            builder.build(literals.iter().map(|literal| &literal.text)).unwrap()
        };
        let best = |build: &dyn Fn()| -> Duration {
            let runs = (0..5).map(|_| {
                let start = Instant::now();
                build();
                start.elapsed()
            });
            runs.min().unwrap()
        };
        let (ours, theirs) = (best(&|| drop(built())), best(&|| drop(automaton())));
        println!("\n{} literals, compiled in {ours:?}; the automaton in {theirs:?}", literals.len());
        println!(
            "{:<32} {:>4} {:>8} {:>6} {:>6} {:>9} {:>6} {:>8}",
            "content", "MB", "vectors", "ratio", "plain", "automaton", "ratio", "hits/MB"
        );
        Self { vectors: built(), plain: built().without_vectors(), automaton: automaton() }
    }

    /// Searches windows of `content` in all ways, in turns. Each ratio is one to the automaton's speed.
    fn compare(&self, name: &str, content: &[u8]) {
        let (mut times, mut hits) = ([Duration::ZERO; 3], 0_usize);
        for _ in 0..ROUNDS {
            for window in content.chunks(limits::WINDOW_FRESH) {
                let start = Instant::now();
                self.vectors.each(window, 0..window.len(), |_, _| hits += 1);
                times[0] += start.elapsed();
                let start = Instant::now();
                self.plain.each(window, 0..window.len(), |number, at| _ = black_box((number, at)));
                times[1] += start.elapsed();
                let start = Instant::now();
                black_box(self.automaton.find_overlapping_iter(window).count());
                times[2] += start.elapsed();
            }
        }
        let megabytes = content.len() as f64 / 1e6;
        let [vectors, plain, theirs] = times.map(|time| megabytes * ROUNDS as f64 / time.as_secs_f64());
        let (first, second, hits) =
            (vectors / theirs, plain / theirs, hits as f64 / ROUNDS as f64 / megabytes);
        println!(
            "{name:<32} {megabytes:>4.0} {vectors:>8.0} {first:>6.2} {plain:>6.0} {theirs:>9.0} {second:>6.2} {hits:>8.0}"
        );
    }
}

/// Contents that hold as many hits, or as many that nearly are, as can be.
fn floods(literals: &[Literal]) -> Vec<(String, Vec<u8>)> {
    const LENGTH: usize = 20_000_000;
    let repeated = |parts: &mut dyn Iterator<Item = Vec<u8>>| {
        let mut content: Vec<u8> = Vec::new();
        while content.len() < LENGTH {
            content.extend(parts.next().unwrap());
        }
        content
    };
    let shortest = literals.iter().min_by_key(|literal| literal.text.len()).unwrap();
    let all: Vec<Vec<u8>> = literals.iter().map(|literal| literal.text.clone()).collect();
    // All but the last byte: every window but the last one fits.
    let nearly: Vec<Vec<u8>> = all.iter().map(|text| text[..text.len() - 1].to_vec()).collect();
    // Of every literal the six bytes by which it is found, by turns of place.
    let pieces = nearly.iter().flat_map(|text| text.windows(6.min(text.len())).map(<[u8]>::to_vec));
    let pieces: Vec<Vec<u8>> = pieces.collect();
    let mut dearest: (Duration, Vec<u8>) = (Duration::ZERO, Vec::new());
    let found = Literals::new(literals.to_vec()).unwrap();
    for text in &all {
        let content = text.repeat(200_000 / text.len());
        let start = Instant::now();
        found.each(&content, 0..content.len(), |number, at| _ = black_box((number, at)));
        let cost = start.elapsed();
        if cost > dearest.0 {
            dearest = (cost, text.clone());
        }
    }
    vec![
        ("one byte".to_owned(), vec![b'a'; LENGTH]),
        ("the shortest, over and over".to_owned(), repeated(&mut std::iter::repeat(shortest.text.clone()))),
        ("the dearest, over and over".to_owned(), repeated(&mut std::iter::repeat(dearest.1))),
        ("all, one after another".to_owned(), repeated(&mut all.into_iter().cycle())),
        ("all without their last bytes".to_owned(), repeated(&mut nearly.into_iter().cycle())),
        ("all six bytes of all".to_owned(), repeated(&mut pieces.into_iter().cycle())),
    ]
}

/// Adds the files below `folder`.
fn gather(folder: &Path, content: &mut Vec<u8>) {
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        let Ok(kind) = path.symlink_metadata() else { continue };
        if content.len() >= FOLDER {
            return;
        } else if kind.is_dir() {
            gather(&path, content);
        } else if kind.is_file()
            && let Ok(bytes) = fs::read(&path)
        {
            content.extend(&bytes[..bytes.len().min(FILE)]);
        }
    }
}
