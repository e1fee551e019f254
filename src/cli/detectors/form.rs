//! Forms and gates of a definition in plain sentences.

use crate::detect::definition::{Form, Gate, Paths, Reject, Shape};
use crate::report::text::count;

/// Names that are listed; the others are counted.
const NAMES_SHOWN: usize = 6;

/// A form.
pub(super) fn sentence(form: &Form) -> String {
    let what = match &form.shape {
        Shape::Pattern { anchors, pattern, .. } => format!("Around {}: {pattern}", or(anchors)),
        Shape::Names { names, value, exact, .. } => {
            let spelling = if *exact { "exactly" } else { "in any spelling" };
            format!("Assigned to {}, {spelling}: {value}", or(names))
        }
        Shape::Section { section, keys, value, lines } => {
            format!("Assigned to {}, at most {lines} lines below {}: {value}", or(keys), or(section))
        }
        Shape::Brand { brands, value, ordinary: true, .. } => {
            format!("Assigned to the name of a key that begins with {}: {value}", or(brands))
        }
        Shape::Brand { brands, value, .. } => {
            format!("Assigned to the name of a key with {} in it, or below it: {value}", or(brands))
        }
        Shape::Host { hosts, value } => format!("Behind the name of a key near {}: {value}", or(hosts)),
    };
    let severity = form.severity.map(|severity| format!("severity {}", severity.word()));
    let confidence = form.confidence.map(|confidence| format!("confidence {}", confidence.word()));
    let own: Vec<String> = severity.into_iter().chain(confidence).collect();
    if own.is_empty() { what } else { format!("{what} ({})", own.join(", ")) }
}

/// What a key must be like.
pub(super) fn gates(gate: &Gate) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some((least, most)) = gate.length {
        sentences.push(format!("It has {least} to {most} bytes."));
    }
    if let Some(bits) = gate.min_entropy {
        sentences.push(format!("It has at least {bits} bits of entropy a byte."));
    }
    for (least, what) in [
        (gate.min_digits, "digit"),
        (gate.min_upper, "uppercase letter"),
        (gate.min_lower, "lowercase letter"),
        (gate.min_letters, "letter"),
    ] {
        sentences.extend((least > 0).then(|| format!("It has at least {}.", count(least, what))));
    }
    if !gate.reject.is_empty() {
        let looks: Vec<&str> = gate.reject.iter().map(|reject| look(*reject)).collect();
        sentences.push(format!("It is not {}.", looks.join(", not ")));
    }
    if !gate.deny_names.is_empty() {
        sentences.push(format!("The name that it is assigned to does not hold {}.", or(&gate.deny_names)));
    }
    if !gate.near.is_empty() {
        let lines = gate.near_lines.map_or_else(String::new, |lines| format!(", within {lines} lines"));
        sentences.push(format!("Near it{lines} stands {}.", or(&gate.near)));
    }
    sentences
}

/// Where a definition applies.
pub(super) fn paths(paths: &Paths) -> Vec<String> {
    let only = (!paths.only.is_empty()).then(|| format!("It lies in {}.", or(&paths.only)));
    let never = (!paths.never.is_empty()).then(|| format!("It does not lie in {}.", or(&paths.never)));
    only.into_iter().chain(never).collect()
}

fn look(reject: Reject) -> &'static str {
    match reject {
        Reject::Placeholder => "a placeholder",
        Reject::Sequential => "a sequence such as abcdef",
        Reject::Repeated => "the same bytes over and over",
        Reject::Template => "a template's variable",
        Reject::Words => "readable words",
        Reject::Hex => "a digest in hex",
        Reject::Uuid => "a UUID",
        Reject::Path => "a path",
        Reject::Readable => "mostly words",
    }
}

fn or(words: &[String]) -> String {
    let shown = words.iter().take(NAMES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match words.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        1 => format!("{shown} or 1 more"),
        more => format!("{shown} or {more} more"),
    }
}
