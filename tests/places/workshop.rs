//! A folder in which real tools make what is planted. A tool that is missing fails the test that needs
//! it: `tests/run` installs them.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::place::text;

/// A folder of its own, gone in the end.
pub(crate) struct Workshop(TempDir);

impl Workshop {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// A file with this content, in folders that are made for it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// A file of text with the key of a name in its second line, and enough behind it that compression is
    /// worth while: some tools store what it does not make smaller.
    pub(crate) fn plant(&self, file: &str, name: &str) -> &Self {
        self.write(file, format!("{}{}", text(name), "# a line that repeats\n".repeat(20)))
    }

    /// Runs a shell's commands in it; the first that fails, fails the test.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> &Self {
        let output = self.command(script).output().expect("a shell");
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        self
    }

    /// What the commands print.
    #[track_caller]
    pub(crate) fn printed(&self, script: &str) -> String {
        let output = self.command(script).output().expect("a shell");
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(self.0.path()).stdin(Stdio::null());
        command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Dev").env(format!("GIT_{who}_EMAIL"), "dev@corp.test");
        }
        command
    }

    /// A file that was made.
    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// All files below a folder, by their paths in it, in order.
    #[track_caller]
    pub(crate) fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let names = self.printed(&format!("cd {folder} && find . -type f | cut -c3- | sort"));
        names.lines().map(|name| (name.to_owned(), self.read(&format!("{folder}/{name}")))).collect()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}
