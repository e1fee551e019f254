//! What the decompression of gzip costs: MB/s of content, by processor time, of this project's decoder, of
//! flate2 with zlib-rs, and of the programs igzip and libdeflate-gzip where there are any; on gzip files,
//! such as layers of images, in turns.
//!
//! ```text
//! cargo bench --bench inflate -- IMAGES/blobs/sha256/*
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::process::{Command, Stdio};

use keyseam::layer::inflate::GzDecoder;

/// Rounds, in each of which every way takes every file once. The best of a way counts.
const ROUNDS: usize = 5;

/// Bytes read at once, and taken at once.
const READ: usize = 128 * 1024;
const TAKEN: usize = 256 * 1024;

/// A way of decompression, and the processor seconds that it took for a file.
type Way = (&'static str, fn(&str) -> Option<f64>);

const WAYS: [Way; 4] = [
    ("ours", |file| Some(decode(GzDecoder::new(open(file))).0)),
    ("zlib-rs", |file| Some(decode(flate2::bufread::GzDecoder::new(open(file))).0)),
    ("igzip", |file| program("igzip", file)),
    ("libdeflate", |file| program("libdeflate-gzip", file)),
];

fn main() {
    let files = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let files: Vec<String> = files.filter(|file| is_gzip(file)).collect();
    println!("{:>12} {:>12}  {}", "stored", "content", WAYS.map(|(name, _)| format!("{name:>10}")).concat());
    let mut all = (0, [0.0; WAYS.len()]);
    for file in &files {
        let content = decode(GzDecoder::new(open(file))).1;
        let mut best = [f64::INFINITY; WAYS.len()];
        for _ in 0..ROUNDS {
            for (best, (_, way)) in best.iter_mut().zip(WAYS) {
                *best = best.min(way(file).unwrap_or(f64::INFINITY));
            }
        }
        print_line(fs::metadata(file).unwrap().len(), content, &best);
        all.0 += content;
        all.1.iter_mut().zip(best).for_each(|(all, best)| *all += best);
    }
    print_line(0, all.0, &all.1);
}

fn print_line(stored: u64, content: u64, seconds: &[f64]) {
    let speeds: String =
        seconds.iter().map(|taken| format!("{:>10.0}", content as f64 / taken / 1e6)).collect();
    println!("{stored:>12} {content:>12}  {speeds}");
}

fn is_gzip(file: &str) -> bool {
    let mut head = [0; 3];
    File::open(file).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == [0x1f, 0x8b, 8]
}

fn open(file: &str) -> BufReader<File> {
    BufReader::with_capacity(READ, File::open(file).unwrap())
}

/// Processor seconds for all of `decoder`'s content, and its length.
fn decode(mut decoder: impl Read) -> (f64, u64) {
    let mut buffer = vec![0; TAKEN];
    let before = processor_seconds("self");
    let mut length = 0;
    loop {
        match decoder.read(&mut buffer).unwrap() {
            0 => return (processor_seconds("self") - before, length),
            count => length += count as u64,
        }
    }
}

/// Processor seconds that a thread has taken: the kernel counts them by the nanosecond.
fn processor_seconds(process: &str) -> f64 {
    let counts = fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap();
    counts.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// Processor seconds of a program that decompresses `file`, if there is such a program.
fn program(name: &str, file: &str) -> Option<f64> {
    let mut child = Command::new(name).args(["-dc", file]).stdout(Stdio::null()).spawn().ok()?;
    // The counts of a process that has ended are there until it is waited for.
    let process = child.id().to_string();
    while !fs::read_to_string(format!("/proc/{process}/stat")).unwrap().contains(") Z") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let seconds = processor_seconds(&process);
    child.wait().unwrap().success().then_some(seconds)
}
