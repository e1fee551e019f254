//! What goes to standard error: errors, warnings and notes, one line each.

use std::io::Write;
use std::sync::OnceLock;

use crate::detect::catalogue::Catalogue;
use crate::detect::redact::Redactor;
use crate::detect::set::DetectorSet;
use crate::report::sanitize;

/// Writes to standard error as `-q` and `-v` ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct Messages {
    quiet: bool,
    verbosity: u8,
}

impl Messages {
    /// With `quiet`, errors only; `verbosity` counts the `-v`.
    pub fn new(quiet: bool, verbosity: u8) -> Self {
        Self { quiet, verbosity }
    }

    /// Whether only errors are shown.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Something that could not be done.
    pub fn error(&self, text: &str) {
        print(&without_keys(text));
    }

    /// Something worth knowing.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            print(text);
        }
    }

    /// Something that only `-v` shows.
    pub fn detail(&self, text: &str) {
        if self.verbosity > 0 && !self.quiet {
            print(text);
        }
    }
}

/// `text` without keys: an error repeats what a user typed, or a line of a file.
pub fn without_keys(text: &str) -> String {
    let Some(mut redactor) = redactor() else { return text.to_owned() };
    redactor.learn_typed(text);
    redactor.clean(text)
}

/// `text` without what the catalogue knows as a key: of texts that nobody typed, in which a colon is no sign of a
/// password.
pub fn without_known_keys(text: &str) -> String {
    redactor().map_or_else(|| text.to_owned(), |redactor| redactor.clean(text))
}

fn redactor() -> Option<Redactor<'static>> {
    static DETECTORS: OnceLock<Option<DetectorSet>> = OnceLock::new();
    let embedded = || Catalogue::embedded().ok().and_then(|catalogue| DetectorSet::new(&catalogue).ok());
    DETECTORS.get_or_init(embedded).as_ref().map(Redactor::new)
}

/// Nobody can be told when standard error is closed; the exit status stays what it is.
fn print(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "keyseam: {}", sanitize::inline(text));
}

/// Keeps what a panic carries, which may be a part of an image, away from standard error: it names only
/// the place in the program.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
        let place = place.unwrap_or_default();
        print(&format!("internal error{place}; this is a bug, please report it with this line"));
    }));
}
