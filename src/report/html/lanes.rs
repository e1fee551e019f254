//! Lanes beside the layers: a line from the layer that a key stands in up to the one that took it away,
//! drawn row by row, as the heights of the rows are the browser's to choose.

use std::collections::BTreeMap;

use super::{Image, Shown};
use crate::detect::Severity;

/// Lanes that are drawn beside each other; the removals of others are told by their marks only.
const LANES: usize = 8;

/// What a lane shows in one row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// The key stands in this layer.
    Begins,
    /// It passes.
    Passes,
    /// This layer takes the key away.
    Ends,
}

/// Keys that the same layer brought and the same took away.
pub(super) struct Span<'a> {
    from: usize,
    to: usize,
    lane: usize,
    /// The worst of them.
    pub(super) severity: Severity,
    /// Their names in the page.
    pub(super) of: Vec<&'a str>,
}

/// The lines of an image.
pub(super) struct Lanes<'a> {
    pub(super) spans: Vec<Span<'a>>,
    /// How many lanes they need.
    pub(super) count: usize,
}

impl<'a> Lanes<'a> {
    /// `position` tells where in the image a layer's index stands.
    pub(super) fn new(image: &'a Image<'_>, position: impl Fn(usize) -> Option<usize>) -> Self {
        let mut spans: BTreeMap<(usize, usize), Span<'a>> = BTreeMap::new();
        for shown in &image.findings {
            for (from, to) in removals(shown, &position) {
                let severity = shown.finding.severity;
                let span =
                    spans.entry((from, to)).or_insert(Span { from, to, lane: 0, severity, of: Vec::new() });
                span.severity = span.severity.max(severity);
                span.of.push(&shown.id);
            }
        }
        // Each takes the first lane that is free below it.
        let mut free_from: Vec<usize> = Vec::new();
        let mut drawn = Vec::new();
        for mut span in spans.into_values() {
            span.of.dedup();
            let lane = free_from.iter().position(|free| *free <= span.from).unwrap_or(free_from.len());
            if lane >= LANES {
                continue;
            }
            if lane == free_from.len() {
                free_from.push(0);
            }
            if let Some(free) = free_from.get_mut(lane) {
                *free = span.to + 1;
            }
            span.lane = lane;
            drawn.push(span);
        }
        Self { spans: drawn, count: free_from.len() }
    }

    /// What a lane shows beside the layer at `row`, with the number of the span.
    pub(super) fn at(&self, lane: usize, row: usize) -> Option<(usize, Stretch)> {
        let covers = |span: &Span<'_>| span.lane == lane && (span.from..=span.to).contains(&row);
        let number = self.spans.iter().position(covers)?;
        let span = self.spans.get(number)?;
        let stretch = match row {
            row if row == span.from => Stretch::Begins,
            row if row == span.to => Stretch::Ends,
            _ => Stretch::Passes,
        };
        Some((number, stretch))
    }
}

fn removals(shown: &Shown<'_>, position: impl Fn(usize) -> Option<usize>) -> Vec<(usize, usize)> {
    let of_place = |location: &crate::report::model::Location| {
        let removed = location.removed_by.as_ref()?;
        Some((position(location.layer?)?, position(removed.layer)?))
    };
    shown.finding.locations.iter().filter_map(of_place).filter(|(from, to)| from < to).collect()
}
