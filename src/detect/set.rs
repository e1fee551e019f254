//! All detectors of a scan, shared by its threads.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use aho_corasick::AhoCorasick;

use super::catalogue::Catalogue;
use super::context::Context;
use super::detector::Detector;
use super::form::CompiledForm;
use super::literal::Literals;
use super::pattern::Caches;
use super::redact::redacted;
use super::{DetectorIndex, Hit, Window};

/// Why a set cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("detector '{id}': {problem}")]
pub struct DetectorSetError {
    /// The detector, or `all` when it is no single one's fault.
    pub id: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Where an anchor leads: detector, form, anchor of the form.
type Lead = (usize, usize, usize);

/// The compiled detectors of a catalogue. It never changes: threads share it, each with a [`Scratch`].
pub struct DetectorSet {
    identity: u64,
    detectors: Vec<Detector>,
    literals: Literals,
    /// By literal: where it leads.
    leads: Vec<Vec<Lead>>,
    /// By detector that is a companion of another: its own literals, for a look around a key.
    near: HashMap<DetectorIndex, (AhoCorasick, Vec<(usize, usize)>)>,
    /// Whether `[detector.paths]` counts.
    in_files: bool,
}

/// A thread's working memory.
#[derive(Default)]
pub struct Scratch {
    identity: u64,
    caches: Caches,
}

/// Sets are told apart by a number: one set's caches do not fit another's patterns.
static SETS: AtomicU64 = AtomicU64::new(1);

impl DetectorSet {
    /// Every detector of the catalogue.
    pub fn new(catalogue: &Catalogue) -> Result<Self, DetectorSetError> {
        Self::build(catalogue, |_| true, true)
    }

    /// Those of `selected` only; the others still serve as their companions.
    pub fn selected(catalogue: &Catalogue, selected: &[DetectorIndex]) -> Result<Self, DetectorSetError> {
        Self::build(catalogue, |index| selected.contains(&index), true)
    }

    /// Every detector, in texts that are no files: definitions' path rules do not count.
    pub(super) fn without_paths(catalogue: &Catalogue) -> Result<Self, DetectorSetError> {
        Self::build(catalogue, |_| true, false)
    }

    fn build(
        catalogue: &Catalogue,
        selected: impl Fn(DetectorIndex) -> bool,
        in_files: bool,
    ) -> Result<Self, DetectorSetError> {
        let mut detectors: Vec<Detector> = Vec::new();
        let mut patterns = 0;
        let mut leads: BTreeMap<Vec<u8>, Vec<Lead>> = BTreeMap::new();
        for (number, (index, definition)) in catalogue.indexed().enumerate() {
            let detector = Detector::new(index, definition, catalogue, patterns)
                .map_err(|problem| DetectorSetError { id: definition.id.clone(), problem })?;
            patterns += detector.forms.len();
            for (form, anchor, folded) in literals_of(&detector).filter(|_| selected(index)) {
                leads.entry(folded.to_vec()).or_default().push((number, form, anchor));
            }
            detectors.push(detector);
        }
        let general = |error: aho_corasick::BuildError| DetectorSetError {
            id: "all".to_owned(),
            problem: error.to_string(),
        };
        let (literals, leads): (Vec<Vec<u8>>, Vec<Vec<Lead>>) = leads.into_iter().unzip();
        let near = companions_of(&detectors).map_err(general)?;
        let literals = Literals::new(&literals).map_err(general)?;
        let identity = SETS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { identity, detectors, literals, leads, near, in_files })
    }

