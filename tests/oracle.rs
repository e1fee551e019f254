//! The runtime oracle: random stacks of layers are unpacked by what runs images, and what is left of
//! every file's content there must be just what the library says is in the final image.
//!
//! Needs root, `umoci` and Docker (`docker`, `dockerd`); a missing one is a failure. By default some
//! seeds are fixed and as many are fresh. To run more, or one again:
//!
//! ```text
//! KEYSEAM_ORACLE_SEEDS=500 KEYSEAM_ORACLE_DOCKER_SEEDS=30 cargo test --test integration oracle
//! KEYSEAM_ORACLE_REPORT_SEEDS=200 cargo test --test integration oracle::what_the_report
//! KEYSEAM_ORACLE_SEED=0x1234 cargo test --test integration oracle
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use keyseam::image::rootfs::{EntryAt, Fate, fates};
use keyseam::layer::entry_log::EntryLog;
use keyseam::layer::tar::{Entry, EntryKind};

use crate::support::cli::Keyseam;
use crate::support::engine::{Docker, run, text};
use crate::support::stack::{Random, Stack, StackEntry, StackKind};

#[test]
fn what_is_in_the_final_image_is_what_umoci_unpacks() {
    for seed in seeds("KEYSEAM_ORACLE_SEEDS", 40) {
        let stack = Stack::random(seed, true);
        let mut expected = umoci_contents(&stack);
        // Where runtimes differ, what either leaves is in the final image.
        expected.extend(stack.docker_contents.iter().cloned());
        check(&stack, &expected);
    }
}

#[test]
fn what_is_in_the_final_image_is_what_docker_exports() {
    let docker = Docker::start();
    for seed in seeds("KEYSEAM_ORACLE_DOCKER_SEEDS", 6) {
        let stack = Stack::random(seed, false);
        let exported = docker_contents(&docker, &stack);
        assert_eq!(exported, stack.docker_contents, "the model of Docker, seed {seed:#x}");
        let mut expected = umoci_contents(&stack);
        expected.extend(exported);
        check(&stack, &expected);
    }
}

#[test]
fn what_the_report_says_is_what_umoci_unpacks() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (layout, archive) = (folder.path().join("layout"), folder.path().join("stack.tar"));
    for seed in seeds("KEYSEAM_ORACLE_REPORT_SEEDS", 40) {
        let stack = Stack::random(seed, true);
        let mut expected = umoci_contents(&stack);
        expected.extend(stack.docker_contents.iter().cloned());
        let target = if seed % 2 == 0 {
            let _ = fs::remove_dir_all(&layout);
            stack.write_layout(&layout).expect("writing the layout");
            &layout
        } else {
            fs::write(&archive, stack.docker_archive("stack:1")).expect("writing the archive");
            &archive
        };
        check_report(&stack, &expected, target);
    }
}

/// A detector of the contents that stacks have: each is a key of its own.
const CONTENTS: &str = r#"
service = "Oracle"
category = "generic"

[[detector]]
id = "content"
name = "Content of a file"
kind = "content"
severity = "high"
confidence = "high"

[[detector.form]]
anchors = ["content-"]
pattern = 'content-[0-9a-f]{16}-[0-9]{1,9}-[0-9]{1,9}-end'

[[detector.example]]
key = "content-{{hex:16}}-1-2-end"

[[detector.example]]
key = "content-{{hex:16}}-3-4-end"
text = "a {{key}}"

[[detector.counter_example]]
text = "content-{{hex:4}}-1-2-end"
why = "too short"

[[detector.counter_example]]
text = "content-{{hex:16}}-1-2"
why = "no end"
"#;

/// Scans the stack at `target` with the program, and asserts of every content its layer, its path and
/// whether it is in the final image.
fn check_report(stack: &Stack, expected: &BTreeSet<String>, target: &Path) {
    let options = ["--show-secrets", "--no-config", "--rules", "contents.toml"];
    let run = Keyseam::scan(&options).arg(target).file("contents.toml", CONTENTS).run();
    let mut found = BTreeSet::new();
    for finding in run.findings().iter().filter(|finding| finding["detector"] == "content") {
        let what = || format!("{finding:#}\n{}", describe(stack));
        let content = finding["secret"].as_str().unwrap_or_default().to_owned();
        assert_eq!(finding["in_final_image"], expected.contains(&content), "{}", what());
        let (at, file) =
            files(stack).into_iter().find(|(_, file)| file.content == content).expect("made here");
        let origin = (&finding["introduced_by"]["layer"], &finding["locations"][0]["path"]);
        assert_eq!(origin, (&at.layer.into(), &file.path.as_str().into()), "{}", what());
        assert_eq!(finding["locations"].as_array().map(Vec::len), Some(1), "{}", what());
        assert!(found.insert(content), "{}", what());
    }
    let all: BTreeSet<String> = files(stack).iter().map(|(_, file)| file.content.clone()).collect();
    assert_eq!(found, all, "{}", describe(stack));
}

/// As many seeds as the variable says: half of them fixed, half fresh. Or the one to run again.
fn seeds(variable: &str, default: usize) -> Vec<u64> {
    if let Ok(seed) = std::env::var("KEYSEAM_ORACLE_SEED") {
        let seed = u64::from_str_radix(seed.trim_start_matches("0x"), 16);
        return vec![seed.expect("KEYSEAM_ORACLE_SEED is a hexadecimal number")];
    }
    let count = match std::env::var(variable) {
        Ok(count) => count.parse().expect("the number of seeds is a number"),
        Err(_) => default,
    };
    let mut fresh = Random(getrandom::u64().expect("random numbers from the system"));
    (0..count).map(|i| if i % 2 == 0 { i as u64 / 2 } else { fresh.next() }).collect()
}

