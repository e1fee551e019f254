//! `docker keyseam`: the program as a plugin of the real docker command, which finds it, passes on what
//! it was given, and ends as it does.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::scan::line;
use crate::support::cli::{Keyseam, hashing_key};
use crate::support::engine::{Docker, run, text};
use crate::support::image::{Image, ImageBuilder, Layer, docker_classic};

/// Docker's own folder with the plugin in it.
fn installed() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let install = Keyseam::new(&["docker-plugin", "install"]).env("DOCKER_CONFIG", folder.path()).run();
    let path = install.assert_status(0).text();
    assert!(path.contains("cli-plugins/docker-keyseam: docker keyseam scan"), "{path}");
    folder
}

fn docker(config: &Path, before: &[&str], ours: &[&str]) -> Output {
    let mut command = Command::new("docker");
    command.env_remove("DOCKER_HOST").env_remove("DOCKER_CONTEXT").env("HOME", config);
    command.env("KEYSEAM_FINGERPRINT_KEY", hashing_key()).env("KEYSEAM_NO_CACHE", "true");
    command.arg("--config").arg(config).args(before).arg("keyseam").args(ours);
    run(&mut command, None)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn image(name: &str, files: Layer) -> Image {
    ImageBuilder::new(name).layer(files).build()
}

#[test]
fn docker_lists_runs_and_ends_as_the_plugin_does() {
    let config = installed();
    let help = run(Command::new("docker").arg("--config").arg(config.path()).arg("--help"), None);
    assert!(stdout(&help).contains("keyseam*"), "{}", stdout(&help));

    let engine = Docker::start();
    engine.load(&docker_classic(&[&image("leaky:1", Layer::new().file("app/.env", &line(1)))]).tar());
    engine.load(&docker_classic(&[&image("clean:1", Layer::new().file("a", b"b"))]).tar());
    let address = engine.address();
    let host = ["--host", &address];
    let found = docker(config.path(), &host, &["scan", "-o", "json", "docker-daemon:leaky:1"]);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    let report: serde_json::Value = serde_json::from_slice(&found.stdout).expect("a report");
    assert_eq!(report["results"][0]["findings"][0]["locations"][0]["path"], "app/.env");
    // A bare name is looked for in the engine that docker was told of.
    let clean = docker(config.path(), &host, &["scan", "--from", "docker", "clean:1"]);
    assert_eq!(clean.status.code(), Some(0), "{}", text(&clean));
    let missing = docker(config.path(), &host, &["scan", "docker-daemon:none:1"]);
    assert_eq!(missing.status.code(), Some(2), "{}", text(&missing));
}

#[test]
fn the_context_that_docker_is_told_of_is_used() {
    let (config, engine) = (installed(), Docker::start());
    engine.load(&docker_classic(&[&image("leaky:1", Layer::new().file("app/.env", &line(1)))]).tar());
    let host = format!("host={}", engine.address());
    let made = run(
        Command::new("docker")
            .arg("--config")
            .arg(config.path())
            .args(["context", "create", "far", "--docker", &host]),
        None,
    );
    assert!(made.status.success(), "{}", text(&made));
    let found = docker(config.path(), &["--context", "far"], &["scan", "docker-daemon:leaky:1"]);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    assert!(stdout(&found).contains("app/.env"), "{}", stdout(&found));
}

#[test]
fn what_is_there_already_is_not_replaced() {
    let config = installed();
    let again = Keyseam::new(&["docker-plugin", "install"]).env("DOCKER_CONFIG", config.path()).run();
    again.assert_status(0);
    let path = config.path().join("cli-plugins/docker-keyseam");
    std::fs::remove_file(&path).expect("removed");
    std::fs::write(&path, "another program").expect("written");
    let refused = Keyseam::new(&["docker-plugin", "install"]).env("DOCKER_CONFIG", config.path()).run();
    assert!(refused.assert_status(2).stderr.contains("no link"), "{}", refused.stderr);
    assert_eq!(std::fs::read(&path).expect("there"), b"another program");
}
