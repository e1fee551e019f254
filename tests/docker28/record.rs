//! The images of `testdata/buildx`: what is recorded is checked as the recordings are, so that a change of
//! BuildKit shows here. With `KEYSEAM_RECORD=1` they are written anew.

use std::io::Write;
use std::path::Path;

use flate2::write::GzEncoder;

use crate::expected::{APP, Keys, PLATFORMS, check};
use crate::forms::{MAX, MAX_1, NONE, Setup};

#[test]
fn recordings_say_what_builds_say_today() {
    let setup = Setup::new(Keys::Recorded);
    let zstd = "type=oci,compression=zstd,force-compression=true";
    let archives = [
        ("oci-slsa-0.2", setup.archive("oci-slsa-0.2", "type=oci", MAX), APP, true),
        ("oci-slsa-1-zstd", setup.archive("oci-slsa-1-zstd", zstd, MAX_1), APP, true),
        ("docker-exported", setup.archive("docker-exported", "type=docker", NONE), APP, false),
        ("docker-saved", setup.saved("docker-saved"), APP, true),
        ("platforms", setup.archive_of_platforms("platforms", MAX), PLATFORMS, true),
    ];
    for (name, path, images, attested) in &archives {
        check(path, images, setup.keys, *attested);
        if std::env::var_os("KEYSEAM_RECORD").is_some_and(|value| value == "1") {
            write(name, path);
        }
    }
}

/// Writes an archive to the recordings, compressed: its keys are nobody's, and need not look like any.
fn write(name: &str, archive: &Path) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/buildx");
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&std::fs::read(archive).expect("the archive")).expect("memory");
    let path = folder.join(format!("{name}.tar.gz"));
    std::fs::write(path, encoder.finish().expect("memory")).expect("the recording");
}
