//! What a signal must not leave behind: a file that is not finished, and a terminal full of bars. A
//! thread waits for SIGINT and SIGTERM; it cleans up and ends the program with the status that a shell
//! expects.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The files that this process is writing.
pub static UNFINISHED: UnfinishedFiles = UnfinishedFiles(Mutex::new(Vec::new()));

/// The bars that are on the terminal.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Who takes the next signal in place of the end.
static TAKER: Mutex<Option<Sender<i32>>> = Mutex::new(None);

/// Files that are worth nothing before they are finished.
pub struct UnfinishedFiles(Mutex<Vec<PathBuf>>);

impl UnfinishedFiles {
    /// Makes the file with `make`, and has it removed if the program is stopped. Once it is being
    /// stopped no file is made any more: this waits for the end.
    pub fn make(&self, path: &Path, make: impl FnOnce() -> io::Result<File>) -> io::Result<File> {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = make()?;
        paths.push(path.to_owned());
        Ok(file)
    }

    /// Takes [`Self::make`] back.
    pub fn forget(&self, path: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != path);
    }

    /// Removes them all, and does `then` before another can be made.
    fn remove<T>(&self, then: impl FnOnce() -> T) -> T {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for path in paths.drain(..) {
            // Best effort: the program ends either way.
            let _ = std::fs::remove_file(path);
        }
        then()
    }
}

/// Takes `bars` off the terminal if the program is stopped.
pub fn show(bars: &MultiProgress) {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = Some(bars.clone());
}

/// Takes [`show`] back.
pub fn hide() {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Has SIGINT and SIGTERM end the program cleanly from now on. One that whoever started the program had
/// it ignore (a shell's background job) stays ignored.
///
/// # Errors
/// When the system refuses; the signals then end the program as they do by default.
pub fn watch() -> io::Result<()> {
    let ignored = ignored_signals();
    let watched = [SIGINT, SIGTERM].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = Signals::new(watched)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let taker = TAKER.lock().unwrap_or_else(PoisonError::into_inner).take();
            // A second signal ends what the first one began to end.
            if taker.is_none_or(|taker| taker.send(signal).is_err()) {
                stop(signal);
            }
        }
    })?;
    Ok(())
}

/// The next signal, for a program that has something to bring to an end; the one after it ends it at once.
pub fn next_signal() -> Receiver<i32> {
    let (sender, receiver) = std::sync::mpsc::channel();
    *TAKER.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    receiver
}

/// The signals that this process ignores, a bit each, SIGHUP the lowest; none where the system does not
/// tell.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// The exit status of a program that `signal` stopped: 130 for SIGINT, 143 for SIGTERM.
pub fn status(signal: i32) -> i32 {
    signal.saturating_add(128)
}

/// Cleans up and ends the program at once.
fn stop(signal: i32) -> ! {
    UNFINISHED.remove(|| {
        if let Some(bars) = BARS.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A terminal that is gone needs no clearing. Hidden, no other thread draws them again.
            let _ = bars.clear();
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        std::process::exit(status(signal))
    })
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
            files.make(path, || File::create(path)).expect("made");
        }
        files.forget(&finished);
        let left = files.remove(|| (finished.exists(), unfinished.exists()));
        assert_eq!(left, (true, false));
    }

    #[test]
    fn a_file_of_somebody_else_is_not_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("theirs");
        std::fs::write(&path, "theirs").expect("written");
        let files = UnfinishedFiles(Mutex::new(Vec::new()));
        assert!(files.make(&path, || File::create_new(&path)).is_err());
        files.remove(|| ());
        assert!(path.exists());
    }

    #[test]
    fn the_status_is_what_a_shell_shows() {
        assert_eq!((status(SIGINT), status(SIGTERM)), (130, 143));
    }
}