    /// Adds to `hits` every key whose anchor starts in the window's own range, in the order of detectors
    /// and spans, each detector and span once.
    pub fn scan(&self, window: &Window<'_>, scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        if scratch.identity != self.identity {
            scratch.caches.clear();
            scratch.identity = self.identity;
        }
        let known = hits.len();
        self.literals.each(window.bytes, window.owned.clone(), |literal, at| {
            for lead in self.leads.get(literal).into_iter().flatten() {
                self.follow(*lead, window, at, &mut scratch.caches, hits);
            }
        });
        if hits.len() > known {
            let mut own = hits.split_off(known);
            keep_best(&mut own);
            hits.append(&mut own);
        }
    }

    /// The keys that one anchor leads to.
    fn follow(&self, lead: Lead, window: &Window<'_>, at: usize, caches: &mut Caches, hits: &mut Vec<Hit>) {
        let (detector, form, anchor) = lead;
        let Some(detector) = self.detectors.get(detector) else { return };
        let Some(form) = detector.forms.get(form) else { return };
        if !is_spelled(form, anchor, window.bytes, at) {
            return;
        }
        let context = Context::around(window, at);
        for found in form.find(&context, anchor, caches) {
            let hit = detector.judge(&context, form, &found);
            if let Some(mut hit) = hit.filter(|_| !self.in_files || detector.admits_path(window.path))
                && self.accompany(detector, &context, &found.span, &mut hit, caches)
            {
                hits.push(hit);
            }
        }
    }

    /// Finds the hit's companions; false if a required one is missing.
    fn accompany(
        &self,
        detector: &Detector,
        context: &Context<'_>,
        span: &Range<usize>,
        hit: &mut Hit,
        caches: &mut Caches,
    ) -> bool {
        for companion in &detector.companions {
            let around = context.nearby(span, companion.lines);
            let found = self.nearby(companion.detector, context, &around, span, caches);
            if companion.required && found.is_empty() {
                return false;
            }
            hit.companions.extend(found.into_iter().map(|shown| (companion.role.clone(), shown)));
        }
        true
    }

    /// What a detector finds in `around`, `span` left out, as it may be shown; the nearest first.
    fn nearby(
        &self,
        detector: DetectorIndex,
        context: &Context<'_>,
        around: &Range<usize>,
        span: &Range<usize>,
        caches: &mut Caches,
    ) -> Vec<String> {
        let Some(other) = self.detectors.get(usize::from(detector.0)) else { return Vec::new() };
        let Some((literals, places)) = self.near.get(&detector) else { return Vec::new() };
        let mut found: Vec<(usize, usize, String)> = Vec::new();
        for literal in literals.find_overlapping_iter(context.slice(around.clone())) {
            let at = around.start + literal.start();
            let place = places.get(literal.pattern().as_usize());
            let Some((form, anchor)) = place.and_then(|(f, a)| Some((other.forms.get(*f)?, *a))) else {
                continue;
            };
            if !is_spelled(form, anchor, context.bytes, at) {
                continue;
            }
            let context = context.at(at);
            for candidate in form.find(&context, anchor, caches) {
                let inside = candidate.span.start >= around.start && candidate.span.end <= around.end;
                let apart = candidate.span.end <= span.start || candidate.span.start >= span.end;
                if let Some(hit) = other.judge(&context, form, &candidate).filter(|_| inside && apart) {
                    let distance = candidate.span.start.abs_diff(span.start);
                    found.push((distance, candidate.span.start, shown(other, &hit)));
                }
            }
        }
        found.sort();
        let mut values: Vec<String> = Vec::new();
        for (_, _, value) in found {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }
}

/// How a companion may be shown: an id in clear, a secret never.
fn shown(detector: &Detector, hit: &Hit) -> String {
    if detector.definition.is_handle() {
        String::from_utf8_lossy(hit.key.expose()).into_owned()
    } else {
        redacted(hit.key.expose(), &detector.definition)
    }
}

fn literals_of(detector: &Detector) -> impl Iterator<Item = (usize, usize, &[u8])> {
    detector.forms.iter().enumerate().flat_map(|(number, form)| {
        form.anchors
            .iter()
            .enumerate()
            .map(move |(anchor, literal)| (number, anchor, literal.folded.as_slice()))
    })
}

type NearLiterals = HashMap<DetectorIndex, (AhoCorasick, Vec<(usize, usize)>)>;

fn companions_of(detectors: &[Detector]) -> Result<NearLiterals, aho_corasick::BuildError> {
    let mut near = HashMap::new();
    for wanted in detectors.iter().flat_map(|detector| &detector.companions) {
        let Some(other) = detectors.get(usize::from(wanted.detector.0)) else { continue };
        if near.contains_key(&wanted.detector) {
            continue;
        }
        let (places, texts): (Vec<_>, Vec<_>) =
            literals_of(other).map(|(form, anchor, text)| ((form, anchor), text)).unzip();
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(texts)?;
        near.insert(wanted.detector, (automaton, places));
    }
    Ok(near)
}

/// Whether an anchor found in any case has the case that it must have.
fn is_spelled(form: &CompiledForm, anchor: usize, bytes: &[u8], at: usize) -> bool {
    let Some(anchor) = form.anchors.get(anchor) else { return false };
    anchor.exact.as_deref().is_none_or(|exact| bytes.get(at..).is_some_and(|rest| rest.starts_with(exact)))
}

/// Sorts hits of one content by detector and span and keeps one of each: the proven one, else the one
/// that is surest, else the worst. Which windows found them makes no difference.
pub fn keep_best(hits: &mut Vec<Hit>) {
    let rank = |hit: &Hit| (hit.verified, hit.confidence, hit.severity, hit.companions.len());
    hits.sort_by(|a, b| {
        let place = |hit: &Hit| (hit.detector, hit.span.start, hit.span.end);
        place(a).cmp(&place(b)).then(rank(b).cmp(&rank(a))).then_with(|| b.companions.cmp(&a.companions))
    });
    hits.dedup_by(|next, kept| next.detector == kept.detector && next.span == kept.span);
}
