//! `remediation.rewrite`: applied to the Dockerfile, it builds for real, and its image is clean.

pub(crate) mod cases;

use std::path::Path;

use crate::scan::{fingerprint, key, line};
use crate::support::cli::{Keyseam, Run};
use crate::support::engine::{Podman, run, text};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, oci};
use cases::{CASES, Context, each};

/// Builds a context to an archive.
#[track_caller]
fn build(podman: &Podman, context: &Context, options: &[String], archive: &Path, name: &str) {
    let buildah = |arguments: &[String]| {
        let output = run(podman.program("buildah").args(arguments), None);
        assert!(output.status.success(), "{name}: {arguments:?}: {}", text(&output));
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let folder = context.folder().display().to_string();
    buildah(
        &[words(&["bud", "--layers", "--format", "docker", "-t", "app:1"]), options.to_vec(), vec![folder]]
            .concat(),
    );
    let _ = std::fs::remove_file(archive);
    buildah(&words(&["push", "app:1", &format!("docker-archive:{}", archive.display())]));
}

/// Buildah before 1.39 mounts secrets as files only: a variable of a secret is read from one.
fn without_variables_of_secrets(dockerfile: &str) -> String {
    let line = |line: &str| {
        let (mut front, mut rest, mut read) = (String::new(), line, String::new());
        while let Some((before, mount)) = rest.split_once("--mount=type=secret,id=") {
            let (mount, behind) = mount.split_once(' ').expect("a command");
            front.push_str(&format!(
                "{before}--mount=type=secret,id={} ",
                mount.replace(",env=", " ").split(' ').next().expect("an id")
            ));
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
    each(CASES.iter().filter(|case| !case.needs_buildkit), |number, case| {
        let context = Context::new(case, number);
        build(&podman, &context, &context.arguments(), &archive, case.name);
        context.rewrite(&archive, case);
        let secrets = context.secrets(case);
        let dockerfile = std::fs::read_to_string(context.path("Dockerfile")).expect("a Dockerfile");
        context.write("Dockerfile", &without_variables_of_secrets(&dockerfile));
        build(&podman, &context, &secrets, &archive, case.name);
        context.assert_clean(&archive, case);
    });
}

#[test]
fn a_file_in_a_layer_of_many_steps_is_followed_to_the_step_that_brought_it() {
    let podman = Podman::new();
    let archive = tempfile::tempdir().expect("a folder");
    let archive = archive.path().join("image.tar");
    each(
        CASES.iter().filter(|case| {
            ["a file that only a container reads", "a key under another name"].contains(&case.name)
        }),
        |number, case| {
            let context = Context::new(case, 50 + number);
            let flat = ["--layers=false".to_owned()];
            build(&podman, &context, &flat, &archive, case.name);
            context.rewrite(&archive, case);
            build(&podman, &context, &[&flat[..], &context.secrets(case)].concat(), &archive, case.name);
            context.assert_clean(&archive, case);
        },
    );
}

/// The rewrite of the finding of a key.
#[track_caller]
fn rewrite_of(run: &Run, number: u64) -> Option<String> {
    let fingerprint = fingerprint(&key(number));
    let finding = run.findings().into_iter().find(|one| one["fingerprint"] == fingerprint.as_str());
    let finding = finding.unwrap_or_else(|| panic!("key {number} is not found"));
    let rewrite = &finding["remediation"]["rewrite"];
    assert!(!rewrite.to_string().contains(&key(number)));
    rewrite.as_str().map(str::to_owned)
}

fn recorded(hunks: &str) -> Option<String> {
    Some(format!("--- the build step as recorded\n+++ without the key\n{hunks}"))
}

fn archive(image: &Image) -> Vec<u8> {
    oci(&[image], Compression::Gzip).tar()
}

/// Steps as BuildKit and Docker's classic builder record them. Nobody may see the arguments that a build was given.
fn steps() -> ImageBuilder {
    ImageBuilder::new("app:1")
        .layer_by("/bin/sh -c #(nop) COPY dir:0f in /app ", Layer::new().file("app/conf/prod.env", &line(1)))
        .history(
            &format!("/bin/sh -c #(nop)  ENV MODE=on GH_TOKEN={} DB_PASSWORD=of the vendor", key(2)),
            true,
        )
        .history(&format!("ARG TOKEN={}", key(3)), true)
        .layer_by(
            &format!("RUN |2 NAME=someone TOKEN={} /bin/sh -c make $TOKEN # buildkit", key(3)),
            Layer::new().file("b", b"b"),
        )
        .layer_by(
            &format!("RUN /bin/sh -c curl -H 'x: {}' y # buildkit", key(4)),
            Layer::new().file("c", b"c"),
        )
        .history(&format!("CMD [\"/app\" \"--token={}\"]", key(5)), true)
        .env("GH_TOKEN", &key(2))
        .cmd(&["/app", &format!("--token={}", key(5))])
}

#[test]
fn without_a_dockerfile_the_recorded_steps_are_rewritten() {
    let run = Keyseam::scan(&["-"]).stdin(archive(&steps().build())).run();
    run.assert_status(1);
    assert_eq!(
        rewrite_of(&run, 1).as_deref(),
        Some("--- a/.dockerignore\n+++ b/.dockerignore\n@@ add this line @@\n+**/prod.env\n")
    );
    let env = rewrite_of(&run, 2).expect("a rewrite");
    assert!(env.contains("\n@@ step 1 @@\n-ENV MODE=on GH_TOKEN=… DB_PASSWORD=…\n+# GH_TOKEN comes at run time: docker run --env GH_TOKEN (or --env-file)\n+ENV MODE=on DB_PASSWORD=…\n"), "{env}");
    assert_eq!(
        rewrite_of(&run, 3),
        recorded(
            "@@ step 2 @@\n-ARG TOKEN=…\n@@ step 3 @@\n-RUN make $TOKEN\n+RUN --mount=type=secret,id=token,env=TOKEN make $TOKEN\n"
        )
    );
    let step = rewrite_of(&run, 4).expect("a rewrite");
    assert!(step.contains("@@ step 4 @@\n-RUN curl -H 'x: ghp_…") && step.contains(",env=GIT"), "{step}");
    let command = rewrite_of(&run, 5).expect("a rewrite");
    assert!(
        command.contains("@@ step 5 @@\n-CMD [\"/app\" \"--token=…")
            && command.contains("\n+CMD [\"/app\" \"--token=$GIT"),
        "{command}"
    );
}

#[test]
fn what_the_base_brought_is_not_rewritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a file");
    let base = ImageBuilder::new("base:1")
        .layer_by("COPY vendor.conf /etc/", Layer::new().file("etc/vendor.conf", &line(1)));
    write("base.tar", &archive(&base.build()));
    let app = base.layer_by("COPY app.conf /etc/", Layer::new().file("etc/app.conf", &line(2)));
    write("image.tar", &archive(&app.build()));
    let run = Keyseam::scan(&["--base", "./base.tar", "./image.tar"]).directory(folder.path()).run();
    assert_eq!(rewrite_of(&run, 1), None);
    assert!(rewrite_of(&run, 2).is_some_and(|rewrite| rewrite.contains("-COPY app.conf /etc/")));
}

#[test]
fn no_line_around_a_change_shows_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let split = key(6);
    let (first, second) = split.split_at(24);
    let dockerfile = format!(
        "FROM scratch AS other\nRUN x {other} \\\n  y {first}\\\n{second} z\nFROM scratch\nARG DB_PASSWORD=hunter2\nENV GH_TOKEN={token}\nLABEL a=https://me:hunter2@host/ b=\u{1b}[2J\u{202e}\nENV ROOT_PASSWORD hunter2 and more\n",
        other = key(5),
        token = key(2),
    );
    std::fs::write(folder.path().join("Dockerfile"), &dockerfile).expect("a file");
    let image = ImageBuilder::new("app:1")
        .history(&format!("ENV GH_TOKEN={}", key(2)), true)
        .env("GH_TOKEN", &key(2));
    let run = Keyseam::scan(&["--dockerfile", "Dockerfile", "-"])
        .directory(folder.path())
        .stdin(archive(&image.build()))
        .run();
    let rewrite = rewrite_of(&run, 2).expect("a rewrite");
    for hidden in [&key(5), first, second, "hunter2", "and more"] {
        assert!(!rewrite.contains(hidden), "{hidden} in {rewrite}");
    }
    assert!(
        rewrite.contains(
            "@@ -4,6 +4,6 @@\n … z\n FROM scratch\n ARG DB_PASSWORD=…\n-ENV GH_TOKEN=…\n+# GH_TOKEN comes"
        ),
        "{rewrite}"
    );
    // With the keys whole in the report, the diff still has none.
    let whole =
        Keyseam::scan(&["--show-secrets", "--dockerfile", "Dockerfile", "-"]).directory(folder.path());
    let whole = whole.stdin(archive(&image.build())).run();
    assert_eq!(rewrite_of(&whole, 2), Some(rewrite));
}

#[test]
fn a_key_in_the_dockerfile_of_a_context_is_rewritten_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let dockerfile = format!("FROM scratch\nENV MODE=on GH_TOKEN={}\nRUN x $GH_TOKEN\n", key(1));
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).expect("a file");
    let run = Keyseam::new(&["context", "-o", "json"]).directory(folder.path()).run();
    let rewrite = rewrite_of(&run, 1).expect("a rewrite");
    assert!(rewrite.starts_with("--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,3 +1,4 @@\n"), "{rewrite}");
    assert!(
        rewrite.ends_with("\n+ENV MODE=on\n+RUN --mount=type=secret,id=gh_token,env=GH_TOKEN x $GH_TOKEN\n"),
        "{rewrite}"
    );
}
