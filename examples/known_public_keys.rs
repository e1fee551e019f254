//! Lists the private keys and sample credentials that a published package carries, for
//! `src/finding/known_public.tsv`: hash, package and file, never the key. It reads a tar of the package on
//! standard input, with the eyes of a scan. `benches/known_public.sh` calls it.
//!
//! ```text
//! tar -C twisted -c . | cargo run --release --example known_public_keys -- twisted
//! ```
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::io::Read;

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::{Definition, DetectorSet, Severity};
use keyseam::image::digest::{Algorithm, Digest};
use keyseam::limits::WINDOW_FRESH;
use keyseam::scan::blob::{BlobAsk, BlobScan, read_blob};
use keyseam::scan::matches::{Finder, Search, Workspace};
use keyseam::scan::pool::Pool;
use keyseam::scan::progress::{Progress, Silent};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let package = std::env::args().nth(1).ok_or("usage: known_public_keys PACKAGE <TAR")?;
    let catalogue = Catalogue::embedded()?;
    let detectors = DetectorSet::new(&catalogue)?;
    let scan = scan(std::io::stdin().lock(), &detectors);
    for error in &scan.errors {
        eprintln!("{package}: {}", error.message);
    }
    let mut lines = BTreeMap::new();
    for found in &scan.matches {
        let Finder::Detector(detector) = found.found.finder else { continue };
        let definition = detectors.definition(detector);
        if !is_published(definition) {
            continue;
        }
        let path = String::from_utf8_lossy(&found.content.path).into_owned();
        let name: String =
            path.rsplit('/').next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
        let hash = Digest::sha256_of(found.found.secret.expose());
        let line = format!("published key: {package}, {name} ({})", definition.id);
        let known = lines.entry(hash.hex().to_owned()).or_insert_with(|| line.clone());
        *known = line.min(std::mem::take(known));
    }
    for (hash, line) in lines {
        println!("{hash}\t{line}");
    }
    Ok(())
}

/// Whether the same key elsewhere would be this one: generated keys are, passwords that people choose
/// come twice. Of ids only those that are findings by themselves.
fn is_published(definition: &Definition) -> bool {
    const CHOSEN: [&str; 2] = ["password", "connection string"];
    let counts = !definition.is_handle() || definition.severity >= Severity::Medium;
    counts && !definition.is_guess() && !CHOSEN.contains(&definition.kind.as_str())
}

fn scan(tar: impl Read, detectors: &DetectorSet) -> BlobScan {
    let pool = Pool::new(Search { detectors, own_secrets: None }, WINDOW_FRESH, 1);
    let ask =
        BlobAsk { algorithm: Algorithm::Sha256, diff_id: false, content_limit: u64::MAX, statement: false };
    read_blob(tar, ask, &pool, &mut Workspace::default(), &*Silent.layer("package", None)).finish()
}
