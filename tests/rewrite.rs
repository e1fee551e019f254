//! `remediation.rewrite`: applied to the Dockerfile, it builds for real, and its image is clean.

pub(crate) mod cases;

use std::path::Path;

use crate::support::engine::{Podman, run, text};
use cases::{CASES, Context};

/// Builds a context to an archive.
#[track_caller]
fn build(podman: &Podman, context: &Context, options: &[String], archive: &Path, name: &str) {
    let buildah = |arguments: &[String]| {
        let output = run(podman.program("buildah").args(arguments), None);
        assert!(output.status.success(), "{name}: {arguments:?}: {}", text(&output));
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let folder = context.folder().display().to_string();
    buildah(&[words(&["bud", "--layers", "--format", "docker", "-t", "app:1"]), options.to_vec(), vec![folder]].concat());
    let _ = std::fs::remove_file(archive);
    buildah(&words(&["push", "app:1", &format!("docker-archive:{}", archive.display())]));
}

/// Buildah before 1.39 mounts secrets as files only: a variable of a secret is read from one.
fn without_variables_of_secrets(dockerfile: &str) -> String {
    let line = |line: &str| {
        let (mut front, mut rest, mut read) = (String::new(), line, String::new());
        while let Some((before, mount)) = rest.split_once("--mount=type=secret,id=") {
            let (mount, behind) = mount.split_once(' ').expect("a command");
            front.push_str(&format!("{before}--mount=type=secret,id={} ", mount.replace(",env=", " ").split(' ').next().expect("an id")));
            if let Some((id, name)) = mount.split_once(",env=") {
                read.push_str(&format!("{name}=\"$(cat /run/secrets/{id})\" && export {name} && "));
            }
            rest = behind;
        }
        format!("{front}{read}{rest}")
    };
    dockerfile.split_inclusive('\n').map(line).collect()
}

#[test]
fn the_rewrite_of_a_leaking_dockerfile_builds_and_is_clean() {
    let podman = Podman::new();
    let archive = tempfile::tempdir().expect("a folder");
    let archive = archive.path().join("image.tar");
    for (number, case) in (1..).zip(CASES.iter().filter(|case| !case.needs_buildkit)) {
        let context = Context::new(case, number);
        build(&podman, &context, &context.arguments(), &archive, case.name);
        context.rewrite(&archive, case);
        let secrets = context.secrets(case);
        let dockerfile = std::fs::read_to_string(context.path("Dockerfile")).expect("a Dockerfile");
        context.write("Dockerfile", &without_variables_of_secrets(&dockerfile));
        build(&podman, &context, &secrets, &archive, case.name);
        context.assert_clean(&archive, case);
    }
}

