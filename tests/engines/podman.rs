//! A real podman: over its socket, and by its command where it has none.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use keyseam::engine::{Inspection, Patience, Podman as PodmanCommand};
use serde_json::json;

use super::{assert_fails, assert_same, expected, image, key};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::engine::{Podman, run, text};
use crate::support::image::docker_classic;

fn scan(name: &str) -> Keyseam {
    Keyseam::scan(&[format!("podman:{name}")])
}

#[test]
fn an_image_of_podman_gives_what_its_archive_gives_with_and_without_a_socket() {
    let (podman, image) = (Podman::new(), image(&["localhost/app:1", "quay.example/team/other:2"]));
    let expected = expected(&image);
    podman.load(&docker_classic(&[&image]).tar());
    let service = podman.serve();
    let socket = format!("unix://{}", service.socket.display());
    let over_socket = |name: &str| scan(name).env("CONTAINER_HOST", &socket).env("TMPDIR", "/nowhere").run();
    let by_command = |name: &str| scan(name).env("CONTAINERS_STORAGE_CONF", podman.storage_conf()).run();
    let id = image.config_digest();
    for way in [&over_socket as &dyn Fn(&str) -> Run, &by_command] {
        for (name, reference) in [
            ("app:1", "localhost/app:1"),
            ("localhost/app:1", "localhost/app:1"),
            ("quay.example/team/other:2", "quay.example/team/other:2"),
            (&id, ""),
            (&id[7..19], ""),
        ] {
            let result = assert_same(&way(name), &expected);
            assert_eq!(result["source"], "podman");
            let found = result["reference"].as_str().unwrap_or_default();
            // Which of its names is the first is podman's affair.
            let is_any =
                reference.is_empty() && ["localhost/app:1", "quay.example/team/other:2"].contains(&found);
            assert!(found == reference || is_any, "{name}: {found}");
            assert_eq!(result["config_digest"], id.as_str());
            let digests = list(&result["repo_digests"]);
            let named = |digest: &str| digest.starts_with("localhost/app@sha256:");
            assert!(digests.iter().filter_map(|digest| digest.as_str()).any(named), "{digests:?}");
        }
        assert_fails(&way("app:2"), "has no image app:2: podman images lists what it has");
        assert_fails(&way("--all"), "is neither the name nor the id of an image");
    }
    // Docker's command line would reach it the same way.
    let as_docker = Keyseam::scan(&["docker-daemon:app:1"]).env("DOCKER_HOST", &socket).run();
    assert_eq!(assert_same(&as_docker, &expected)["source"], "docker-daemon");
    let bare = Keyseam::scan(&["localhost/app:1"])
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .env("CONTAINERS_STORAGE_CONF", podman.storage_conf())
        .run();
    assert_eq!(assert_same(&bare, &expected)["source"], "podman");
}

