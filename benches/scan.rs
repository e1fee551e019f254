//! What a scan costs, held against what it cannot do without: MB/s of decompressed bytes for
//! decompression alone, with the tar walked, and for the whole scan, each with the peak memory of a
//! process of its own, on images of real content.
//!
//! ```text
//! benches/image.sh target/bench-images        # once; needs root and the package mirrors
//! cargo bench --bench scan                    # all images there, three rounds, medians
//! cargo bench --bench scan -- FOLDER ROUNDS
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use keyseam::detect::DetectorSet;
use keyseam::detect::catalogue::Catalogue;
use keyseam::image::manifest::{BlobKey, ImageBlob};
use keyseam::image::platform::PlatformSet;
use keyseam::layer::decompress::Decompressed;
use keyseam::layer::tar::TarReader;
use keyseam::scan::matches::Search;
use keyseam::scan::{ScanOptions, progress::Silent};
use keyseam::source::{Access, ImageSource, Opened};
use keyseam::target::Target;

const PHASES: [&str; 3] = ["decompress", "decompress+tar", "scan"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [phase, layout] = &arguments[..]
        && PHASES.contains(&phase.as_str())
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
    println!("{:<10} {:<16} {:>8} {:>8} {:>8} {:>7}", "image", "phase", "MB", "MB/s", "seconds", "MiB");
    for image in images {
        report(&image, rounds);
    }
}

/// Runs the phases in turn, each in a process of its own, and prints their medians.
fn report(image: &Path, rounds: usize) {
    let mut figures: [Vec<[f64; 3]>; 3] = Default::default();
    for _ in 0..rounds {
        for (phase, figures) in PHASES.iter().zip(&mut figures) {
            let output = Command::new(std::env::current_exe().unwrap())
                .arg(phase)
                .arg(image)
                .stderr(Stdio::inherit())
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let mut words = text.split_whitespace().map(|word| word.parse::<f64>().unwrap());
            figures.push([words.next().unwrap(), words.next().unwrap(), words.next().unwrap()]);
        }
    }
    for (phase, figures) in PHASES.iter().zip(figures) {
        let median = |field: usize| {
            let mut values: Vec<f64> = figures.iter().map(|figure| figure[field]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let (megabytes, seconds, memory) = (median(0), median(1), median(2));
        let name = image.file_name().unwrap().to_string_lossy();
        let speed = megabytes / seconds;
        println!("{name:<10} {phase:<16} {megabytes:>8.0} {speed:>8.0} {seconds:>8.2} {memory:>7.0}");
    }
}

/// One phase over one image: prints decompressed MB, seconds, and peak memory in MiB.
fn run_phase(phase: &str, layout: &str) {
    let target = Target::parse(&format!("oci:{layout}")).unwrap();
    let Opened::Indexed(source) = keyseam::source::open(&target, &Access::default()).unwrap() else {
        panic!("not a folder")
    };
    let start = Instant::now();
    let bytes = match phase {
        "decompress" => each_layer(&*source, &|content| io::copy(content, &mut io::sink()).unwrap()),
        "decompress+tar" => each_layer(&*source, &walk),
        _ => whole_scan(source),
    };
    let seconds = start.elapsed().as_secs_f64();
    println!("{} {seconds} {}", bytes as f64 / 1e6, peak_memory());
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

fn whole_scan(source: Box<dyn ImageSource>) -> u64 {
    let catalogue = Catalogue::embedded().unwrap();
    let detectors = DetectorSet::new(&catalogue).unwrap();
    let search = Search { detectors: &detectors, own_secrets: None };
    let options = ScanOptions { platforms: PlatformSet::All, ..ScanOptions::default() };
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
