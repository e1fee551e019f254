//! All detectors of a scan, shared by its threads.

mod measure;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use aho_corasick::AhoCorasick;

use super::catalogue::Catalogue;
use super::context::Context;
use super::definition::Definition;
use super::detector::Detector;
use super::form::{Anchor, CompiledForm};
use super::lines::{self, LineForms};
use super::literal::{Literal, Literals};
use super::pattern::Caches;
use super::redact::redacted;
use super::{DetectorIndex, Hit, Key, Place, Window};
pub use measure::Led;

/// Why a set cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("detector '{id}': {problem}")]
pub struct DetectorSetError {
    /// The detector, or `all` when it is no single one's fault.
    pub id: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Turns for what is done at every anchor.
const TURNS_TO_FOLLOW: usize = 4;

/// Turns for the judgement of what was found, its companions left out.
const TURNS_TO_JUDGE: usize = 256;

/// Where an anchor leads. There are tens of thousands, read at random: small ones stay in the cache.
#[derive(Clone, Copy, Debug)]
struct Lead {
    detector: u16,
    form: u16,
    anchor: u16,
    /// Whether the form is for the contents of files.
    of_files: bool,
}

impl Lead {
    /// That of a line's start.
    fn of_lines(detector: u16, form: u16) -> Self {
        Self { detector, form, anchor: 0, of_files: true }
    }
}

/// The literals of one detector, and the form and the anchor of each.
type Near = (AhoCorasick, Vec<(usize, usize)>);

/// The compiled detectors of a catalogue. It never changes: threads share it, each with a [`Scratch`].
pub struct DetectorSet {
    identity: u64,
    detectors: Vec<Detector>,
    literals: Literals,
    /// Where the literals lead, those of one side by side.
    leads: Vec<Lead>,
    /// By literal: where its leads end.
    ends: Vec<usize>,
    /// Forms that are tried at every line of the files they name.
    lines: LineForms,
    /// By detector that is a companion of another: its own literals, for a look around a key.
    near: HashMap<DetectorIndex, OnceLock<Option<Near>>>,
}

/// A thread's working memory.
#[derive(Default)]
pub struct Scratch {
    identity: u64,
    caches: Caches,
    /// By detector: whether it applies in the file that is searched, once that was asked.
    admitted: Vec<Option<bool>>,
}

/// Sets are told apart by a number: one set's caches do not fit another's patterns.
static SETS: AtomicU64 = AtomicU64::new(1);

impl Scratch {
    /// How many stretches of [`ANCHOR_STRETCH`](crate::limits::ANCHOR_STRETCH) bytes were not searched to
    /// their end since it was last asked: their anchors made too much work.
    pub fn take_given_up(&mut self) -> u64 {
        self.caches.effort.take_given_up()
    }
}

impl DetectorSet {
    /// Every detector of the catalogue.
    pub fn new(catalogue: &Catalogue) -> Result<Self, DetectorSetError> {
        Self::build(catalogue, |_| true)
    }

    /// Those of `selected` only; the others still serve as their companions.
    pub fn selected(catalogue: &Catalogue, selected: &[DetectorIndex]) -> Result<Self, DetectorSetError> {
        Self::build(catalogue, |index| selected.contains(&index))
    }

