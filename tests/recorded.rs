//! Images recorded from tools that Debian stable does not have (`testdata/README.md`): BuildKit's own
//! history and provenance, in the forms in which Docker 28 hands images on.

mod expected;

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use expected::{APP, Expected, Keys, PLATFORMS, check, check_piped};

const RECORDINGS: [(&str, &[Expected], bool); 5] = [
    ("oci-slsa-0.2", APP, true),
    ("oci-slsa-1-zstd", APP, true),
    ("docker-exported", APP, false),
    ("docker-saved", APP, true),
    ("platforms", PLATFORMS, true),
];

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/buildx/{name}.tar.gz"))
}

#[test]
fn every_key_of_a_recorded_image_has_its_places() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, images, attested) in RECORDINGS {
        let compressed = std::fs::read(recording(name)).expect("a recording");
        let mut archive = Vec::new();
        GzDecoder::new(compressed.as_slice()).read_to_end(&mut archive).expect("gzip");
        let path = folder.path().join("app.tar");
        std::fs::write(&path, &archive).expect("a file");
        check(&path, images, Keys::Recorded, attested);
        check_piped(&archive, images, Keys::Recorded, attested);
        check_piped(&compressed, images, Keys::Recorded, attested);
    }
}

/// Recordings are few and small, and all of them are read.
#[test]
fn every_recording_is_listed() {
    let folder = recording("x").parent().expect("a folder").to_owned();
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("recordings").map(|entry| entry.expect("a file").path()).collect();
    found.sort();
    let mut listed: Vec<PathBuf> = RECORDINGS.iter().map(|(name, ..)| recording(name)).collect();
    listed.sort();
    assert_eq!(found, listed);
}
