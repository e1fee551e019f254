//! The whole scan inside this process: the real detectors, the exit status, every line that is told.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::LazyLock;

use keyseam::cli::exit_status::Outcome;
use keyseam::detect::DetectorSet;
use keyseam::detect::catalogue::Catalogue;
use keyseam::detect::redact::Redactor;
use keyseam::finding::baseline::Baseline;
use keyseam::finding::fingerprint::FingerprintKey;
use keyseam::finding::ignore::IgnoreRules;
use keyseam::finding::result::{Judge, Target as ResultTarget};
use keyseam::report::model::{ImageResult, ScanError};
use keyseam::scan::matches::Search;
use keyseam::scan::progress::{LayerProgress, Progress, Silent};
use keyseam::scan::{ScanOptions, scan};
use keyseam::source::{self, Access, Opened};
use keyseam::target::Target;

use crate::support::image::docker_classic;

struct Engine {
    catalogue: Catalogue,
    detectors: DetectorSet,
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let catalogue = Catalogue::embedded().expect("the embedded definitions");
    let detectors = DetectorSet::new(&catalogue).expect("the embedded definitions");
    Engine { catalogue, detectors }
});

/// The real detectors.
pub(crate) fn detectors() -> &'static DetectorSet {
    &ENGINE.detectors
}

/// What a scan said.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The exit status.
    pub(crate) status: u8,
    /// The results.
    pub(crate) results: Vec<ImageResult>,
    /// Every error, of the target and of its images.
    pub(crate) errors: Vec<String>,
}

impl Verdict {
    /// Each key by its detector and fingerprint, with each of its places.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        let findings = self.results.iter().flat_map(|result| &result.findings);
        let places = findings.flat_map(|finding| {
            finding.locations.iter().map(move |location| {
                format!(
                    "{} {} {:?} {:?} {:?} {:?}",
                    finding.detector,
                    finding.fingerprint,
                    location.kind,
                    location.layer,
                    location.path,
                    location.removed_by
                )
            })
        });
        places.collect()
    }

    /// Fails unless the scan is known not to be whole, in words that hold `words`.
    #[track_caller]
    pub(crate) fn assert_told(&self, words: &str, way: &str) {
        let complete = self.results.iter().all(|result| result.complete);
        match self.status {
            2 | 3 => {}
            1 => assert!(!complete, "{way}: a key was found, and nothing said of the damage ({words})"),
            status => panic!("{way}: status {status} for a damaged image ({words})"),
        }
        assert!(
            self.errors.iter().any(|error| error.contains(words)),
            "{way}: '{words}' is not in {:#?}",
            self.errors.iter().take(5).collect::<Vec<_>>()
        );
    }
}

/// Scans what `opened` holds, as `keyseam scan` would.
pub(crate) fn scan_opened(opened: Opened, options: &ScanOptions) -> Verdict {
    let Engine { catalogue, detectors } = &*ENGINE;
    let fingerprints = FingerprintKey::from_bytes([7; 32]);
    let ignore = IgnoreRules::default();
    let judge = Judge {
        subjects: None,
        catalogue,
        search: Search { detectors, own_secrets: None },
        selected: &|_| true,
        fingerprints: &fingerprints,
        ignore: &ignore,
        baseline: &Baseline::default(),
        dockerfile: None,
        dockerfile_in: None,
        skip_base: false,
        show_secrets: false,
        names: None,
    };
    let mut redactor = Redactor::new(detectors);
    match scan(opened, options, judge.search, &Silent) {
        Ok(scanned) if scanned.images.is_empty() => failed("it holds no image".to_owned()),
        Ok(scanned) => {
            let target = ResultTarget { text: "target".to_owned(), source: scanned.kind };
            let images = scanned.images.iter();
            verdict(images.map(|image| judge.judge(&target, image, &scanned.blobs, &mut redactor)).collect())
        }
        Err(error) => failed(error.to_string()),
    }
}

fn failed(error: String) -> Verdict {
    Verdict { status: 2, results: Vec::new(), errors: vec![error] }
}

fn verdict(results: Vec<ImageResult>) -> Verdict {
    let threshold = keyseam::report::Threshold::default();
    let findings = results.iter().flat_map(|result| &result.findings);
    let outcome = Outcome {
        found: findings.into_iter().any(|finding| threshold.fails(finding)),
        failed: false,
        incomplete: results.iter().any(|result| !result.complete),
    };
    let line = |error: &ScanError| format!("{:?} {}", error.layer, error.message);
    let errors = results.iter().flat_map(|result| &result.errors).map(line).collect();
    Verdict { status: outcome.status(false).code(), errors, results }
}

/// Options for small input: few workers, small windows.
pub(crate) fn options() -> ScanOptions {
    ScanOptions { jobs: 2, window: 64 * 1024, ..ScanOptions::default() }
}

/// Scans bytes as they come through a pipe.
pub(crate) fn scan_pipe(bytes: Vec<u8>) -> Verdict {
    scan_stream(Cursor::new(bytes))
}

/// Scans a stream.
pub(crate) fn scan_stream(stream: impl Read + Send + 'static) -> Verdict {
    scan_opened(source::open_stream(stream, "standard input", None), &options())
}

/// Scans a path.
pub(crate) fn scan_path(path: &Path) -> Verdict {
    scan_target(path.to_str().expect("UTF-8"))
}

/// Scans a target in the user's words.
pub(crate) fn scan_target(text: &str) -> Verdict {
    let target = match Target::parse(text) {
        Ok(target) => target,
        Err(error) => return failed(error.to_string()),
    };
    match source::open(&target, &Access::default()) {
        Ok(opened) => scan_opened(opened, &options()),
        Err(error) => failed(error.to_string()),
    }
}

/// Scans an archive from disk, and the same bytes from a pipe.
pub(crate) fn scan_both(bytes: &[u8]) -> [(Verdict, &'static str); 2] {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("a file");
    [(scan_path(file.path()), "from disk"), (scan_pipe(bytes.to_vec()), "from a pipe")]
}

/// Panics when a blob is begun.
struct Panicking;

impl Progress for Panicking {
    fn total(&self, _blobs: usize, _bytes: u64) {}

    fn layer(&self, _name: &str, _bytes: Option<u64>) -> Box<dyn LayerProgress + '_> {
        panic!("as it should")
    }

    fn note(&self, _line: &str) {}
}

#[test]
fn a_panic_in_one_worker_ends_the_scan() {
    let bytes = docker_classic(&[&super::small()]).tar();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &bytes).expect("a file");
    let target = Target::parse(&format!("docker-archive:{}", file.path().display())).expect("a target");
    let search = Search { detectors: detectors(), own_secrets: None };
    let options = ScanOptions { jobs: 3, ..options() };
    let indexed = || source::open(&target, &Access::default()).expect("an archive");
    let stream = || source::open_stream(Cursor::new(bytes.clone()), "standard input", None);
    for opened in [indexed(), stream()] {
        let scanned = AssertUnwindSafe(|| scan(opened, &options, search, &Panicking).map(drop));
        assert!(catch_unwind(scanned).is_err(), "the panic is passed on, and nobody waits for ever");
    }
}
