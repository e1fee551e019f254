//! The program's own words, statuses and streams, as a script sees them.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn keyseam(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyseam"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KEYSEAM_")) {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    keyseam(arguments).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn wrong_usage_is_status_2_and_goes_to_standard_error() {
    let lines: &[&[&str]] = &[
        &[],
        &["scan"],
        &["scan", "--no-such-option", "app.tar"],
        &["scan", "-o", "json", "-o", "csv", "app.tar"],
        &["scan", "-o", "yaml", "app.tar"],
        &["scan", "-o", "template:/no/such/page.j2", "app.tar"],
        &["scan", "-o", "template", "app.tar"],
        &["scan", "-o", "json=/no/such/folder/report.json", "app.tar"],
        &["scan", "--fail-on", "everything", "app.tar"],
        &["no-such-command"],
        &["detectors", "show"],
    ];
    for line in lines {
        let output = run(line);
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{line:?}");
    }
}

#[test]
fn habits_of_other_scanners_get_one_line() {
    for (line, ours) in [
        (vec!["scan", "--input", "app.tar"], "docker-archive:"),
        (vec!["scan", "--format", "json", "app.tar"], "-o "),
        (vec!["scan", "--severity=HIGH", "app.tar"], "--fail-on"),
        (vec!["scan", "--exit-code", "1", "app.tar"], "--exit-zero"),
        (vec!["image", "app.tar"], "keyseam scan"),
    ] {
        let output = run(&line);
        let answer = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert_eq!(answer.lines().count(), 1, "{answer}");
        assert!(answer.contains(ours), "{answer}");
    }
}

#[test]
fn help_version_manual_and_completions_go_to_standard_output() {
    for line in [
        &["--help"][..],
        &["--version"],
        &["scan", "--help"],
        &["scan", "-h"],
        &["man"],
        &["completions", "bash"],
        &["completions", "zsh"],
    ] {
        let output = run(line);
        assert_eq!(output.status.code(), Some(0), "{line:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{line:?}");
    }
}

#[test]
fn a_closed_pipe_changes_nothing() {
    let mut child =
        keyseam(&["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn a_full_disk_is_status_2() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the device is there");
    let output = keyseam(&["man"]).stdout(full).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stderr.is_empty());
}

#[test]
fn variables_set_options_but_never_those_that_show_or_verify() {
    let status = |name: &str, value: &str| {
        let mut command = keyseam(&["scan", "--offline", "/no/such/image.tar"]);
        text(&command.env(name, value).output().expect("the program runs").stderr)
    };
    assert!(status("KEYSEAM_FAIL_ON", "everything").contains("--fail-on"));
    assert!(!status("KEYSEAM_FAIL_ON", "").contains("--fail-on"), "an empty variable is no variable");
    assert!(status("KEYSEAM_STRICT", "perhaps").contains("--strict"));
    assert!(!status("KEYSEAM_SHOW_SECRETS", "perhaps").contains("secrets"));
    assert!(!status("KEYSEAM_VERIFY_DIFF_IDS", "perhaps").contains("diff"));
}

#[test]
fn a_missing_image_is_status_2_and_leaves_no_part_of_a_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = format!("json={}", folder.path().join("report.json").display());
    let output = run(&["scan", "--offline", "-o", &report, "/no/such/image.tar"]);
    assert_eq!(output.status.code(), Some(2));
    let parts = std::fs::read_dir(folder.path()).expect("read").filter_map(Result::ok);
    assert!(parts.map(|entry| entry.file_name()).all(|name| name == "report.json"));
}

#[test]
fn nothing_a_user_types_reaches_the_terminal_raw() {
    let mut stderr = Vec::new();
    for line in [["scan", "--images-from", "/no\u{1b}[2Jsuch"], ["scan", "--base", "\u{1b}[2J"]] {
        let output = run(&line.into_iter().chain(["x\u{1b}[2J.tar"]).collect::<Vec<_>>());
        stderr.write_all(&output.stderr).expect("a vector takes all");
    }
    assert!(!stderr.contains(&0x1b));
}
