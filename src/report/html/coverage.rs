//! How far the scan of an image saw: what was read, what was not, what could not be opened.

use std::collections::BTreeMap;

use super::Image;
use super::markup::{Markup, PLAIN};
use crate::report::{describe, text, words};

/// Lines of a list that stand in the open; the others are folded away.
const OPEN: usize = 8;

/// Writes the coverage of an image.
pub(super) fn write(section: &mut Markup, image: &Image<'_>) {
    let result = image.result;
    let (id, name) = (format!("{}-coverage", image.id), format!("{}-coverage-name", image.id));
    section.tag("section", &[("class", "coverage"), ("id", &id), ("aria-labelledby", &name)], |coverage| {
        coverage.put("h3", &[("id", &name)], "Coverage");
        coverage.put("p", PLAIN, &words::read(result));
        if let Some(line) = words::not_read(result) {
            coverage.put("p", &[("class", "warn")], &line);
            list(coverage, &result.errors.iter().map(describe::error).collect::<Vec<_>>());
        }
        if let Some(line) = words::opaque(result) {
            coverage.put("p", PLAIN, &line);
            list(coverage, &result.opaque.paths);
        }
        words::evidence(result).iter().for_each(|line| coverage.put("p", PLAIN, line));
        if !result.warnings.is_empty() {
            coverage.put("p", PLAIN, &format!("{}:", text::count(result.warnings.len(), "note")));
            list(coverage, &result.warnings);
        }
        if !result.suppressed.is_empty() {
            let mut by: BTreeMap<&str, usize> = BTreeMap::new();
            result.suppressed.iter().for_each(|one| *by.entry(&one.by).or_default() += 1);
            let suppressed = text::count(result.suppressed.len(), "finding");
            coverage.put("p", PLAIN, &format!("Suppressed: {suppressed}."));
            list(coverage, &by.iter().map(|(rule, count)| format!("{count} by {rule}")).collect::<Vec<_>>());
        }
    });
}

fn list(coverage: &mut Markup, lines: &[String]) {
    let (open, folded) = lines.split_at(lines.len().min(OPEN));
    let items = |list: &mut Markup, lines: &[String]| {
        list.tag("ul", PLAIN, |list| lines.iter().for_each(|line| list.put("li", PLAIN, line)));
    };
    if !open.is_empty() {
        items(coverage, open);
    }
    if !folded.is_empty() {
        coverage.tag("details", PLAIN, |details| {
            details.put("summary", PLAIN, &format!("{} more", text::grouped(folded.len() as u64)));
            items(details, folded);
        });
    }
}
