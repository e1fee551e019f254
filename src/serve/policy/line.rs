//! What is said of a decision: one line, short enough for every client that prints it, and without a key.

use super::Question;
use crate::report::{sanitize, text};
use crate::serve::facts::Leak;

/// Columns of a line: what docker, podman, kubectl and logs show without harm.
const LINE: usize = 400;

/// Columns of an image's name in it.
const IMAGE: usize = 120;

/// A key in an image.
pub(super) fn of_image(question: &Question<'_>, worst: &Leak, keys: usize) -> String {
    let next = format!(
        "; revoke it at {}, then rebuild without it (keyseam explain {})",
        service(worst),
        worst.detector
    );
    with_end(&format!("{} holds {}: {}", image(question), number(keys), named(worst)), &next)
}

/// A key in the texts of a manifest.
pub(super) fn of_manifest(question: &Question<'_>, worst: &Leak, keys: usize) -> String {
    let next = format!(
        "; revoke it at {}, and take the new one from a Secret with secretKeyRef (keyseam explain {})",
        service(worst),
        worst.detector
    );
    with_end(&format!("{} itself holds {}: {}", image(question), number(keys), named(worst)), &next)
}

/// Nothing was found, but not everything read.
pub(super) fn incomplete(question: &Question<'_>, why: &str) -> String {
    let front = format!("{} could not be read whole: {}", image(question), sanitize::inline(why));
    with_end(&front, &format!(" (keyseam scan {})", image(question)))
}

/// Nothing is known, or wanted.
pub(super) fn unknown(question: &Question<'_>, why: &str) -> String {
    with_end(&format!("{}: {}", image(question), sanitize::inline(why)), "")
}

fn image(question: &Question<'_>) -> String {
    text::middle(&sanitize::inline(question.image), IMAGE, "…")
}

fn named(leak: &Leak) -> String {
    format!("{} ({}) in {}", leak.name, leak.severity.word(), leak.place)
}

fn service(leak: &Leak) -> &str {
    if leak.service.is_empty() { "its service" } else { &leak.service }
}

fn number(keys: usize) -> String {
    if keys == 1 { "a leaked key".to_owned() } else { format!("{keys} leaked keys, among them") }
}

/// The front is cut before the end, which says what to do.
fn with_end(front: &str, end: &str) -> String {
    let end = sanitize::inline(end);
    let room = LINE.saturating_sub(text::width(&end));
    format!("{}{end}", text::start(&sanitize::inline(front), room, "…"))
}
