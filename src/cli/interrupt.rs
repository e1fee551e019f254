//! What a signal must not leave behind. Files that are being written are known here; whoever watches
//! for signals calls [`stop`], which removes them and ends the program as a shell expects.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Files to remove when the program is stopped.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Has `path` removed if the program is stopped.
pub fn remove_at_end(path: &Path) {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
}

/// Takes [`remove_at_end`] back.
pub fn keep(path: &Path) {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != path);
}

/// Removes unfinished files, and gives the exit status of a program stopped by `signal`: 130 for
/// SIGINT, 143 for SIGTERM. To be called from an ordinary thread, not from a signal handler.
pub fn clear_up(signal: i32) -> i32 {
    let unfinished = std::mem::take(&mut *UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner));
    for path in unfinished {
        // Best effort: the program ends either way.
        let _ = std::fs::remove_file(path);
    }
    signal.saturating_add(128)
}

/// Clears up and ends the program at once.
pub fn stop(signal: i32) -> ! {
    std::process::exit(clear_up(signal))
}
