//! How long `keyseam inventory where` takes, from the start of the process, over a large inventory: 100,000 images
//! and 2,000 keys, of which one stands in 20,000 images by a base layer that they share.
//!
//! ```text
//! cargo bench --bench inventory [-- IMAGES]
//! ```

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::{Confidence, Place, Severity};
use keyseam::finding::fingerprint::{FingerprintKey, KeySettings};
use keyseam::inventory::Inventory;
use keyseam::inventory::record::Recording;
use keyseam::report::model::*;
use zeroize::Zeroizing;

const IMAGES: usize = 100_000;
const KEYS: usize = 2_000;
/// One image in so many holds the key that is asked for.
const EVERY: usize = 5;
const AT_ONCE: usize = 2_000;
const RUNS: usize = 21;

fn main() {
    let images = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(IMAGES);
    let folder = tempfile::tempdir().expect("a folder");
    let value = URL_SAFE_NO_PAD.encode([7; 32]);
    let settings = KeySettings { value: Some(Zeroizing::new(value.clone())), ..KeySettings::default() };
    let key = FingerprintKey::load(&settings).expect("a hashing key");
    let catalogue = Catalogue::embedded().expect("the catalogue");
    let fingerprint = |number: usize| format!("ksf1:{}:{number:032x}", key.id());
    let mut first = 0.0;
    for start in (0..images).step_by(AT_ONCE) {
        let batch: Vec<ImageResult> =
            (start..images.min(start + AT_ONCE)).map(|number| image(number, &fingerprint)).collect();
        let began = Instant::now();
        let inventory = Inventory::to_record(folder.path(), &key).expect("a file").expect("an inventory");
        let how = Recording { at: 1_790_000_000 + start as i64, narrowed: false, catalogue: &catalogue };
        inventory.record(&batch, &how).expect("recorded");
        let each = began.elapsed().as_secs_f64() * 1e6 / batch.len() as f64;
        if start == 0 {
            first = each;
        }
        if start + AT_ONCE >= images {
            println!("recording: {first:.0} µs an image at first, {each:.0} µs at last");
        }
    }
    let size = std::fs::metadata(folder.path().join("inventory.db")).expect("a file").len();
    println!("{images} images, {KEYS} keys: {:.1} MB", size as f64 / 1e6);
    let asked = fingerprint(0);
    for (name, line) in [
        ("where, in very many", vec!["where", &asked]),
        ("where, in few", vec!["where", &fingerprint(7)]),
        ("where --format json", vec!["where", "--format", "json", &asked]),
        ("where, unknown", vec!["where", &fingerprint(KEYS + 1)]),
        ("plan", vec!["plan", &asked]),
        ("list", vec!["list"]),
        ("path: the start alone", vec!["path"]),
    ] {
        let mut times: Vec<f64> = (0..RUNS).map(|_| run(folder.path(), &value, &line)).collect();
        times.sort_by(f64::total_cmp);
        println!("{name:24} median {:6.1} ms, least {:6.1} ms", times[RUNS / 2], times[0]);
    }
}

/// Milliseconds from the start of the process to its end.
fn run(folder: &Path, key: &str, line: &[&str]) -> f64 {
    let began = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_keyseam"))
        .arg("inventory")
        .args(line)
        .env("KEYSEAM_CACHE_DIR", folder)
        .env("KEYSEAM_FINGERPRINT_KEY", key)
        .stdout(Stdio::null())
        .status()
        .expect("it runs");
    assert!(status.success());
    began.elapsed().as_secs_f64() * 1e3
}

fn digest(kind: &str, number: usize) -> String {
    let mut text = format!("{kind}{number}");
    text.truncate(64);
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex:0<64}")
}

fn image(number: usize, fingerprint: &dyn Fn(usize) -> String) -> ImageResult {
    let base = number % EVERY;
    let layers: Vec<Layer> = (0..12)
        .map(|index| {
            let name = if index < 6 {
                digest("base", base * 100 + index)
            } else {
                digest("own", number * 20 + index)
            };
            Layer {
                index,
                digest: Some(name.clone()),
                diff_id: Some(name),
                media_type: None,
                size: 1,
                created_by: Some(format!("COPY folder-{index} /srv # buildkit")),
                history_index: Some(index),
                base: Some(index < 6),
                added: None,
                cached: false,
                files: 1,
                bytes: 1,
            }
        })
        .collect();
    let mut keys: Vec<(usize, usize)> = vec![(1 + number % (KEYS - 1), 7), (1 + number * 7 % (KEYS - 1), 9)];
    keys.dedup_by_key(|(key, _)| *key);
    if base == 0 {
        keys.push((0, 3));
    }
    let findings = keys.into_iter().map(|(key, layer)| finding(fingerprint(key), &layers[layer])).collect();
    ImageResult {
        target: String::new(),
        reference: Some(format!("registry.example/team-{}/service:1.{}", number % 500, number / 500)),
        repo_digests: Vec::new(),
        source: SourceKind::Registry,
        kind: "image",
        manifest_digest: Some(digest("manifest", number)),
        index_digest: None,
        config_digest: Some(digest("config", number)),
        platform: Some("linux/amd64".into()),
        pullable_by: None,
        base_image: None,
        layers,
        findings,
        suppressed: Vec::new(),
        evidence: Vec::new(),
        complete: true,
        errors: Vec::new(),
        warnings: Vec::new(),
        opaque: Opaque::default(),
        stats: Stats::default(),
    }
}

fn finding(fingerprint: String, layer: &Layer) -> Finding {
    let location = Location {
        kind: Place::File,
        layer: Some(layer.index),
        path: Some("srv/config/production.env".into()),
        path_base64: None,
        inner: Vec::new(),
        line: Some(3),
        column: None,
        offset: None,
        name: None,
        decoded: Vec::new(),
        removed_by: None,
    };
    Finding {
        fingerprint,
        place: String::new(),
        detector: "messagebird-access-key".into(),
        name: "MessageBird access key".into(),
        service: "MessageBird".into(),
        category: "messaging".into(),
        severity: Severity::High,
        confidence: Confidence::High,
        secret: "…".into(),
        handles: BTreeMap::new(),
        introduced_by: Origin {
            layer: Some(layer.index),
            digest: layer.digest.clone(),
            diff_id: layer.diff_id.clone(),
            history_index: layer.history_index,
            created_by: layer.created_by.clone(),
            dockerfile: None,
        },
        in_final_image: true,
        exposed_to: "container",
        locations: vec![location],
        also: Vec::new(),
        companions: Vec::new(),
        owner: None,
        verification: Verification::default(),
        known: None,
        remediation: Remediation::default(),
    }
}