    fn build(
        catalogue: &Catalogue,
        selected: impl Fn(DetectorIndex) -> bool,
    ) -> Result<Self, DetectorSetError> {
        let mut detectors: Vec<Detector> = Vec::new();
        let mut patterns = 0;
        for (index, definition) in catalogue.indexed() {
            let detector = Detector::new(index, definition, catalogue, patterns)
                .map_err(|problem| DetectorSetError { id: definition.id.clone(), problem })?;
            patterns += detector.forms.len();
            detectors.push(detector);
        }
        let mut numbers: HashMap<(&[u8], bool), usize> = HashMap::with_capacity(detectors.len() * 16);
        let mut anchors: Vec<(usize, Lead)> = Vec::with_capacity(detectors.len() * 32);
        for detector in detectors.iter().filter(|detector| selected(detector.index)) {
            for (form, anchor, text) in literals_of(detector) {
                let of_files = detector.forms.get(form).is_some_and(|form| form.is_for(Place::File));
                let number = |number: usize| {
                    u16::try_from(number).map_err(|_| DetectorSetError {
                        id: detector.definition.id.clone(),
                        problem: "it has more than 65,536 forms or anchors".to_owned(),
                    })
                };
                let (form, anchor) = (number(form)?, number(anchor)?);
                let next = numbers.len();
                let text = (text.exact.as_ref().unwrap_or(&text.folded).as_slice(), text.exact.is_none());
                let literal = *numbers.entry(text).or_insert(next);
                anchors.push((literal, Lead { detector: detector.index.0, form, anchor, of_files }));
            }
        }
        let general = |problem| DetectorSetError { id: "all".to_owned(), problem };
        let (leads, ends) = side_by_side(&anchors, numbers.len());
        let mut literals: Vec<(Literal, usize)> = numbers
            .into_iter()
            .map(|((text, any_case), number)| (Literal { text: text.to_vec(), any_case }, number))
            .collect();
        literals.sort_unstable_by_key(|(_, number)| *number);
        let literals = literals.into_iter().map(|(literal, _)| literal).collect();
        let lines = LineForms::new(&detectors, |detector| selected(detector.index));
        let companions = detectors.iter().flat_map(|detector| &detector.companions);
        let near = companions.map(|companion| (companion.detector, OnceLock::new())).collect();
        let literals = Literals::new(literals).map_err(general)?;
        let identity = SETS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { identity, detectors, literals, leads, ends, lines, near })
    }

    /// Where a literal leads.
    fn leads_of(&self, literal: usize) -> &[Lead] {
        let start = literal.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        let end = self.ends.get(literal).copied().unwrap_or(start);
        self.leads.get(start..end).unwrap_or_default()
    }

    /// The definition of one of its detectors. It panics at an index of another set.
    pub fn definition(&self, detector: DetectorIndex) -> &Definition {
        &self.detectors[usize::from(detector.0)].definition
    }

    /// What the pass over every byte looks for.
    pub fn literals(&self) -> &[Literal] {
        self.literals.all()
    }

    /// A key of that detector as it may be shown.
    pub fn redacted(&self, detector: DetectorIndex, key: &Key) -> String {
        redacted(key.expose(), self.definition(detector))
    }

    /// Adds to `hits` every key whose anchor starts in the window's own range, in the order of detectors
    /// and spans, each detector and span once.
    pub fn scan(&self, window: &Window<'_>, scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        let known = hits.len();
        self.scan_with_halves(window, scratch, hits);
        let mut own = hits.split_off(known);
        own.retain(|hit| !hit.incomplete);
        hits.append(&mut own);
    }

    /// The same, with the keys that lack a companion which may stand elsewhere in the image.
    pub fn scan_with_halves(&self, window: &Window<'_>, scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        self.search(window, Some(window.path), scratch, hits);
    }

    /// The keys in a text that is no file: definitions' path rules do not count.
    pub(super) fn scan_text(&self, text: &[u8], scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        let (owned, place) = (0..text.len(), Place::History);
        let window = Window { bytes: text, owned, starts: true, ends: true, place, path: b"" };
        self.search(&window, None, scratch, hits);
    }

    /// Makes `scratch` ready for a window of which the own bytes begin at `start`.
    fn begin(&self, scratch: &mut Scratch, start: usize) {
        scratch.caches.effort.begin(start);
        if scratch.identity != self.identity {
            scratch.caches.clear();
            scratch.identity = self.identity;
        }
        scratch.admitted.clear();
        scratch.admitted.resize(self.detectors.len(), None);
    }

    fn search(&self, window: &Window<'_>, path: Option<&[u8]>, scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        self.begin(scratch, window.owned.start);
        let known = hits.len();
        self.literals.each(window.bytes, window.owned.clone(), |literal, at| {
            scratch.caches.effort.at(at);
            for lead in self.leads_of(literal) {
                self.follow(*lead, (window, path), at, scratch, hits);
            }
        });
        self.search_lines(window, path, scratch, hits);
        if hits.len() > known {
            let mut own = hits.split_off(known);
            keep_best(&mut own);
            hits.append(&mut own);
        }
    }

