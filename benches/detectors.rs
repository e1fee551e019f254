//! What each detector costs on real content, as a share of a search of the same content by all of them.
//!
//! ```text
//! cargo bench --bench detectors                     # what a Debian machine has below /usr
//! cargo bench --bench detectors -- FOLDER... [MB=N] # other content, N MB of each folder at most
//! cargo bench --bench detectors -- load             # what it takes to load the catalogue
//! ```
//!
//! Every file is cut into the windows of a scan. A first search compiles what is compiled at need; of the
//! three that are timed as a whole, the quickest counts. Then every window's anchors are recorded, and
//! those of one detector at a time followed and judged twice, the quicker of which counts, less what the
//! clock itself costs. What remains of the whole is the pass over every byte for the literals, which no
//! detector has for itself.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::literal::Literals;
use keyseam::detect::set::Led;
use keyseam::detect::{DetectorSet, Place, Scratch, Window};
use keyseam::limits::{CONTEXT_RADIUS, WINDOW_FRESH};

/// What a detector costs at most, in hundredths of a search.
const MOST: f64 = 1.0;

/// What there is of contents: programs, scripts, texts, pages, data.
const USUAL: [&str; 3] = ["/usr/bin", "/usr/lib", "/usr/share"];

/// What one detector did.
#[derive(Clone, Default)]
struct Cost {
    time: Duration,
    leads: u64,
    hits: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|argument| argument == "load") {
        return load();
    }
    let megabytes = arguments.iter().find_map(|argument| argument.strip_prefix("MB=")?.parse().ok());
    let folders: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("MB=")).collect();
    let folders: Vec<PathBuf> = match folders.as_slice() {
        [] => USUAL.iter().map(PathBuf::from).collect(),
        given => given.iter().map(PathBuf::from).collect(),
    };
    let mut files = Vec::new();
    for folder in &folders {
        collect(folder, megabytes.unwrap_or(150) * 1_000_000, &mut files);
    }
    report(&files);
}

/// Prints what it takes to load the catalogue: the first time in a process, and the median of a hundred.
fn load() {
    const PARTS: [&str; 3] = ["definitions", "the set, its literals left out", "its literals"];
    let mut times: Vec<[Duration; 3]> = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        let catalogue = Catalogue::embedded().unwrap();
        let read = start.elapsed();
        let start = Instant::now();
        let set = DetectorSet::new(&catalogue).unwrap();
        let built = start.elapsed();
        let literals = set.literals().to_vec();
        let start = Instant::now();
        let literals = Literals::new(literals).unwrap();
        let filter = start.elapsed();
        times.push([read, built.saturating_sub(filter), filter]);
        if times.len() == 100 {
            let detectors = catalogue.definitions().len();
            println!(
                "{detectors} detectors, {} literals: the first load and a later one",
                literals.all().len()
            );
        }
    }
    for (which, part) in PARTS.iter().enumerate() {
        let first = times[0][which];
        let mut times: Vec<Duration> = times.iter().map(|time| time[which]).collect();
        times.sort();
        println!("{part:<32} {first:>10.2?} {:>10.2?}", times[times.len() / 2]);
    }
    println!();
}

/// The contents below `folder`, in the order of their paths, up to `left` bytes.
fn collect(folder: &Path, mut left: usize, files: &mut Vec<(Vec<u8>, Vec<u8>)>) {
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let Ok(about) = std::fs::symlink_metadata(&path) else { continue };
        if about.is_dir() {
            let mut entries: Vec<PathBuf> =
                std::fs::read_dir(&path).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
            entries.sort();
            waiting.extend(entries.into_iter().rev());
        } else if about.is_file() && left > 0 {
            let Ok(mut content) = std::fs::read(&path) else { continue };
            content.truncate(left);
            left -= content.len();
            files.push((path.as_os_str().as_encoded_bytes().to_vec(), content));
        }
    }
}

