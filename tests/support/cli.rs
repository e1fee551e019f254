//! The program itself, run as a script runs it: in an environment, a home and a working directory of its
//! own, with what it said and the JSON report as data.
//!
//! ```text
//! let run = Keyseam::scan(&["app.tar"]).run();          keyseam scan -o json app.tar
//! run.assert_status(1);
//! let finding = run.finding("github-pat-classic");
//! Keyseam::scan(&["-"]).stdin(archive).run()            from a pipe
//! Keyseam::new(&["detectors", "list"]).run()            any command
//! ```

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tempfile::TempDir;

/// Every format that a report can have on standard output; templates are the user's own.
pub(crate) const FORMATS: [&str; 12] = [
    "table",
    "json",
    "jsonl",
    "csv",
    "html",
    "sarif",
    "gitlab",
    "gitlab-secret",
    "junit",
    "markdown",
    "github",
    "intoto",
];

/// A command line in the making.
pub(crate) struct Keyseam {
    command: Command,
    stdin: Option<Vec<u8>>,
    /// Home and working directory; gone when the command has run.
    folder: TempDir,
}

impl Keyseam {
    /// `keyseam ARGUMENTS`, with nothing of this process' environment but `PATH`, and a fixed hashing key.
    pub(crate) fn new<S: AsRef<OsStr>>(arguments: &[S]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyseam"));
        command.args(arguments).current_dir(folder.path()).env_clear();
        command.env("HOME", folder.path()).env("KEYSEAM_FINGERPRINT_KEY", hashing_key());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        Self { command, stdin: None, folder }
    }

    /// `keyseam scan -o json ARGUMENTS`.
    pub(crate) fn scan<S: AsRef<OsStr>>(arguments: &[S]) -> Self {
        let mut keyseam = Self::new(&["scan", "-o", "json"]);
        keyseam.command.args(arguments);
        keyseam
    }

    /// One more argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: &[S]) -> Self {
        self.command.args(arguments);
        self
    }

    /// A variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// No such variable.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// A file in its working directory, which is its home too.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.folder.path().join(name), content).expect("a file in the working directory");
        self
    }

    /// Another working directory.
    pub(crate) fn directory(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// What comes through the pipe of its standard input; nothing by default.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// The command as it stands, for what this does not offer. Keep the second alive while it runs.
    pub(crate) fn into_command(self) -> (Command, TempDir) {
        (self.command, self.folder)
    }

    /// Its home and working directory, until another one is set.
    pub(crate) fn home(&self) -> &Path {
        self.folder.path()
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Run {
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the program runs");
        let pipe = child.stdin.take().zip(self.stdin.take());
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                if let Some((mut pipe, bytes)) = pipe {
                    // A program that ends early says why itself.
                    let _ = pipe.write_all(&bytes);
                }
            });
            child.wait_with_output().expect("the program ends")
        });
        let stderr = String::from_utf8(output.stderr).expect("messages are UTF-8");
        Run { status: output.status.code(), stdout: output.stdout, stderr }
    }
}

/// The key that fingerprints are made with in tests: 32 bytes that nobody uses.
pub(crate) fn hashing_key() -> String {
    URL_SAFE_NO_PAD.encode([0x5a; 32])
}

/// What a command said and how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The exit status; none when a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// Fails the test with the program's words unless it ended with this status.
    #[track_caller]
    pub(crate) fn assert_status(&self, status: i32) -> &Self {
        assert_eq!(self.status, Some(status), "exit status; it said:\n{}", self.stderr);
        self
    }

    /// Standard output as text.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("standard output is UTF-8")
    }

    /// The JSON report.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let report = serde_json::from_slice(&self.stdout);
        report.unwrap_or_else(|error| panic!("no JSON report ({error}); it said:\n{}", self.stderr))
    }

    /// The results of the report, one an image and platform.
    #[track_caller]
    pub(crate) fn results(&self) -> Vec<Value> {
        list(&self.json()["results"])
    }

    /// The only result.
    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        let results = self.results();
        assert_eq!(results.len(), 1, "results; it said:\n{}", self.stderr);
        results.into_iter().next().unwrap_or_default()
    }

    /// The findings of the only result.
    #[track_caller]
    pub(crate) fn findings(&self) -> Vec<Value> {
        list(&self.result()["findings"])
    }

    /// The only finding of this detector in the only result.
    #[track_caller]
    pub(crate) fn finding(&self, detector: &str) -> Value {
        let mut of_it = self.findings();
        of_it.retain(|finding| finding["detector"] == detector);
        assert_eq!(of_it.len(), 1, "findings of {detector}; it said:\n{}", self.stderr);
        of_it.remove(0)
    }
}

/// The elements of a JSON list.
#[track_caller]
pub(crate) fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}")).clone()
}
