//! `keyseam context`: the files that real builders would copy, and what the Dockerfile leaves in an image.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::scan::{fingerprint, key, line};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::engine::{Docker, Podman, run, text};

/// Files of a context, each with a key of its own.
const FILES: [&str; 16] = [
    ".env",
    ".dockerignore.bak",
    "README.md",
    "app/.env",
    "app/main.py",
    "app/secret/key.pem",
    "app/secret/public.pem",
    "build/out/a",
    "build/out/deep/b",
    "docs/a b.md",
    "docs/x.md",
    "node_modules/m/index.js",
    "node_modules/m/package.json",
    "sch\u{fc}ssel",
    "src/node_modules/n.js",
    "z*y",
];

fn context(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, file) in (100..).zip(files) {
        write(folder.path(), file, &line(number));
    }
    folder
}

fn write(folder: &Path, file: &str, bytes: &[u8]) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

fn scan(folder: &TempDir, options: &[&str]) -> Run {
    Keyseam::new(&["context", "-o", "json"]).args(options).arg(folder.path()).run()
}

/// The files of [`FILES`] in which keyseam finds their key.
fn found(folder: &TempDir) -> BTreeSet<&'static str> {
    let run = scan(folder, &[]);
    let findings = run.findings();
    let has = |number: u64, file: &str| {
        let fingerprint = fingerprint(&key(number));
        let finding = findings.iter().find(|one| one["fingerprint"] == fingerprint.as_str());
        finding.is_some_and(|finding| finding["locations"][0]["path"] == file)
    };
    (100..).zip(FILES).filter(|(number, file)| has(*number, file)).map(|(_, file)| file).collect()
}

/// Patterns, each of which leaves out some of the files and not all.
const PATTERNS: [&str; 13] = [
    "",
    "# nothing\n\n",
    ".env\n",
    "**/.env\nnode_modules\n",
    "*\n!app\n",
    "*\n!app/main.py\n!docs/*.md\n",
    "/build/\napp/secret\n!app/secret/public.pem\n",
    "app/**/*.pem\n",
    "**/node_modules\n",
    "docs/a b.md\n  README.md  \n",
    "*.md\n*/*.md\n!README*\n",
    "build/**/b\n[a-c]pp\nsch?ssel\n",
    "z\\*y\n./docs/../src\n",
];

fn dockerfile(folder: &TempDir) {
    write(folder.path(), "Dockerfile", b"FROM scratch\nCOPY . /context/\n");
}

/// The files of [`FILES`] in a folder that holds what a build copied.
fn copied(folder: &Path) -> BTreeSet<&'static str> {
    FILES.into_iter().filter(|file| folder.join("context").join(file).is_file()).collect()
}