/// Calls `each` with every window of the content, as a scan cuts it.
fn windows(path: &[u8], content: &[u8], mut each: impl FnMut(&Window<'_>)) {
    for from in (0..content.len()).step_by(WINDOW_FRESH) {
        let to = (from + WINDOW_FRESH).min(content.len());
        let first = from.saturating_sub(CONTEXT_RADIUS);
        let last = (to + CONTEXT_RADIUS + 1).min(content.len());
        each(&Window {
            bytes: &content[first..last],
            owned: from - first..to - first,
            starts: first == 0,
            ends: last == content.len(),
            place: Place::File,
            path,
        });
    }
}

fn report(files: &[(Vec<u8>, Vec<u8>)]) {
    let catalogue = Catalogue::embedded().unwrap();
    let set = DetectorSet::new(&catalogue).unwrap();
    let mut scratch = Scratch::default();
    search(&set, &mut scratch, files);
    let whole = (0..3).map(|_| search(&set, &mut scratch, files)).min().unwrap();
    let costs = measure(&set, &mut scratch, files, catalogue.definitions().len());
    let share = |time: Duration| 100.0 * time.as_secs_f64() / whole.as_secs_f64();
    let mut rows: Vec<(&str, Cost)> =
        catalogue.definitions().iter().map(|definition| definition.id.as_str()).zip(costs).collect();
    rows.sort_by_key(|(id, cost)| (std::cmp::Reverse(cost.time), *id));
    let bytes: usize = files.iter().map(|(_, content)| content.len()).sum();
    let speed = bytes as f64 / 1e6 / whole.as_secs_f64();
    println!(
        "{} files, {} MB, a search by all of them {whole:.2?}, {speed:.0} MB/s\n",
        files.len(),
        bytes / 1_000_000
    );
    println!(
        "{:<44} {:>10} {:>8} {:>9} {:>8} {:>7}",
        "detector", "anchors", "ns each", "ms", "found", "share"
    );
    for (id, cost) in rows.iter().filter(|(_, cost)| cost.leads > 0) {
        let each = cost.time.as_nanos() as f64 / cost.leads as f64;
        let time = cost.time.as_secs_f64() * 1e3;
        println!(
            "{id:<44} {:>10} {each:>8.0} {time:>9.2} {:>8} {:>6.2}%",
            cost.leads,
            cost.hits,
            share(cost.time)
        );
    }
    let sum: Duration = rows.iter().map(|(_, cost)| cost.time).sum();
    let over = rows.iter().filter(|(_, cost)| share(cost.time) > MOST).count();
    println!("\nall detectors: {sum:.2?}, {:.1} %; over {MOST} %: {over}", share(sum));
}

/// The time of a whole search of the files.
fn search(set: &DetectorSet, scratch: &mut Scratch, files: &[(Vec<u8>, Vec<u8>)]) -> Duration {
    let start = Instant::now();
    let mut hits = Vec::new();
    for (path, content) in files {
        windows(path, content, |window| set.scan(window, scratch, &mut hits));
        hits.clear();
    }
    start.elapsed()
}

/// By detector: what it costs to follow its anchors alone.
fn measure(
    set: &DetectorSet,
    scratch: &mut Scratch,
    files: &[(Vec<u8>, Vec<u8>)],
    count: usize,
) -> Vec<Cost> {
    let mut costs = vec![Cost::default(); count];
    let mut hits = Vec::new();
    // The better of two, because what else the machine does falls on either.
    let mut timed = |window: &Window<'_>, leads: &[Led]| {
        let mut best = (Duration::MAX, 0);
        for _ in 0..2 {
            hits.clear();
            let start = Instant::now();
            set.follow_all(window, leads, scratch, &mut hits);
            best = best.min((start.elapsed(), hits.len() as u64));
        }
        best
    };
    // Of nothing followed, the clock and the call are what is counted.
    let empty = Window { bytes: b"", owned: 0..0, starts: true, ends: true, place: Place::File, path: b"" };
    let own = (0..1000).map(|_| timed(&empty, &[]).0).min().unwrap();
    for (path, content) in files {
        windows(path, content, |window| {
            let mut leads = set.leads(window);
            leads.sort_by_key(|led| led.detector);
            for leads in leads.chunk_by(|a, b| a.detector == b.detector) {
                let (time, found) = timed(window, leads);
                let cost = &mut costs[usize::from(leads[0].detector.0)];
                cost.time += time.saturating_sub(own);
                cost.leads += leads.len() as u64;
                cost.hits += found;
            }
        });
    }
    costs
}
