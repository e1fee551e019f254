//! One build in every form in which BuildKit and Docker hand an image on: the findings are the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::builds::build;
use crate::docker::Docker;
use crate::expected::{Keys, check, check_piped};
use crate::registry::Registry;

/// A folder, an engine, and keys that no other run has.
struct Setup {
    folder: tempfile::TempDir,
    docker: Docker,
    keys: Keys,
}

impl Setup {
    fn new() -> Self {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("random bytes");
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, docker: Docker::start(), keys: Keys::Made(u64::from_le_bytes(seed)) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[track_caller]
    fn build(&self, options: &[&str]) {
        build(&self.docker, self.folder.path(), self.keys, options);
    }

    /// Builds to an archive.
    #[track_caller]
    fn archive(&self, name: &str, output: &str, provenance: &str) -> PathBuf {
        let path = self.path(name);
        self.build(&[&format!("--output={output},dest={}", path.display()), provenance]);
        path
    }
}

const MAX: &str = "--attest=type=provenance,mode=max";
const MAX_1: &str = "--attest=type=provenance,mode=max,version=v1";

#[test]
fn archives_of_every_compression_and_both_versions_of_provenance() {
    let setup = Setup::new();
    for compression in ["gzip", "zstd", "uncompressed"] {
        let oci = format!("type=oci,compression={compression},force-compression=true");
        for (name, provenance) in [("0.2", MAX), ("1", MAX_1)] {
            check(
                &setup.archive(&format!("oci-{compression}-{name}.tar"), &oci, provenance),
                setup.keys,
                true,
            );
        }
        let docker = format!("type=docker,compression={compression},force-compression=true");
        let archive = setup.archive(&format!("docker-{compression}.tar"), &docker, "--provenance=false");
        check(&archive, setup.keys, false);
    }
}

/// The least provenance leaves out what was given to the build.
#[test]
fn provenance_without_arguments_adds_no_place() {
    let setup = Setup::new();
    check(&setup.archive("min.tar", "type=oci", "--provenance=mode=min"), setup.keys, false);
}

#[test]
fn what_the_engine_saves() {
    let setup = Setup::new();
    setup.build(&["--load", MAX]);
    let path = setup.path("save.tar");
    setup.docker.run(&["save", "--output", &path.display().to_string(), "app:1"]);
    check(&path, setup.keys, true);
    check_piped(&fs::read(&path).expect("the archive"), setup.keys, true);
}

#[test]
fn what_is_pushed_to_a_registry() {
    let setup = Setup::new();
    let registry = Registry::start();
    setup.build(&["--load", MAX]);
    let name = format!("{}/app:1", registry.address());
    setup.docker.run(&["tag", "app:1", &name]);
    setup.docker.run(&["push", "--quiet", &name]);
    let layout = setup.path("pulled");
    skopeo(&format!("docker://{name}"), &layout);
    check(&layout, setup.keys, true);
}

/// Copies an image with its attestations to an OCI layout.
#[track_caller]
fn skopeo(from: &str, to: &Path) {
    let output = Command::new("skopeo")
        .args(["copy", "--quiet", "--all", "--src-tls-verify=false", from])
        .arg(format!("oci:{}", to.display()))
        .output()
        .expect("skopeo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