#[test]
fn annotations_that_podman_does_not_export_are_read() {
    let podman = Podman::new();
    let buildah = |arguments: &[&str]| {
        let output = run(podman.program("buildah").args(arguments), None);
        assert!(output.status.success(), "buildah {arguments:?}: {}", text(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let container = buildah(&["from", "scratch"]);
    buildah(&["config", "--annotation", &format!("ci.token={}", key(1)), "--env", "A=b", &container]);
    buildah(&["commit", "--format", "oci", &container, "noted:1"]);
    let service = podman.serve();
    let socket = format!("unix://{}", service.socket.display());
    for run in [
        scan("noted:1").env("CONTAINER_HOST", &socket).run(),
        scan("noted:1").env("CONTAINERS_STORAGE_CONF", podman.storage_conf()).run(),
    ] {
        let finding = run.assert_status(1).finding("github-pat-classic");
        assert_eq!(finding["locations"][0]["kind"], "annotation", "{finding:#}");
    }
}

/// Scans `podman:app:1` where `podman` is this script.
fn with_script(folder: &Path, script: &str) -> Run {
    executable(&folder.join("podman"), &format!("#!/bin/sh\n{script}\n"));
    let system = std::env::var("PATH").expect("PATH");
    scan("app:1").env("PATH", format!("{}:{system}", folder.display())).run()
}

/// A podman that has the image, and does `save` when it is to be saved.
fn script(folder: &Path, save: &str) -> String {
    let image = image(&["app:1"]);
    fs::write(folder.join("archive"), docker_classic(&[&image]).tar()).expect("a file");
    let layers: Vec<String> = image.diff_ids.iter().map(|digest| format!("\"{digest}\"")).collect();
    let (id, layers) = (image.config_digest(), layers.join(","));
    format!(
        "case \"$1 $2\" in 'image inspect') echo '[{{\"Id\":\"{id}\",\"RootFS\":{{\"Layers\":[{layers}]}}}}]';; save*) {save};; esac"
    )
}

#[test]
fn a_podman_that_fails_or_lies_never_gives_a_clean_scan() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("archive").display().to_string();
    let whole = script(folder.path(), &format!("cat {archive}"));
    with_script(folder.path(), &whole).assert_status(1);
    let words = format!("echo 'Error: disk full, token {}' >&2", key(8));
    for (save, size) in [
        (format!("cat {archive}; {words}; exit 125"), "all"),
        (format!("head -c 205000 {archive}; {words}; exit 125"), "part"),
        (format!("head -c 205000 {archive}"), "part"),
    ] {
        let run = with_script(folder.path(), &script(folder.path(), &save));
        let result = run.assert_status(1).result();
        assert_eq!(result["complete"], false, "{save}: {size}");
        let errors = result["errors"].to_string();
        assert_eq!(errors.contains("disk full"), save.contains("disk full"), "{errors}");
        assert!(!errors.contains(&key(8)) && !run.stderr.contains(&key(8)), "{errors}");
    }
    let nothing = with_script(folder.path(), &script(folder.path(), &format!("{words}; exit 125")));
    assert_fails(&nothing, "disk full");
    assert!(!nothing.stderr.contains(&key(8)), "{}", nothing.stderr);
}

#[test]
fn a_podman_that_hangs_while_it_saves_is_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("podman");
    let pid = folder.path().join("pid");
    for written in [0, 1000] {
        let script =
            format!("#!/bin/sh\necho $$ >{}\nhead -c {written} /dev/zero\nexec sleep 600\n", pid.display());
        executable(&program, &script);
        let patience = Patience { answer: Duration::from_millis(300), export: Duration::from_millis(300) };
        let answer = json!({ "Id": image(&["app:1"]).config_digest() }).to_string();
        let image = Inspection::parse(answer.as_bytes()).expect("an image");
        let mut saving = PodmanCommand::at(&program).export(&image, patience).expect("it starts");
        let mut bytes = Vec::new();
        let error = saving.read_to_end(&mut bytes).expect_err("it hangs").to_string();
        assert!(error.contains("did not answer within"), "{error}");
        assert_eq!(bytes.len(), written);
        assert!(matches!(saving.read(&mut [0; 10]), Ok(0) | Err(_)));
        drop(saving);
        assert!(!is_alive(&pid), "podman still runs");
    }
}

#[test]
fn podman_gets_no_settings_of_ours_and_no_options_of_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log").display().to_string();
    let archive = folder.path().join("archive").display().to_string();
    let inner = script(folder.path(), &format!("cat {archive}"));
    let run = with_script(folder.path(), &format!("echo \"$@\" >>{log}; env >>{log}\n{inner}"));
    run.assert_status(1);
    let log = fs::read_to_string(folder.path().join("log")).expect("what podman saw");
    assert!(log.contains("image inspect -- app:1\n"), "{log}");
    assert!(log.contains("save --quiet --format docker-archive -- "), "{log}");
    assert!(!log.contains("KEYSEAM_"), "{log}");
}

#[test]
fn podman_is_not_taken_from_the_working_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    with_script(folder.path(), "touch called");
    let ran = |path: &str| {
        let run = scan("app:1").directory(folder.path()).env("PATH", path).run();
        (run, folder.path().join("called").exists())
    };
    let _ = fs::remove_file(folder.path().join("called"));
    for path in ["", ".", ":", "./:"] {
        let (run, called) = ran(path);
        assert!(!called, "podman of the working directory ran with PATH={path}");
        assert_fails(&run, "no podman on PATH");
    }
}

#[test]
fn no_podman_is_left_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    // It hangs when asked for the image, which a bare reference waits for only so long.
    let script = format!("#!/bin/sh\necho $$ >{}; exec sleep 600\n", pid.display());
    executable(&folder.path().join("podman"), &script);
    let system = std::env::var("PATH").expect("PATH");
    let run = Keyseam::scan(&["127.0.0.1:1/app:1"])
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .env("PATH", format!("{}:{system}", folder.path().display()))
        .run();
    run.assert_status(2);
    assert!(!is_alive(&pid), "podman still runs");
}

/// Writes a script. Another process does, since a file that any process has open for writing cannot be
/// run, and other tests start processes that inherit what is open here.
fn executable(path: &Path, content: &str) {
    let aside = path.with_extension("new");
    fs::write(&aside, content).expect("a file");
    let installed = run(Command::new("install").args(["-m", "755"]).args([&aside, path]), None);
    assert!(installed.status.success(), "install: {}", text(&installed));
}

/// Whether the process runs whose number stands in this file.
fn is_alive(pid: &Path) -> bool {
    let pid = fs::read_to_string(pid).expect("podman was started");
    Command::new("kill").args(["-0", pid.trim()]).output().expect("kill runs").status.success()
}
