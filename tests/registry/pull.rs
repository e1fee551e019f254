//! A run of the program that pulls, and what may be asked of it.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{fingerprints, keys_of};
use crate::support::cli::{Keyseam, Run, list};
use crate::support::http::Server;
use crate::support::http::registry::Serving;
use crate::support::http::token::basic;

/// After so long a run hangs. Nothing here takes a fifth of it, on a machine with much else to do.
const HANGS: Duration = Duration::from_secs(90);

/// A pull in the making: `keyseam scan -v`, with every kind of report.
pub(super) struct Pull {
    keyseam: Keyseam,
    stdin: Option<String>,
}

impl Pull {
    /// A scan of this target, as it is written.
    pub(super) fn of(target: &str) -> Self {
        Self::with(&[target])
    }

    /// A scan with these arguments.
    pub(super) fn with<S: AsRef<OsStr>>(arguments: &[S]) -> Self {
        let reports = ["scan", "-v", "-o", "json", "-o", "jsonl=lines.out", "-o", "csv=table.out"];
        let keyseam = arguments.iter().fold(Keyseam::new(&reports), |keyseam, word| keyseam.arg(word));
        Self { keyseam, stdin: None }
    }

    pub(super) fn arg(self, argument: impl AsRef<OsStr>) -> Self {
        Self { keyseam: self.keyseam.arg(argument), ..self }
    }

    pub(super) fn args<S: AsRef<OsStr>>(self, arguments: &[S]) -> Self {
        arguments.iter().fold(self, Self::arg)
    }

    pub(super) fn env(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        Self { keyseam: self.keyseam.env(name, value), ..self }
    }

