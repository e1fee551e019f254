//! The gate before clients that Debian stable does not have: `crane` and `oras`.

use std::path::Path;
use std::process::{Command, Output};

use keyseam::detect::template::{Seed, expand};

use crate::docker::programs;
use crate::registry::Registry;
use crate::support::engine::{run, text};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, docker_classic_with};
use crate::support::serve::{ANY, Server, curl};

fn key(number: u64) -> String {
    expand("{{github:ghp_}}", "", &mut Seed(number)).expect("a template")
}

fn image(name: &str, text: &str) -> Image {
    ImageBuilder::new(name)
        .layer_by("COPY . /app # buildkit", Layer::new().file("app/.env", text.as_bytes()))
        .build()
}

fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(programs().join("usr/bin").join(name));
    command.env_clear().env("HOME", folder).env("PATH", "/usr/bin:/bin").current_dir(folder);
    command
}

/// Checks that a client failed with the line, and that nothing is there.
#[track_caller]
fn assert_kept_out(output: &Output, registry: &Registry, repository: &str, number: u64) {
    assert!(!output.status.success(), "{}", text(output));
    let said = text(output);
    for words in ["keyseam: ", "holds a leaked key", "keyseam explain github-pat"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains(&key(number)));
    assert_eq!(held(registry.address(), repository), 404);
}

fn held(host: &str, repository: &str) -> u16 {
    let accept = "Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
    curl(&["--header", accept, &format!("http://{host}/v2/{repository}/manifests/1")], b"").status
}

#[test]
fn crane_is_refused_with_a_leak_and_passes_without() {
    let registry = Registry::start();
    let upstream = format!("http://{}", registry.address());
    let server = Server::start(&["--gate", ANY, "--upstream", &upstream]);
    let folder = tempfile::tempdir().expect("a folder");
    let push = |name: &str, content: &str| {
        let archive = docker_classic_with(&[&image(&format!("{name}:1"), content)], Compression::None).tar();
        std::fs::write(folder.path().join("image.tar"), archive).expect("a file");
        let to = format!("{}/shop/{name}:1", server.address("gate"));
        run(program("crane", folder.path()).args(["push", "--insecure", "image.tar", &to]), None)
    };
    assert_kept_out(&push("leak", &format!("token = {}\n", key(1))), &registry, "shop/leak", 1);
    let output = push("clean", "nothing to see\n");
    assert!(output.status.success(), "{}", text(&output));
    let from = format!("{}/shop/clean:1", server.address("gate"));
    let output =
        run(program("crane", folder.path()).args(["validate", "--insecure", "--remote", &from]), None);
    assert!(output.status.success(), "{}", text(&output));
    assert!(!server.text().contains(&key(1)));
}

#[test]
fn oras_is_refused_with_a_leak_and_passes_without() {
    let registry = Registry::start();
    let upstream = format!("http://{}", registry.address());
    let server = Server::start(&["--gate", ANY, "--upstream", &upstream]);
    let folder = tempfile::tempdir().expect("a folder");
    let push = |name: &str, content: &str| {
        std::fs::write(folder.path().join("notes.txt"), content).expect("a file");
        let to = format!("{}/shop/{name}:1", server.address("gate"));
        let line = ["push", "--plain-http", &to, "--artifact-type", "application/vnd.example", "notes.txt"];
        run(program("oras", folder.path()).args(line), None)
    };
    assert_kept_out(&push("leak", &format!("token = {}\n", key(2))), &registry, "shop/leak", 2);
    let output = push("clean", "nothing to see\n");
    assert!(output.status.success(), "{}", text(&output));
    std::fs::remove_file(folder.path().join("notes.txt")).expect("there");
    let from = format!("{}/shop/clean:1", server.address("gate"));
    let output = run(program("oras", folder.path()).args(["pull", "--plain-http", &from]), None);
    assert!(output.status.success(), "{}", text(&output));
    let notes = std::fs::read_to_string(folder.path().join("notes.txt")).expect("it came back");
    assert_eq!(notes, "nothing to see\n");
    assert!(!server.text().contains(&key(2)));
}
