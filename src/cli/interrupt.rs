//! What a signal must not leave behind. Files that are being written are known here; whoever watches
//! for signals calls [`stop`] from an ordinary thread, which removes them and ends the program with the
//! status that a shell expects.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The files that this process is writing.
pub static UNFINISHED: UnfinishedFiles = UnfinishedFiles(Mutex::new(Vec::new()));

/// Files that are worth nothing before they are finished.
pub struct UnfinishedFiles(Mutex<Vec<PathBuf>>);

impl UnfinishedFiles {
    /// Has `path` removed if the program is stopped.
    pub fn add(&self, path: &Path) {
        self.with(|paths| paths.push(path.to_owned()));
    }

    /// Takes [`Self::add`] back.
    pub fn forget(&self, path: &Path) {
        self.with(|paths| paths.retain(|known| known != path));
    }

    /// Removes them all.
    pub fn remove(&self) {
        self.with(|paths| {
            for path in paths.drain(..) {
                // Best effort: the program ends either way.
                let _ = std::fs::remove_file(path);
            }
        });
    }

    fn with(&self, act: impl FnOnce(&mut Vec<PathBuf>)) {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The exit status of a program that `signal` stopped: 130 for SIGINT, 143 for SIGTERM.
pub fn status(signal: i32) -> i32 {
    signal.saturating_add(128)
}

/// Removes what is unfinished and ends the program at once.
pub fn stop(signal: i32) -> ! {
    UNFINISHED.remove();
    std::process::exit(status(signal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_still_unfinished_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let [finished, unfinished] = ["a", "b"].map(|name| folder.path().join(name));
        let files = UnfinishedFiles(Mutex::new(Vec::new()));
        for path in [&finished, &unfinished] {
            std::fs::write(path, "x").expect("written");
            files.add(path);
        }
        files.forget(&finished);
        files.remove();
        assert!(finished.exists() && !unfinished.exists());
    }

    #[test]
    fn the_status_is_what_a_shell_shows() {
        assert_eq!((status(2), status(15)), (130, 143));
    }
}
