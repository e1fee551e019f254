//! One build in every form in which BuildKit and Docker hand an image on: the findings are the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::builds::Context;
use crate::docker::Docker;
use crate::expected::{APP, Keys, PLATFORMS, check, check_piped, check_with};
use crate::registry::Registry;

/// All that was given to the build, in both versions of SLSA.
pub(crate) const MAX: &str = "--attest=type=provenance,mode=max";
pub(crate) const MAX_1: &str = "--attest=type=provenance,mode=max,version=v1";
pub(crate) const NONE: &str = "--provenance=false";

/// An engine, a context, and a folder for what is made of it.
pub(crate) struct Setup {
    pub(crate) docker: Docker,
    pub(crate) context: Context,
    pub(crate) keys: Keys,
    folder: tempfile::TempDir,
}

impl Setup {
    pub(crate) fn new(keys: Keys) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { docker: Docker::start(), context: Context::new(keys), keys, folder }
    }

    /// With keys that no other run has.
    fn fresh() -> Self {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("random bytes");
        Self::new(Keys::Made(u64::from_le_bytes(seed)))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Builds to an archive: `output` as buildx takes it.
    #[track_caller]
    pub(crate) fn archive(&self, name: &str, output: &str, provenance: &str) -> PathBuf {
        let path = self.path(name);
        self.context.build(&self.docker, &[&to(output, &path), provenance]);
        path
    }

    /// Builds for two platforms, to an archive.
    #[track_caller]
    pub(crate) fn archive_of_platforms(&self, name: &str, provenance: &str) -> PathBuf {
        let path = self.path(name);
        self.context.build_platforms(&self.docker, &[&to("type=oci", &path), provenance]);
        path
    }

    /// Builds into the engine's store, and saves from there.
    #[track_caller]
    pub(crate) fn saved(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        self.context.build(&self.docker, &["--load", MAX]);
        self.docker.run(&["save", "--output", &path.display().to_string(), "app:1"]);
        path
    }
}

fn to(output: &str, path: &Path) -> String {
    format!("--output={output},dest={}", path.display())
}

#[test]
fn archives_of_every_compression_and_both_versions_of_provenance() {
    let setup = Setup::fresh();
    for compression in ["gzip", "zstd", "uncompressed"] {
        let compressed = |kind: &str| format!("type={kind},compression={compression},force-compression=true");
        for (name, provenance) in [("0.2", MAX), ("1", MAX_1)] {
            let name = format!("oci-{compression}-{name}.tar");
            check(&setup.archive(&name, &compressed("oci"), provenance), APP, setup.keys, true);
        }
        let archive = setup.archive(&format!("docker-{compression}.tar"), &compressed("docker"), NONE);
        check(&archive, APP, setup.keys, false);
    }
}

/// The least provenance leaves out what was given to the build.
#[test]
fn provenance_without_arguments_adds_no_place() {
    let setup = Setup::fresh();
    check(&setup.archive("min.tar", "type=oci", "--provenance=mode=min"), APP, setup.keys, false);
}

#[test]
fn each_platform_has_its_own_keys_and_provenance() {
    let setup = Setup::fresh();
    for (name, provenance, attested) in [("0.2", MAX, true), ("1", MAX_1, true), ("none", NONE, false)] {
        let archive = setup.archive_of_platforms(&format!("platforms-{name}.tar"), provenance);
        check(&archive, PLATFORMS, setup.keys, attested);
    }
}

#[test]
fn what_the_engine_saves() {
    let setup = Setup::fresh();
    let path = setup.saved("save.tar");
    check(&path, APP, setup.keys, true);
    check_piped(&fs::read(&path).expect("the archive"), APP, setup.keys, true);
    let host = setup.docker.host();
    for target in ["docker-daemon:app:1", "app:1"] {
        check_with(APP, setup.keys, true, |scan| scan.env("DOCKER_HOST", &host).arg(target));
    }
}

#[test]
fn what_is_pushed_to_a_registry() {
    let setup = Setup::fresh();
    let registry = Registry::start();
    setup.context.build(&setup.docker, &["--load", MAX]);
    let name = format!("{}/app:1", registry.address());
    setup.docker.run(&["tag", "app:1", &name]);
    setup.docker.run(&["push", "--quiet", &name]);
    let layout = setup.path("pulled");
    skopeo(&format!("docker://{name}"), &layout);
    check(&layout, APP, setup.keys, true);
    check_with(APP, setup.keys, true, |scan| scan.arg(format!("docker://{name}")));
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
