//! What a run leaves behind: nothing of an image on any disk, and nothing at all after a signal.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::cli::hashing_key;
use crate::support::image::{Compression, Image, ImageBuilder, Layer, docker_classic, oci};

fn image() -> Image {
    let body: Vec<u8> = (0_u32..60_000).flat_map(u32::to_le_bytes).collect();
    ImageBuilder::new("app:1").layer(Layer::new().dir("srv").file("srv/data", &body)).env("A", "b").build()
}

/// The program in an environment of its own.
fn keyseam(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyseam"));
    command.current_dir(home).env_clear().env("HOME", home).env("TMPDIR", home);
    command
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The calls of a scan that made, changed, named or removed a file, by strace.
fn changes(home: &Path, key: Option<&str>, arguments: &[&str], stdin: Stdio) -> Vec<String> {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut command = keyseam(home);
    let program = command.get_program().to_owned();
    command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=%file,ftruncate,fallocate,memfd_create", "-o"]).arg(log.path());
    command.arg(program).args(arguments).current_dir(home).env_clear();
    command.env("HOME", home).env("TMPDIR", home).env("PATH", std::env::var_os("PATH").expect("a PATH"));
    if let Some(key) = key {
        command.env("KEYSEAM_FINGERPRINT_KEY", key);
    }
    let status =
        command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("strace runs");
    assert_eq!(status.code(), Some(0), "the scan");
    let log = std::fs::read_to_string(log.path()).expect("strace's log");
    assert!(log.contains("open"), "strace saw nothing");
    log.lines().filter(|line| is_change(line)).map(str::to_owned).collect()
}

/// Whether a line of strace's (`PID call(arguments`) is a call that may change a file. What is not known
/// to be harmless counts.
fn is_change(line: &str) -> bool {
    const HARMLESS: [&str; 12] = [
        "access",
        "faccessat2",
        "readlink",
        "readlinkat",
        "stat",
        "lstat",
        "newfstatat",
        "statx",
        "statfs",
        "execve",
        "getcwd",
        "chdir",
    ];
    let Some((call, arguments)) = line.split_once('(') else { return false };
    let call = call.rsplit(' ').next().unwrap_or_default();
    let is_open = ["open", "openat", "openat2"].contains(&call);
    let reads = is_open
        && !["O_WRONLY", "O_RDWR", "O_CREAT", "O_TMPFILE", "O_TRUNC"]
            .iter()
            .any(|flag| arguments.contains(flag));
    let nowhere = is_open && (arguments.contains("\"/dev/null\"") || arguments.contains("\"/dev/tty\""));
    !HARMLESS.contains(&call) && !reads && !nowhere
}

#[test]
fn what_changes_a_file_is_seen() {
    for line in [
        "7 openat(AT_FDCWD, \"x\", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3",
        "7 memfd_create(\"x\", 0) = 3",
        "7 rename(\"stat\", \"access\") = 0",
        "7 unlink(\"x\") = 0",
    ] {
        assert!(is_change(line), "{line}");
    }
    for line in [
        "7 openat(AT_FDCWD, \"x\", O_RDONLY|O_CLOEXEC) = 3",
        "7 statx(3, \"\", 0) = 0",
        "7 <... statx resumed>) = 0",
    ] {
        assert!(!is_change(line), "{line}");
    }
}

#[test]
fn nothing_of_an_image_is_written() {
    let home = tempfile::tempdir().expect("a folder");
    let archive = docker_classic(&[&image()]).tar();
    std::fs::write(home.path().join("app.tar"), &archive).expect("written");
    std::fs::write(home.path().join("app.tar.xz"), Compression::Xz.apply(&archive)).expect("written");
    oci(&[&image()], Compression::Zstd).write_to(&home.path().join("layout"));
    let key = hashing_key();
    for target in ["app.tar", "app.tar.xz", "oci:layout"] {
        assert_eq!(
            changes(home.path(), Some(&key), &["scan", "--no-cache", target], Stdio::null()),
            Vec::<String>::new(),
            "{target}"
        );
    }
    let pipe = || {
        let mut cat = Command::new("cat")
            .arg(home.path().join("app.tar"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("cat runs");
        let out = cat.stdout.take().expect("a pipe");
        (cat, out)
    };
    let (mut cat, out) = pipe();
    assert_eq!(
        changes(home.path(), Some(&key), &["scan", "--no-inventory", "-"], out.into()),
        Vec::<String>::new(),
        "from a pipe"
    );
    cat.wait().expect("cat ends");
    assert_eq!(names(home.path()), ["app.tar", "app.tar.xz", "layout"]);
}

#[test]
fn the_first_run_makes_a_hashing_key_and_an_inventory_and_nothing_else() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join("app.tar"), docker_classic(&[&image()]).tar()).expect("written");
    let first = changes(home.path(), None, &["scan", "app.tar"], Stdio::null());
    assert!(!first.is_empty(), "a key was to be made");
    let is_expected = |line: &&String| {
        [".local/share", ".local\"", ".cache\"", ".cache/keyseam\"", ".cache/keyseam/inventory.db"]
            .iter()
            .any(|place| line.contains(place))
    };
    let others: Vec<&String> = first.iter().filter(|line| !is_expected(line)).collect();
    assert!(others.is_empty(), "{others:?}");
    let again = changes(home.path(), None, &["scan", "app.tar"], Stdio::null());
    assert!(again.iter().all(|line| line.contains("/inventory.db")), "{again:?}");
    let last = changes(home.path(), None, &["scan", "--no-inventory", "app.tar"], Stdio::null());
    assert_eq!(last, Vec::<String>::new());
}

/// A scan of a pipe that goes on and on, past the first `bytes` of a big layer.
fn waiting_scan(home: &Path, program: &mut Command) -> Child {
    let mut archive = docker_classic(&[&image()]).tar();
    archive.truncate(archive.len() / 2);
    let mut child = program
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    // More than a pipe holds: when all of it is written, the scan has begun.
    child.stdin.as_mut().expect("a pipe").write_all(&archive).expect("the scan reads");
    child
}

fn send(signal: &str, pid: u32) {
    let status =
        Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().expect("kill runs");
    assert!(status.success());
}

#[test]
fn a_signal_ends_a_scan_with_its_status_and_no_report() {
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join("old.json"), "old").expect("written");
        // What runs the tests may have set signals to be ignored, and that is inherited.
        let mut program = Command::new("/usr/bin/env");
        program.arg(format!("--default-signal={signal}")).arg(env!("CARGO_BIN_EXE_keyseam"));
        program.env_clear().env("HOME", home.path()).env("TMPDIR", home.path());
        program.env("KEYSEAM_FINGERPRINT_KEY", hashing_key());
        program.args(["scan", "-o", "json=report.json", "-o", "jsonl=old.json", "-"]);
        let mut child = waiting_scan(home.path(), &mut program);
        send(signal, child.id());
        // The pipe stays open until the program has ended: only the signal can have ended it.
        let ended = child.wait_timeout();
        assert_eq!(ended, Some(status), "SIG{signal}");
        assert_eq!(names(home.path()), ["old.json"], "SIG{signal}");
        assert_eq!(std::fs::read(home.path().join("old.json")).expect("read"), b"old");
        let mut said = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
        assert_eq!(said, "", "SIG{signal}: no part of a report");
    }
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let home = tempfile::tempdir().expect("a folder");
    let mut program = Command::new("sh");
    program.env_clear().env("HOME", home.path()).env("PATH", std::env::var_os("PATH").expect("a PATH"));
    program.env("KEYSEAM_FINGERPRINT_KEY", hashing_key());
    program.args([
        "-c",
        "trap '' INT; exec \"$0\" scan -o json=report.json -",
        env!("CARGO_BIN_EXE_keyseam"),
    ]);
    let mut child = waiting_scan(home.path(), &mut program);
    send("INT", child.id());
    drop(child.stdin.take());
    let status = child.wait().expect("it ends").code();
    assert_ne!(status, Some(130), "a shell's background job goes on");
    assert!(home.path().join("report.json").exists() || status == Some(2), "it ended by itself");
}

/// Waits for the end without closing the pipe, as [`Child::wait`] would; no status after a minute.
trait WaitWithPipe {
    fn wait_timeout(&mut self) -> Option<i32>;
}

impl WaitWithPipe for Child {
    fn wait_timeout(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(status) = self.try_wait().expect("a child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill().expect("a child");
        None
    }
}