/// Asserts of every file of the stack that it is in the final image just when it is expected there.
fn check(stack: &Stack, expected: &BTreeSet<String>) {
    let logs: Vec<EntryLog> = stack.layers.iter().map(|layer| log(layer)).collect();
    let logs: Vec<&EntryLog> = logs.iter().collect();
    let files: Vec<(EntryAt, &StackEntry)> = files(stack);
    let wanted: Vec<EntryAt> = files.iter().map(|(at, _)| *at).collect();
    let fates = fates(&logs, &wanted);
    assert_eq!(fates.len(), files.len());
    for ((at, file), fate) in files.iter().zip(&fates) {
        let what = || format!("{} of layer {} of\n{}", file.path, at.layer, describe(stack));
        assert_eq!(fate.in_final_image, expected.contains(&file.content), "{}", what());
        assert!(is_sound(file, *at, fate), "{fate:?}: {}", what());
        // What is not asked for must not matter.
        assert_eq!(keyseam::image::rootfs::fates(&logs, &[*at]), std::slice::from_ref(fate), "{}", what());
    }
}

/// Only what was in the tree can be removed, and not before it came.
fn is_sound(file: &StackEntry, at: EntryAt, fate: &Fate) -> bool {
    let is_whiteout = file.path.rsplit('/').next().is_some_and(|name| name.starts_with(".wh."));
    match fate.removed_by {
        Some(removal) => !fate.in_final_image && !is_whiteout && removal.layer >= at.layer,
        None => fate.in_final_image || is_whiteout,
    }
}

fn files(stack: &Stack) -> Vec<(EntryAt, &StackEntry)> {
    let mut files = Vec::new();
    for (layer, entries) in stack.layers.iter().enumerate() {
        for (index, entry) in entries.iter().enumerate().filter(|(_, e)| !e.content.is_empty()) {
            let entry_index = keyseam::layer::entry_log::EntryIndex(index as u32);
            files.push((EntryAt { layer, entry: entry_index }, entry));
        }
    }
    files
}

fn log(layer: &[StackEntry]) -> EntryLog {
    let mut log = EntryLog::default();
    for entry in layer {
        let kind = match entry.kind {
            StackKind::File => EntryKind::File,
            StackKind::Folder => EntryKind::Directory,
            StackKind::Symlink => EntryKind::Symlink,
            StackKind::HardLink => EntryKind::HardLink,
            StackKind::Fifo => EntryKind::Fifo,
        };
        let pushed = log.push(&Entry {
            path: entry.path.clone().into_bytes(),
            kind,
            link: entry.link.clone().into_bytes(),
            size: entry.content.len() as u64,
            meta: Vec::new(),
            after_end: false,
        });
        assert!(pushed.is_some(), "an entry that was not logged");
    }
    log
}

fn describe(stack: &Stack) -> String {
    let mut text = format!("KEYSEAM_ORACLE_SEED={:#x}\n", stack.seed);
    for (index, layer) in stack.layers.iter().enumerate() {
        text.push_str(&format!("layer {index}\n"));
        for StackEntry { path, kind, link, content } in layer {
            text.push_str(&format!("  {kind:?} {path} {link}{content}\n"));
        }
    }
    text
}

/// The contents that `umoci unpack` leaves.
fn umoci_contents(stack: &Stack) -> BTreeSet<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (layout, bundle) = (folder.path().join("layout"), folder.path().join("bundle"));
    stack.write_layout(&layout).expect("writing the layout");
    let image = format!("{}:stack", layout.display());
    let output = run(Command::new("umoci").args(["unpack", "--image", &image]).arg(&bundle), None);
    assert!(output.status.success(), "umoci: {}\n{}", text(&output), describe(stack));
    let mut contents = BTreeSet::new();
    collect(&bundle.join("rootfs"), &mut contents);
    contents
}

/// The contents of all files below a folder; symlinks are not followed.
fn collect(folder: &Path, contents: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("reading the unpacked tree") {
        let entry = entry.expect("reading the unpacked tree");
        let kind = entry.file_type().expect("reading the unpacked tree");
        if kind.is_dir() {
            collect(&entry.path(), contents);
        } else if kind.is_file() {
            contents.insert(fs::read_to_string(entry.path()).expect("reading an unpacked file"));
        }
    }
}

/// The contents that `docker export` gives of a container that was made and never started.
fn docker_contents(docker: &Docker, stack: &Stack) -> BTreeSet<String> {
    let name = format!("stack:{:x}", stack.seed);
    let load = docker.command(&["load"], Some(&stack.docker_archive(&name)));
    assert!(load.status.success(), "docker load: {}\n{}", text(&load), describe(stack));
    let create = docker.command(&["create", &name], None);
    assert!(create.status.success(), "docker create: {}\n{}", text(&create), describe(stack));
    let container = String::from_utf8_lossy(&create.stdout).trim().to_owned();
    let export = docker.command(&["export", &container], None);
    assert!(export.status.success(), "docker export: {}\n{}", text(&export), describe(stack));
    docker.command(&["rm", "--force", &container], None);
    docker.command(&["rmi", "--force", &name], None);
    let contents = files(stack).into_iter().map(|(_, file)| file.content.clone());
    contents.filter(|content| contains(&export.stdout, content.as_bytes())).collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}
