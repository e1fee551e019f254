//! `keyseam build-check`: which values of a real build stay in its image.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::cli::{Keyseam, Run, list};
use crate::support::engine::{Docker, Podman, run, text};

/// A context whose Dockerfile uses its argument as it is told to.
fn context(dockerfile: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).expect("written");
    folder
}

const LEAKY: &str =
    "FROM scratch\nARG TOKEN\nARG VERSION\nENV API_TOKEN=$TOKEN VERSION=$VERSION\nCOPY Dockerfile /\n";

fn check(line: &[&str]) -> Keyseam {
    Keyseam::new(&["build-check", "-o", "json"]).args(line)
}

fn services(run: &Run) -> Vec<String> {
    let findings = run.findings();
    assert!(findings.iter().all(|finding| finding["detector"] == "own-secret"), "{findings:#?}");
    findings.iter().map(|finding| finding["service"].as_str().unwrap_or_default().to_owned()).collect()
}

fn kinds(finding: &Value) -> Vec<String> {
    let locations = list(&finding["locations"]);
    locations.iter().map(|location| location["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What a test leaves beside itself.
fn left_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("a folder").count()
}

#[test]
fn an_argument_that_stays_in_the_image_is_told_with_its_places() {
    let (docker, context, temporary) = (Docker::start(), context(LEAKY), TempDir::new().expect("a folder"));
    let path = context.path().display().to_string();
    let build =
        ["--keep", "VERSION", "--", "docker", "build", "-t", "app:1", "--build-arg", "TOKEN=of-the-user"];
    let run = check(&[&build[..], &["--build-arg", "VERSION=1.2", &path]].concat())
        .env("DOCKER_HOST", docker.address())
        .env("TMPDIR", temporary.path())
        .run();
    run.assert_status(1);
    assert_eq!(services(&run), ["TOKEN"]);
    let kinds = kinds(&run.findings()[0]);
    assert!(kinds.contains(&"env".to_owned()) && kinds.contains(&"history".to_owned()), "{kinds:?}");
    assert!(run.stderr.contains("build argument TOKEN: stays in the image"), "{}", run.stderr);
    assert!(run.stderr.contains("--tag is left out"), "{}", run.stderr);
    // The value of the user was not used, and nothing is left.
    let output = docker.command(&["images", "-q"], None);
    assert_eq!(text(&output).trim(), "", "the image is removed");
    assert_eq!(left_in(temporary.path()), 0);
}

#[test]
fn a_secret_that_is_only_mounted_stays_nowhere() {
    let (podman, temporary) = (Podman::new(), TempDir::new().expect("a folder"));
    let context = context("FROM scratch\nARG TOKEN\nCOPY Dockerfile /\n");
    let path = context.path().display().to_string();
    let buildah = ["--", "buildah", "bud", "--secret", "id=npmrc,src=.npmrc"];
    let keyseam = |words: &[&str]| {
        check(words)
            .env("CONTAINERS_STORAGE_CONF", podman.storage_conf())
            .env("TMPDIR", temporary.path())
            .run()
    };
    let run = keyseam(&[&buildah[..], &[&path]].concat());
    run.assert_status(0);
    assert!(services(&run).is_empty());
    assert!(run.stderr.contains("secret npmrc: nowhere in the image"), "{}", run.stderr);

    let both = keyseam(&[&buildah[..], &["--build-arg", "TOKEN", "--label", "a=b", &path]].concat());
    let says = "build argument TOKEN: ";
    assert!(both.stderr.contains(says), "{}", both.stderr);
    let images = run_images(&podman);
    assert_eq!(images, "", "the images are removed");
    assert_eq!(left_in(temporary.path()), 0);
}

fn run_images(podman: &Podman) -> String {
    let output = run(podman.program("buildah").args(["images", "-q"]), None);
    text(&output).trim().to_owned()
}

#[test]
fn a_build_that_fails_or_is_none_is_status_2() {
    let context = context("FROM scratch\nCOPY missing /\n");
    let path = context.path().display().to_string();
    let podman = Podman::new();
    let status = |words: &[&str]| {
        let run = check(words).env("CONTAINERS_STORAGE_CONF", podman.storage_conf()).run();
        assert!(run.stdout.is_empty());
        run.assert_status(2).stderr.clone()
    };
    let failed = status(&["--", "buildah", "bud", "--build-arg", "TOKEN=a", &path]);
    assert!(failed.contains("the build failed") && failed.contains("--keep NAME"), "{failed}");
    assert!(status(&["--", "make"]).contains("a build command begins with"));
    assert!(status(&["--", "docker", "build", &path]).contains("there is nothing to check"));
    assert!(
        status(&["--", "/nowhere/docker", "build", "--build-arg", "A=b", &path]).contains("/nowhere/docker")
    );
    status(&[]);
}