    /// The keys of forms without a literal: in a file that they name, or in a text that may write one.
    fn search_lines(
        &self,
        window: &Window<'_>,
        path: Option<&[u8]>,
        scratch: &mut Scratch,
        hits: &mut Vec<Hit>,
    ) {
        let of_lines = if path.is_some() { self.lines.of(window) } else { self.lines.all() };
        if of_lines.is_empty() {
            return;
        }
        let (starts, texts) = match path {
            Some(_) => (Some(lines::starts(window)), None),
            None => (None, Some(lines::starts_in_text(window.bytes))),
        };
        scratch.caches.effort.begin(window.owned.start);
        for at in starts.into_iter().flatten().chain(texts.into_iter().flatten()) {
            scratch.caches.effort.at(at);
            for (detector, form) in of_lines.iter() {
                self.follow(Lead::of_lines(*detector, *form), (window, path), at, scratch, hits);
            }
        }
    }

    /// The keys that one anchor leads to.
    fn follow(
        &self,
        lead: Lead,
        (window, path): (&Window<'_>, Option<&[u8]>),
        at: usize,
        scratch: &mut Scratch,
        hits: &mut Vec<Hit>,
    ) {
        let number = usize::from(lead.detector);
        // Most leads of everyday words end here, before anything of the detector is read.
        let is_refused = window.place == Place::File
            && (!lead.of_files || path.is_some() && scratch.admitted.get(number) == Some(&Some(false)));
        if is_refused {
            return;
        }
        let Some(detector) = self.detectors.get(number) else { return };
        let Some(form) = detector.forms.get(usize::from(lead.form)) else { return };
        // A text that is no content of an image may write any file, but is no variable.
        let place = if path.is_some() { window.place } else { Place::File };
        if !form.is_for(place) {
            return;
        }
        // The path is asked first: what applies in few files may have anchors that are everywhere.
        if let (Some(path), Some(admitted)) = (path, scratch.admitted.get_mut(number))
            && (window.place == Place::File || !form.is_for_places())
            && !*admitted.get_or_insert_with(|| detector.admits_path(path))
        {
            return;
        }
        if scratch.caches.effort.is_spent() {
            return;
        }
        scratch.caches.effort.take(TURNS_TO_FOLLOW);
        let context = Context::around(window, at);
        let found = form.find(&context, usize::from(lead.anchor), &mut scratch.caches);
        scratch.caches.effort.take(context.take_turns());
        for found in found {
            scratch.caches.effort.take(TURNS_TO_JUDGE + found.span.len());
            if let Some(mut hit) = detector.judge(&context, form, &found) {
                self.accompany(detector, &context, &found.span, &mut hit, &mut scratch.caches);
                hits.push(hit);
            }
        }
    }

    /// Finds the hit's companions.
    fn accompany(
        &self,
        detector: &Detector,
        context: &Context<'_>,
        span: &Range<usize>,
        hit: &mut Hit,
        caches: &mut Caches,
    ) {
        for companion in &detector.companions {
            let around = context.nearby(span, companion.lines);
            let found = self.nearby(companion.detector, context, &around, span, caches);
            hit.incomplete |= companion.required && found.is_empty();
            hit.companions.extend(found.into_iter().map(|shown| (companion.role.clone(), shown)));
        }
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
        let near = self.near.get(&detector).map(|near| near.get_or_init(|| literals_near(other).ok()));
        let Some(Some((literals, places))) = near else { return Vec::new() };
        let mut found: Vec<(usize, usize, String)> = Vec::new();
        caches.effort.take(around.len());
        for literal in literals.find_overlapping_iter(context.slice(around.clone())) {
            let at = around.start + literal.start();
            let place = places.get(literal.pattern().as_usize());
            let Some((form, anchor)) = place.and_then(|(f, a)| Some((other.forms.get(*f)?, *a))) else {
                continue;
            };
            if !is_spelled(form, anchor, context.bytes, at) {
                continue;
            }
            if caches.effort.is_spent() {
                break;
            }
            let context = context.at(at);
            let candidates = form.find(&context, anchor, caches);
            caches.effort.take(context.take_turns());
            for candidate in candidates {
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

fn literals_of(detector: &Detector) -> impl Iterator<Item = (usize, usize, &Anchor)> {
    detector.forms.iter().enumerate().flat_map(|(number, form)| {
        form.anchors
            .iter()
            .enumerate()
            .map(move |(anchor, literal)| (number, anchor, literal))
            .filter(|(_, _, literal)| !literal.folded.is_empty())
    })
}

fn literals_near(detector: &Detector) -> Result<Near, aho_corasick::BuildError> {
    let (places, texts): (Vec<_>, Vec<_>) =
        literals_of(detector).map(|(form, anchor, text)| ((form, anchor), &text.folded)).unzip();
    Ok((AhoCorasick::builder().ascii_case_insensitive(true).build(texts)?, places))
}

/// The leads of each of `count` literals in a row, and where those of each end.
fn side_by_side(anchors: &[(usize, Lead)], count: usize) -> (Vec<Lead>, Vec<usize>) {
    let mut next = vec![0; count + 1];
    for (literal, _) in anchors {
        next.get_mut(literal + 1).into_iter().for_each(|behind| *behind += 1);
    }
    let mut end = 0;
    for start in &mut next {
        end += *start;
        *start = end;
    }
    let mut leads = vec![Lead::of_lines(0, 0); anchors.len()];
    for (literal, lead) in anchors {
        let Some(at) = next.get_mut(*literal) else { continue };
        leads.get_mut(*at).into_iter().for_each(|place| *place = *lead);
        *at += 1;
    }
    // What was the start of each is its end now.
    next.truncate(count);
    (leads, next)
}

/// Whether an anchor found in any case has the case that it must have.
fn is_spelled(form: &CompiledForm, anchor: usize, bytes: &[u8], at: usize) -> bool {
    let Some(anchor) = form.anchors.get(anchor) else { return false };
    anchor.exact.as_deref().is_none_or(|exact| bytes.get(at..).is_some_and(|rest| rest.starts_with(exact)))
}

/// Sorts hits of one content by detector and span and keeps one of each: the proven one, else the one
/// that is surest, else the worst. Which windows found them makes no difference.
pub fn keep_best(hits: &mut Vec<Hit>) {
    let rank =
        |hit: &Hit| (!hit.incomplete, hit.verified, hit.confidence, hit.severity, hit.companions.len());
    hits.sort_by(|a, b| {
        let place = |hit: &Hit| (hit.detector, hit.span.start, hit.span.end);
        place(a).cmp(&place(b)).then(rank(b).cmp(&rank(a))).then_with(|| b.companions.cmp(&a.companions))
    });
    hits.dedup_by(|next, kept| next.detector == kept.detector && next.span == kept.span);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DetectorSet, Scratch, keep_best};
    use crate::detect::template::{Seed, expand};
    use crate::detect::{Catalogue, Hit, Place, Window};
    use crate::limits;

    const TEXTS: [&str; 6] = [
        "\nMESSAGEBIRD_API_KEY={{base62:20}}7aB{{base62:2}}\n",
        "-H 'Authorization: AccessKey {{base62:20}}7aB{{base62:2}}'",
        " 441234567890@{{hex:36}}{{digits:4}}.clockworksms.com ",
        "\nclockwork:\n  from: shop\n  key: {{hex:36}}{{digits:4}}\n",
        "https://api.textanywhere.com/ user_key: {{digits:5}}\naccess_token: {{base62:20}}7{{base62:3}}\n",
        "client = messagebird.Client('test_{{base62:20}}7aB{{base62:2}}')",
    ];

    /// Filler with anchors that lead nowhere, of about `length` bytes.
    fn filler(length: usize, seed: &mut Seed) -> Vec<u8> {
        const WORDS: [&str; 8] =
            ["clockwork ", "messagebird: ", "AccessKey", "\0\0\0", "key", "lorem\n", "'", "user_key="];
        let mut text = Vec::new();
        while text.len() < length {
            text.extend_from_slice(WORDS[seed.below(WORDS.len())].as_bytes());
            text.resize(text.len() + seed.below(600), b'.');
        }
        text
    }

    /// The hits of a content cut at `cuts`, as a scan cuts it, with spans in the content.
    fn hits_of(set: &DetectorSet, content: &[u8], cuts: &[usize]) -> Vec<(u16, std::ops::Range<usize>)> {
        let mut scratch = Scratch::default();
        let mut all: Vec<Hit> = Vec::new();
        let mut from: usize = 0;
        for to in cuts.iter().copied().chain([content.len()]) {
            let first = from.saturating_sub(limits::CONTEXT_RADIUS);
            let last = to.saturating_add(limits::CONTEXT_RADIUS + 1).min(content.len());
            let window = Window {
                bytes: &content[first..last],
                owned: from - first..to - first,
                starts: first == 0,
                ends: last == content.len(),
                place: Place::File,
                path: b"app/file",
            };
            let mut hits = Vec::new();
            set.scan(&window, &mut scratch, &mut hits);
            all.extend(
                hits.into_iter().map(|hit| Hit { span: hit.span.start + first..hit.span.end + first, ..hit }),
            );
            from = to;
        }
        keep_best(&mut all);
        all.into_iter().map(|hit| (hit.detector.0, hit.span)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn cutting_a_content_changes_nothing(seed: u64, cuts in prop::collection::vec(0.0..1.0_f64, 1..6)) {
            let set = DetectorSet::new(&Catalogue::embedded().expect("valid")).expect("valid");
            let mut seed = Seed(seed);
            let mut content = Vec::new();
            for text in TEXTS {
                let length = seed.below(60_000);
                content.extend(filler(length, &mut seed));
                content.extend(expand(text, "", &mut seed).expect("valid").into_bytes());
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|at| (at * content.len() as f64) as usize).collect();
            cuts.sort_unstable();
            let whole = hits_of(&set, &content, &[]);
            prop_assert!(whole.len() >= TEXTS.len());
            prop_assert!(hits_of(&set, &content, &cuts) == whole);
        }
    }

    /// A file in which the rules of paths let no detector of certain files find anything.
    fn file(bytes: &[u8]) -> Window<'_> {
        let (owned, place) = (0..bytes.len(), Place::File);
        Window { bytes, owned, starts: true, ends: true, place, path: b"app/file" }
    }

    fn names_of(bytes: &[u8]) -> Vec<String> {
        let catalogue = Catalogue::embedded().expect("valid");
        let set = DetectorSet::new(&catalogue).expect("valid");
        let mut hits = Vec::new();
        set.scan(&file(bytes), &mut Scratch::default(), &mut hits);
        hits.iter().map(|hit| set.definition(hit.detector).id.clone()).collect()
    }

    #[test]
    fn a_nul_ends_a_key_and_a_letter_does_not() {
        let key = expand("{{hex:36}}{{digits:4}}", "", &mut Seed(3)).expect("valid");
        assert_eq!(names_of(format!("\0CLOCKWORK_KEY={key}\0x").as_bytes()), ["clockwork-api-key"]);
        assert!(names_of(format!("\0CLOCKWORK_KEY={key}x\0").as_bytes()).is_empty());
    }

    #[test]
    fn a_companion_is_shown_beside_its_key() {
        let text = "textanywhere user_key=12945\naccess_token={{base62:20}}7{{base62:3}}";
        let text = expand(text, "", &mut Seed(3)).expect("valid");
        let catalogue = Catalogue::embedded().expect("valid");
        let set = DetectorSet::new(&catalogue).expect("valid");
        let mut hits = Vec::new();
        set.scan_text(text.as_bytes(), &mut Scratch::default(), &mut hits);
        let token = hits.iter().find(|hit| !hit.companions.is_empty()).map(|hit| hit.companions.clone());
        assert_eq!(token, Some(vec![("id".to_owned(), "12945".to_owned())]));
    }

    #[test]
    fn one_scratch_serves_several_sets() {
        let catalogue = Catalogue::embedded().expect("valid");
        let key = expand("CLOCKWORK_KEY={{hex:36}}{{digits:4}}", "", &mut Seed(3)).expect("valid");
        let mut scratch = Scratch::default();
        for _ in 0..2 {
            let mut hits = Vec::new();
            let set = DetectorSet::new(&catalogue).expect("valid");
            set.scan(&file(key.as_bytes()), &mut scratch, &mut hits);
            assert_eq!(hits.len(), 1);
        }
    }
}
