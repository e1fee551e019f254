//! What reading encoded content costs: MB of the detectors alone and of the whole search of a segment in a
//! second of one core, over the files of folders, and what only the decoding found there.
//!
//! ```text
//! cargo bench --bench encodings -- /usr/lib /usr/share node_modules
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::{DetectorSet, Place, Scratch};
use keyseam::encoding;
use keyseam::scan::hashed::FileLink;
use keyseam::scan::matches::{Finder, Search, Workspace, join};
use keyseam::scan::segment::{Content, Segment};

/// Bytes of one folder that are read at most, and of one file.
const FOLDER: usize = 400_000_000;
const FILE: u64 = 100_000_000;

fn main() {
    let folders: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let catalogue = Catalogue::embedded().unwrap();
    let detectors = DetectorSet::new(&catalogue).unwrap();
    println!(
        "{:<40} {:>6} {:>10} {:>10} {:>9}  found only decoded",
        "folder", "MB", "alone MB/s", "MB/s", "decoded"
    );
    for folder in &folders {
        let segments = segments(Path::new(folder));
        let total: usize = segments.iter().map(|segment| segment.slice(&[]).len()).sum();
        let speed = |search: &mut dyn FnMut(&Segment)| {
            let runs = (0..2).map(|_| {
                let start = cpu_seconds();
                segments.iter().for_each(&mut *search);
                cpu_seconds() - start
            });
            total as f64 / 1e6 / runs.fold(f64::MAX, f64::min)
        };
        let (mut scratch, mut hits) = (Scratch::default(), Vec::new());
        let alone = speed(&mut |segment| {
            detectors.scan(&segment.window(&[]), &mut scratch, &mut hits);
            hits.clear();
        });
        let mut space = Workspace::default();
        let search = Search { detectors: &detectors, own_secrets: None };
        let whole = speed(&mut |segment| drop(search.segment(segment, &[], &mut space)));
        let mut decoded = 0;
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for segment in &segments {
            encoding::each(&segment.window(&[]), 0, |text| decoded += text.bytes().len());
            for one in join(search.segment(segment, &[], &mut space)) {
                if let Finder::Detector(index) = one.found.finder
                    && !one.found.encodings.is_empty()
                {
                    let id = &catalogue.get(index).unwrap().id;
                    let path = String::from_utf8_lossy(&one.content.path).into_owned();
                    *found
                        .entry(format!("{id} {:?} {path}:{}", one.found.encodings, one.line))
                        .or_default() += 1;
                }
            }
        }
        let megabytes = total as f64 / 1e6;
        let share = 100.0 * decoded as f64 / total as f64;
        println!("{folder:<40} {megabytes:>6.0} {alone:>10.0} {whole:>10.0} {share:>8.1}%  {}", found.len());
        found.keys().take(40).for_each(|line| println!("    {line}"));
    }
}

fn segments(folder: &Path) -> Vec<Segment> {
    let mut paths = Vec::new();
    walk(folder, &mut paths);
    paths.sort();
    let mut left = FOLDER;
    let mut segments = Vec::new();
    for path in paths {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        if bytes.len() > left {
            continue;
        }
        left -= bytes.len();
        let name = Arc::from(path.to_string_lossy().as_bytes());
        let content = Content {
            id: 0,
            entry: None,
            place: Place::File,
            path: name,
            name: None,
            stated: None,
            inner: None,
            file: FileLink::default(),
        };
        segments.push(Segment { counts_lines: true, ..Segment::whole(content, bytes) });
    }
    segments
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            walk(&entry.path(), paths);
        } else if kind.is_file() && entry.metadata().is_ok_and(|data| data.len() <= FILE) {
            paths.push(entry.path());
        }
    }
}

/// How long this thread was on a core: what else the machine does makes no difference.
fn cpu_seconds() -> f64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    times.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}