#[test]
fn what_buildah_copies_is_what_is_read() {
    let (folder, podman) = (context(&FILES), Podman::new());
    dockerfile(&folder);
    let buildah = |arguments: &[&str]| {
        let output = run(podman.program("buildah").args(arguments), None);
        assert!(output.status.success(), "buildah {arguments:?}: {}", text(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let path = folder.path().display().to_string();
    for patterns in PATTERNS {
        write(folder.path(), ".dockerignore", patterns.as_bytes());
        buildah(&["bud", "-t", "copied:1", &path]);
        let container = buildah(&["from", "copied:1"]);
        let mounted = buildah(&["mount", &container]);
        let expected = copied(Path::new(&mounted));
        buildah(&["rm", &container]);
        assert_eq!(found(&folder), expected, "{patterns:?}");
    }
}

#[test]
fn what_docker_copies_is_what_is_read() {
    let (folder, docker) = (context(&FILES), Docker::start());
    dockerfile(&folder);
    let docker = |arguments: &[&str]| {
        let output = docker.command(arguments, None);
        assert!(output.status.success(), "docker {arguments:?}: {}", text(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let path = folder.path().display().to_string();
    for patterns in PATTERNS {
        write(folder.path(), ".dockerignore", patterns.as_bytes());
        let out = tempfile::tempdir().expect("a folder");
        docker(&["build", "-q", "-t", "copied:1", &path]);
        let container = docker(&["create", "copied:1", "none"]);
        docker(&["cp", &format!("{container}:/context"), &out.path().display().to_string()]);
        docker(&["rm", &container]);
        assert_eq!(found(&folder), copied(out.path()), "{patterns:?}");
    }
}

/// The classic builder and buildah never look into a folder that no such pattern begins with; BuildKit does.
#[test]
fn what_not_every_builder_copies_is_read() {
    let folder = context(&FILES);
    write(folder.path(), ".dockerignore", b"**\n!**/m\napp/\n");
    assert_eq!(found(&folder), BTreeSet::from(["node_modules/m/index.js", "node_modules/m/package.json"]));
}

#[test]
fn a_file_that_would_be_copied_is_told_with_what_keeps_it_out() {
    let folder = context(&["app/.env"]);
    let run = scan(&folder, &[]);
    run.assert_status(1);
    let result = run.result();
    assert_eq!((&result["source"], &result["kind"]), (&"context".into(), &"context".into()));
    let finding = &run.findings()[0];
    assert_eq!(finding["remediation"]["next"], "add app/.env to .dockerignore, so that no COPY brings it in");
    let table = Keyseam::new(&["context"]).directory(folder.path()).run();
    let text = table.assert_status(1).text();
    assert!(text.contains("app/.env:1") && text.contains("an image with these files"), "{text}");

    write(folder.path(), ".dockerignore", b"app/.env\n");
    scan(&folder, &[]).assert_status(0);
    // Patterns that are called after the Dockerfile go first.
    write(folder.path(), "ci.Dockerfile", b"FROM scratch\n");
    write(folder.path(), "ci.Dockerfile.dockerignore", b"other\n");
    let dockerfile = folder.path().join("ci.Dockerfile").display().to_string();
    scan(&folder, &["-f", &dockerfile]).assert_status(1);
}

#[test]
fn archives_links_and_encodings_are_read_as_in_a_layer() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "a/key", &line(1));
    let zip = run(
        std::process::Command::new("zip")
            .args(["-q", "-r", "../b.zip", "key"])
            .current_dir(folder.path().join("a")),
        None,
    );
    assert!(zip.status.success(), "{}", text(&zip));
    fs::remove_dir_all(folder.path().join("a")).expect("removed");
    std::os::unix::fs::symlink(format!("https://x:{}@example.com", key(2)), folder.path().join("link"))
        .expect("a link");
    let findings = scan(&folder, &[]).findings();
    let kinds: Vec<(Value, Value)> = findings
        .iter()
        .map(|finding| (finding["locations"][0]["kind"].clone(), finding["locations"][0]["inner"].clone()))
        .collect();
    assert_eq!(kinds.len(), 2, "{findings:#?}");
    assert!(kinds.contains(&("file".into(), serde_json::json!(["key"]))), "{kinds:?}");
    assert!(kinds.contains(&("symlink".into(), serde_json::json!([]))), "{kinds:?}");
}

#[test]
fn what_a_dockerfile_leaves_in_an_image_is_told_with_its_rewrite() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "FROM scratch\nARG NPM_TOKEN\nENV GH_TOKEN={one}\nRUN git clone \\\n  https://x:{two}@github.com/a/b\nCOPY .npmrc /root/\n",
        one = key(1),
        two = key(2)
    );
    write(folder.path(), "Dockerfile", text.as_bytes());
    // It is read although no COPY sees it.
    write(folder.path(), ".dockerignore", b"*\n");
    let run = scan(&folder, &[]);
    run.assert_status(1);
    let findings = run.findings();
    let line = |number: u64| {
        let fingerprint = fingerprint(&key(number));
        let finding = findings.iter().find(|one| one["fingerprint"] == fingerprint.as_str());
        let finding = finding.unwrap_or_else(|| panic!("key {number}: {findings:#?}"));
        let line = finding["introduced_by"]["dockerfile"]["line"].as_u64();
        (line, finding["remediation"]["next"].as_str().unwrap_or_default().to_owned())
    };
    let ((first, env), (second, step)) = (line(1), line(2));
    assert_eq!((first, second), (Some(3), Some(4)), "a step's line is its first");
    assert!(env.starts_with("Dockerfile:3: ") && env.contains("id=gh_token,env=GH_TOKEN"), "{env}");
    assert!(step.starts_with("Dockerfile:4: ") && step.contains("--mount=type=secret"), "{step}");

    let warnings: Vec<String> =
        list(&run.result()["warnings"]).iter().map(|one| one.as_str().expect("a text").to_owned()).collect();
    let said = |start: &str| warnings.iter().any(|warning| warning.starts_with(start));
    assert!(said("Dockerfile:2: ARG NPM_TOKEN: ") && said("Dockerfile:6: COPY .npmrc: "), "{warnings:?}");
    for number in [1, 2] {
        assert!(!run.text().contains(&key(number)));
    }
    // Advice alone fails nothing.
    write(folder.path(), "Dockerfile", b"FROM scratch\nARG NPM_TOKEN\n");
    scan(&folder, &[]).assert_status(0);
}

#[test]
fn other_programs_are_told_of_files_of_the_sources() {
    let folder = context(&["shop/app/.env"]);
    let text = format!("FROM scratch\nENV GH_TOKEN={}\n", key(1));
    write(folder.path(), "shop/Dockerfile", text.as_bytes());
    let scan = |format: &str, context: &str| {
        Keyseam::new(&["context", "-o", format, context]).directory(folder.path()).run()
    };
    for shop in ["shop", "./shop/"] {
        let sarif = scan("sarif", shop).json();
        let mut uris: Vec<(String, String)> = list(&sarif["runs"][0]["results"])
            .iter()
            .map(|result| &result["locations"][0]["physicalLocation"]["artifactLocation"])
            .map(|artifact| (artifact["uri"].to_string(), artifact["uriBaseId"].to_string()))
            .collect();
        uris.sort();
        let base = || "\"%SRCROOT%\"".to_owned();
        assert_eq!(
            uris,
            [("\"shop/Dockerfile\"".to_owned(), base()), ("\"shop/app/.env\"".to_owned(), base())]
        );
        let lines = scan("github", shop).text();
        assert!(
            lines.contains("file=shop/app/.env,line=1,") && lines.contains("file=shop/Dockerfile,line=2,"),
            "{lines}"
        );
    }
}

#[test]
fn settings_of_a_file_count_as_far_as_they_concern_a_context() {
    let folder = context(&["app/.env"]);
    let settings = "platform = [\"linux/arm64\"]\nfail-on = \"never\"\n";
    let run = Keyseam::new(&["context", "--config", "ours.toml"]).arg(folder.path());
    run.file("ours.toml", settings).run().assert_status(0);
    write(folder.path(), "keyseam.toml", b"fail-on = \"never\"\n");
    let untrusted = Keyseam::new(&["context"]).directory(folder.path()).run();
    assert!(untrusted.assert_status(2).stderr.contains("pull request"), "{}", untrusted.stderr);
}

#[test]
fn what_is_no_context_ends_the_run() {
    let folder = context(&["file"]);
    let status = |options: &[&str]| {
        let run = Keyseam::new(&["context"]).args(options).directory(folder.path()).run();
        run.assert_status(2).stderr.clone()
    };
    assert!(status(&["missing"]).contains("missing: "));
    assert!(status(&["file"]).contains("file: it is no folder"));
    assert!(status(&["-f", "missing"]).contains("missing: "));
    write(folder.path(), ".dockerignore", b"ok\n[a\n");
    assert!(status(&[]).contains(".dockerignore: line 2: this is no pattern"));
}
