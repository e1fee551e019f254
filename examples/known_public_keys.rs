//! Lists the private keys and sample credentials that published packages carry, for
//! `src/finding/known_public.tsv`: hash and place, never the key.
//!
//! ```text
//! cargo run --release --example known_public_keys -- twisted Twisted-24.7.0/src/**/*.py >>src/finding/known_public.tsv
//! LC_ALL=C sort -u -k1,1 -o src/finding/known_public.tsv src/finding/known_public.tsv
//! ```
#![allow(missing_docs, clippy::print_stdout)]

use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::{DetectorSet, Place, Scratch, Window};
use keyseam::image::digest::Digest;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let package = arguments.next().ok_or("usage: known_public_keys PACKAGE FILE...")?;
    let catalogue = Catalogue::embedded()?;
    let detectors = DetectorSet::new(&catalogue)?;
    let mut scratch = Scratch::default();
    for file in arguments {
        let bytes = std::fs::read(&file)?;
        // Larger than a window's radius is fine here: the whole file is one window.
        let window = Window {
            bytes: &bytes,
            owned: 0..bytes.len(),
            starts: true,
            ends: true,
            place: Place::File,
            path: b"",
        };
        let mut hits = Vec::new();
        detectors.scan(&window, &mut scratch, &mut hits);
        let name = file.rsplit('/').next().unwrap_or(&file);
        for hit in hits {
            let definition = detectors.definition(hit.detector);
            if !definition.is_handle() {
                let hash = Digest::sha256_of(hit.key.expose());
                println!("{}\tpublished key: {package}, {name} ({})", hash.hex(), definition.id);
            }
        }
    }
    Ok(())
}
