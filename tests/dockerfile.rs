//! `--dockerfile`: which line brought a key in, of images that real builders made.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scan::{fingerprint, key, line};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::engine::{Docker, Podman, run, text};

/// A stage that is left out, a base stage, and a last one; a key in every kind of step that runs nothing.
fn dockerfile() -> String {
    format!(
        "# syntax=docker/dockerfile:1
FROM scratch AS tools
COPY tools /tools

FROM scratch AS base
ENV FIRST={one}

FROM base
# The application.
COPY \\
    app.conf \\
    /etc/
ENV MODE=on \\
    SECOND={two}
LABEL third={three}
COPY --from=tools /tools /tools
CMD [\"/app\", \"--token\", \"{four}\"]
",
        one = key(1),
        two = key(2),
        three = key(3),
        four = key(4),
    )
}

/// By key, the line of its instruction.
const LINES: [(u64, u64); 6] = [(1, 6), (2, 13), (3, 15), (4, 17), (5, 10), (6, 16)];

fn context() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a file");
    write("Dockerfile", dockerfile().as_bytes());
    write("app.conf", &line(5));
    write("tools", &line(6));
    folder
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

/// What the only result says of the line of each key.
fn lines(run: &Run) -> Vec<(u64, Value)> {
    let findings = run.findings();
    let line = |number: u64| {
        let fingerprint = fingerprint(&key(number));
        let finding = findings.iter().find(|one| one["fingerprint"] == fingerprint.as_str());
        let finding = finding.unwrap_or_else(|| panic!("key {number} is not found: {findings:#?}"));
        finding["introduced_by"]["dockerfile"].clone()
    };
    LINES.iter().map(|(number, _)| (*number, line(*number))).collect()
}

#[track_caller]
fn assert_lines(archive: &Path, folder: &TempDir) {
    let dockerfile = path(folder, "Dockerfile");
    let image = archive.display().to_string();
    let told = lines(Keyseam::scan(&["--dockerfile", &dockerfile, &image]).run().assert_status(1));
    let expected = LINES.map(|(number, line)| (number, json!({ "path": dockerfile, "line": line })));
    assert_eq!(told, expected);
    let without = lines(Keyseam::scan(&[&image]).run().assert_status(1));
    assert!(without.iter().all(|(_, line)| line.is_null()), "{without:?}");
    let table = Keyseam::new(&["scan", "--dockerfile", "Dockerfile", &image]).directory(folder.path()).run();
    assert!(table.text().contains("(Dockerfile:13)"), "{}", table.text());

    let sarif = Keyseam::new(&["scan", "-o", "sarif", "--dockerfile", "Dockerfile", &image]);
    let sarif = sarif.directory(folder.path()).run().json();
    let results = list(&sarif["runs"][0]["results"]);
    let place = |result: &Value| {
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"]["uri"], "Dockerfile", "{result:#}");
        location["region"]["startLine"].as_u64().unwrap_or_default()
    };
    let mut told: Vec<u64> = results.iter().map(place).collect();
    told.sort_unstable();
    let mut expected = LINES.map(|(_, line)| line);
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[test]
fn keys_in_an_image_of_buildah_are_told_with_their_lines() {
    let (folder, podman) = (context(), Podman::new());
    let image: PathBuf = folder.path().join("image.tar");
    let context = folder.path().display().to_string();
    let buildah = |arguments: &[&str]| {
        let output = run(podman.program("buildah").args(arguments), None);
        assert!(output.status.success(), "buildah {arguments:?}: {}", text(&output));
    };
    buildah(&["bud", "--layers", "--format", "docker", "-t", "app:1", &context]);
    buildah(&["push", "app:1", &format!("docker-archive:{}", image.display())]);
    assert_lines(&image, &folder);
}

#[test]
fn keys_in_an_image_of_dockers_classic_builder_are_told_with_their_lines() {
    let (folder, docker) = (context(), Docker::start());
    let image: PathBuf = folder.path().join("image.tar");
    let docker = |arguments: &[&str]| {
        let output = docker.command(arguments, None);
        assert!(output.status.success(), "docker {arguments:?}: {}", text(&output));
    };
    docker(&["build", "-t", "app:1", &folder.path().display().to_string()]);
    docker(&["save", "-o", &image.display().to_string(), "app:1"]);
    assert_lines(&image, &folder);
}

#[test]
fn what_is_no_dockerfile_ends_the_run() {
    let folder = context();
    for (name, message) in [("missing", "--dockerfile"), ("app.conf", "there is no FROM in it")] {
        let run = Keyseam::scan(&["--dockerfile", &path(&folder, name), "image.tar"]).run();
        run.assert_status(2);
        assert!(run.stderr.contains(message) && !run.stderr.contains(&key(5)), "{}", run.stderr);
    }
}
