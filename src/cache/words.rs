//! Words of the program's own that entries hold: kinds of encoding, reasons. They live as long as the
//! program, each once.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

/// No build has so many of them.
const MOST: usize = 512;

static WORDS: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);

/// The word, for good. None when there are more than any build has.
pub(super) fn known(word: &str) -> Option<&'static str> {
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(word) = words.get(word) {
        return Some(word);
    }
    if words.len() >= MOST {
        return None;
    }
    let word: &'static str = Box::leak(word.into());
    words.insert(word);
    Some(word)
}
