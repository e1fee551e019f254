//! What a scan costs, held against what it cannot do without: MB/s of decompressed bytes for
//! decompression alone, with the tar walked, and for the whole scan, each with the peak memory of a
//! process of its own, on images of real content.
//!
//! ```text
//! benches/image.sh target/bench-images        # once; needs root and the package mirrors
//! cargo bench --bench scan                    # all images there, three rounds, medians
//! cargo bench --bench scan -- FOLDER ROUNDS
//! cargo bench --bench scan -- FOLDER ROUNDS kinds   # what each kind of content that is opened costs
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use keyseam::detect::DetectorSet;
use keyseam::detect::catalogue::Catalogue;
use keyseam::encoding::Encodings;
use keyseam::image::manifest::{BlobKey, ImageBlob};
use keyseam::image::platform::PlatformSet;
use keyseam::layer::decompress::Decompressed;
use keyseam::layer::tar::TarReader;
use keyseam::scan::kinds::Kinds;
use keyseam::scan::matches::Search;
use keyseam::scan::{ScanOptions, progress::Silent};
use keyseam::source::{Access, ImageSource, Opened};
use keyseam::target::Target;

const PHASES: [&str; 3] = ["decompress", "decompress+tar", "scan"];

/// The whole scan, and what it looks into without one kind or another.
fn kinds() -> Vec<(String, Kinds)> {
    let (all, encodings) = (Kinds::default(), Encodings::EACH.into_iter());
    let mut kinds = vec![
        ("scan".to_owned(), all),
        ("no archives".to_owned(), Kinds { archives: false, ..all }),
        ("no ownership".to_owned(), Kinds { ownership: false, ..all }),
        ("no encodings".to_owned(), Kinds { encodings: Encodings::NONE, ..all }),
    ];
    kinds.extend(
        encodings.map(|(name, kind)| {
            (format!("no {name}"), Kinds { encodings: all.encodings.without(kind), ..all })
        }),
    );
    let none = Kinds { archives: false, ownership: false, encodings: Encodings::NONE };
    kinds.push(("none of them".to_owned(), none));
    kinds
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [phase, layout] = &arguments[..]
        && Path::new(layout).join("index.json").exists()
    {
        return run_phase(phase, layout);
    }
    let folder = arguments.first().map_or_else(|| PathBuf::from("target/bench-images"), PathBuf::from);
    let rounds = arguments.get(1).map_or(3, |rounds| rounds.parse().unwrap());
    let mut images: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}; run benches/image.sh first", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("index.json").exists())
        .collect();
    images.sort();
    let phases: Vec<String> = match arguments.get(2).map(String::as_str) {
        Some("kinds") => kinds().into_iter().map(|(name, _)| name).collect(),
        _ => PHASES.map(str::to_owned).to_vec(),
    };
    println!(
        "{:<10} {:<16} {:>8} {:>8} {:>8} {:>7} {:>7}",
        "image", "phase", "MB", "MB/s", "seconds", "CPU", "MiB"
    );
    for image in images {
        report(&image, rounds, &phases);
    }
}

/// Runs the phases in turn, each in a process of its own, and prints their medians.
fn report(image: &Path, rounds: usize, phases: &[String]) {
    let mut figures: Vec<Vec<[f64; 4]>> = vec![Vec::new(); phases.len()];
    for _ in 0..rounds {
        for (phase, figures) in phases.iter().zip(&mut figures) {
            let output = Command::new(std::env::current_exe().unwrap())
                .arg(phase)
                .arg(image)
                .stderr(Stdio::inherit())
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let words: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
            figures.push(words.try_into().unwrap());
        }
    }
    for (phase, figures) in phases.iter().zip(figures) {
        let median = |field: usize| {
            let mut values: Vec<f64> = figures.iter().map(|figure| figure[field]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let (megabytes, seconds, cpu, memory) = (median(0), median(1), median(2), median(3));
        let name = image.file_name().unwrap().to_string_lossy();
        let speed = megabytes / seconds;
        println!(
            "{name:<10} {phase:<16} {megabytes:>8.0} {speed:>8.0} {seconds:>8.2} {cpu:>7.2} {memory:>7.0}"
        );
    }
}

/// One phase over one image: prints decompressed MB, seconds, seconds of all cores, and peak memory in MiB.
fn run_phase(phase: &str, layout: &str) {
    let target = Target::parse(&format!("oci:{layout}")).unwrap();
    let Opened::Indexed(source) = keyseam::source::open(&target, &Access::default()).unwrap() else {
        panic!("not a folder")
    };
    let start = Instant::now();
    let bytes = match phase {
        "decompress" => each_layer(&*source, &|content| io::copy(content, &mut io::sink()).unwrap()),
        "decompress+tar" => each_layer(&*source, &walk),
        _ => whole_scan(source, kinds().into_iter().find(|(name, _)| name == phase).unwrap().1),
    };
    let seconds = start.elapsed().as_secs_f64();
    println!("{} {seconds} {} {}", bytes as f64 / 1e6, cpu_seconds(), peak_memory());
}

fn each_layer(source: &dyn ImageSource, read: &(dyn Fn(&mut dyn Read) -> u64 + Sync)) -> u64 {
    let images = source.resolve(&PlatformSet::All).unwrap();
    let mut layers: Vec<ImageBlob> = images.into_iter().flat_map(|image| image.layers).collect();
    layers.sort_by_key(|layer| layer.size);
    let layers = Mutex::new(layers);
    let next = || layers.lock().unwrap().pop();
    std::thread::scope(|scope| {
        let worker = || {
            let mut bytes = 0;
            while let Some(layer) = next() {
                bytes += read(&mut Decompressed::new(source.open(&layer).unwrap(), None).unwrap());
            }
            bytes
        };
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    })
}

fn walk(content: &mut dyn Read) -> u64 {
    let mut tar = TarReader::new();
    let mut events = Vec::new();
    let mut buffer = vec![0; 512 * 1024];
    let mut bytes = 0;
    loop {
        let read = content.read(&mut buffer).unwrap();
        if read == 0 {
            return bytes;
        }
        tar.feed(&buffer[..read], &mut events);
        events.clear();
        bytes += read as u64;
    }
}

fn whole_scan(source: Box<dyn ImageSource>, kinds: Kinds) -> u64 {
    let catalogue = Catalogue::embedded().unwrap();
    let detectors = DetectorSet::new(&catalogue).unwrap();
    let search = Search { detectors: &detectors, own_secrets: None };
    let options = ScanOptions { platforms: PlatformSet::All, kinds, ..ScanOptions::default() };
    let scanned = keyseam::scan::scan(Opened::Indexed(source), &options, search, &Silent).unwrap();
    let blobs: Vec<(&BlobKey, u64)> = scanned.blobs.iter().map(|(key, scan)| (key, scan.bytes)).collect();
    blobs.iter().map(|(_, bytes)| bytes).sum()
}

/// The high-water mark of this process' resident memory in MiB.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("0 0");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// What this process took of all cores, in seconds: the kernel counts in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program may hold blanks.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
