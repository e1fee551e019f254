//! Programs for tests: shell scripts in a folder of their own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of scripts; gone with it.
pub(super) struct Scripts(tempfile::TempDir);

impl Scripts {
    /// An empty folder.
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Adds a program. Another process writes it: while this one had the file open for writing, a test
    /// beside this one could hand it on to its own child, and nobody could start the program.
    pub(super) fn add(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path().join(name);
        let mut writer = Command::new("/bin/sh")
            .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut pipe = writer.stdin.take().expect("its input");
        pipe.write_all(format!("#!/bin/sh\n{body}\n").as_bytes()).expect("written");
        drop(pipe);
        assert!(writer.wait().expect("it ends").success());
        path
    }
}