    /// A path in its home, which is its working directory too.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.keyseam.home().join(name)
    }

    /// A variable that is a path in its home.
    pub(super) fn env_path(self, name: &str, path: &str) -> Self {
        let path = self.path(path);
        self.env(name, path)
    }

    /// A file in its home; its folders are made.
    pub(super) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// A program in its home.
    pub(super) fn program(self, name: &str, script: &str) -> Self {
        let this = self.file(name, script);
        std::fs::set_permissions(this.path(name), PermissionsExt::from_mode(0o755)).expect("permissions");
        this
    }

    /// What `docker login` leaves in its home.
    pub(super) fn docker_login(self, registry: &str, username: &str, password: &str) -> Self {
        self.file(".docker/config.json", login_file(registry, username, password))
    }

    /// A password, as `--username NAME --password-stdin` takes it.
    pub(super) fn login(self, username: &str, password: &str) -> Self {
        let this = self.args(&["--username", username, "--password-stdin"]);
        Self { stdin: Some(format!("{password}\n")), ..this }
    }

    /// Runs it to its end, which it must reach.
    #[track_caller]
    pub(super) fn run(self) -> Pulled {
        let (mut command, folder) = self.keyseam.into_command();
        let before = files_below(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().expect("the program runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A program that reads none of it says why itself.
        let _ = stdin.write_all(self.stdin.unwrap_or_default().as_bytes());
        drop(stdin);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let stdout = std::thread::spawn(move || read_all(stdout));
        let stderr = std::thread::spawn(move || read_all(stderr));
        let status = loop {
            match child.try_wait().expect("a child") {
                Some(status) => break Some(status),
                None if started.elapsed() > HANGS => break None,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        if status.is_none() {
            child.kill().expect("it is ended");
            child.wait().expect("it has ended");
        }
        let (stdout, stderr) = (stdout.join().expect("read"), stderr.join().expect("read"));
        let stderr = String::from_utf8(stderr).expect("messages are UTF-8");
        let Some(status) = status else { panic!("it hangs; it said:\n{stderr}") };
        let mut files = files_below(folder.path());
        files.retain(|path| !before.contains(path));
        let files = files.iter().map(|path| std::fs::read(path).expect("a file")).collect();
        Pulled { run: Run { status: status.code(), stdout, stderr }, files, took: started.elapsed() }
    }
}

/// What a file of credentials says of one registry.
pub(super) fn login_file(registry: &str, username: &str, password: &str) -> String {
    let auth = basic(username, password);
    json!({ "auths": { registry: { "auth": auth } } }).to_string()
}

fn read_all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    pipe.expect("a pipe").read_to_end(&mut bytes).expect("it is read");
    bytes
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map_while(Result::ok) {
        match entry.path() {
            path if path.is_dir() => files.extend(files_below(&path)),
            path => files.push(path),
        }
    }
    files
}

/// What a run did.
pub(super) struct Pulled {
    pub(super) run: Run,
    /// Every file that it wrote.
    files: Vec<Vec<u8>>,
    /// How long it took.
    pub(super) took: Duration,
}

impl Deref for Pulled {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.run
    }
}

impl Pulled {
    /// Checks that all was read and exactly these keys were found, in the only result.
    #[track_caller]
    pub(super) fn assert_found(&self, numbers: &[u64]) -> &Self {
        self.assert_status(if numbers.is_empty() { 0 } else { 1 });
        let result = self.result();
        assert_eq!(result["complete"], true, "errors: {:#}", result["errors"]);
        assert_eq!(keys_of(&result), fingerprints(numbers));
        self
    }

    /// Checks that something could not be read and that the run says so: its status is 3, or 1 where
    /// other layers held keys.
    #[track_caller]
    pub(super) fn assert_incomplete(&self, status: i32) -> &Self {
        self.assert_status(status);
        let result = self.result();
        assert_eq!(result["complete"], false, "it passes for whole");
        assert_ne!(list(&result["errors"]).len(), 0, "no error is listed");
        self
    }

    /// Checks that it ended with status 2 and words that hold all of these, in any case.
    #[track_caller]
    pub(super) fn assert_refused(&self, words: &[&str]) -> &Self {
        self.assert_status(2);
        self.assert_says(words)
    }

    /// Checks that standard error or the report's errors hold these words, in any case.
    #[track_caller]
    pub(super) fn assert_says(&self, words: &[&str]) -> &Self {
        let said = format!("{}{}", self.stderr, self.text()).to_lowercase();
        for word in words {
            assert!(said.contains(&word.to_lowercase()), "it does not say '{word}':\n{said}");
        }
        self
    }

    /// Checks that none of these stands in anything that it wrote.
    #[track_caller]
    pub(super) fn assert_silent(&self, secrets: &[String]) -> &Self {
        let streams = [self.stdout.as_slice(), self.stderr.as_bytes()];
        let outputs: Vec<&[u8]> = streams.into_iter().chain(self.files.iter().map(Vec::as_slice)).collect();
        for secret in secrets {
            assert!(secret.len() >= 8, "too short to be looked for");
            let shown = outputs.iter().any(|output| find(output, secret.as_bytes()));
            assert!(!shown, "a secret of {} bytes is shown", secret.len());
        }
        assert!(!outputs.iter().any(|output| find(output, b"Bearer ey")), "a token is shown");
        self
    }
}

fn find(text: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(text, word).is_some()
}

/// Checks that nothing of a registry's secrets was shown by a run, or reached another server.
#[track_caller]
pub(super) fn assert_kept(run: &Pulled, registry: &Serving, others: &[&Server]) {
    let secrets = registry.secrets();
    assert!(!secrets.is_empty(), "there is nothing to be kept");
    run.assert_silent(&secrets);
    for other in others {
        assert_untold(other, &secrets);
    }
}

/// Checks that a server was told none of these, and no `Authorization` at all.
#[track_caller]
pub(super) fn assert_untold(server: &Server, secrets: &[String]) {
    for request in server.requests() {
        let whole = request.whole();
        let told = secrets.iter().any(|secret| whole.contains(secret));
        assert!(!told, "{} {} carries a secret", request.method, request.path());
        assert_eq!(request.header("authorization").map(str::len), None, "an Authorization");
    }
}
