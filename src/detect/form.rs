//! A definition's forms, compiled: from an anchor to a key.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::assignment;
use super::boundary::{self, ByteSet};
use super::brand::Brands;
use super::canonical;
use super::context::{Context, holds_binary};
use super::definition::{Definition, Form, Gate, Shape};
use super::host;
use super::names::{VariableName, full_name};
use super::pattern::{Caches, Pattern};
use super::section;
use super::{Confidence, Place, Severity};
use crate::limits;

/// Turns for what looks for the value of a name.
const TURNS_TO_ASSIGN: usize = 128;

/// How often a match that does not hold the anchor is passed over in the search for one that does.
const RETRIES: usize = 16;

/// The shortest prefix that is a mark: six given characters come by chance once in 68 billion places of
/// base64, and no text of that alphabet has the `_` or `-` that most of them hold.
const MARK: usize = 6;

/// A key that a form found, before anything is asked about it.
pub(super) struct Found {
    /// Where it stands.
    pub(super) span: Range<usize>,
    /// The whole match around it.
    pub(super) matched: Range<usize>,
    /// The name it is assigned to, where the form knows.
    pub(super) name: Option<Range<usize>>,
    /// Without its escapes, if it has any.
    pub(super) decoded: Option<Vec<u8>>,
    /// Whether it is part of something longer: only a proof makes it a key then.
    pub(super) glued: bool,
    /// Whether its prefix and its length are so much its own that chance does not make them.
    pub(super) marked: bool,
}

impl Found {
    /// A key that stands by itself and as it is.
    fn plain(span: Range<usize>, matched: Range<usize>, name: Option<Range<usize>>) -> Self {
        Self { span, matched, name, decoded: None, glued: false, marked: false }
    }
}

/// A literal of a form.
pub(super) struct Anchor {
    /// Lowercase.
    pub(super) folded: Vec<u8>,
    /// As it must be spelled, where the case matters.
    pub(super) exact: Option<Vec<u8>>,
    /// Of names: whose, and at which of its words it begins.
    place: (usize, usize),
}

/// A form, of which only the literals are made ready at once: most are never met.
pub(super) struct CompiledForm {
    pub(super) severity: Option<Severity>,
    pub(super) confidence: Option<Confidence>,
    pub(super) anchors: Vec<Anchor>,
    pub(super) gate: Option<Gate>,
    places: Vec<Place>,
    source: FormSource,
    finder: OnceLock<Option<Box<Finder>>>,
}

/// Where a form is defined.
#[derive(Clone)]
pub(super) struct FormSource {
    pub(super) definitions: Arc<Vec<Definition>>,
    /// Whose form it is.
    pub(super) detector: usize,
    /// Which of its forms.
    pub(super) form: usize,
    /// The number of its pattern in its set.
    pub(super) pattern: usize,
}

impl FormSource {
    fn form(&self) -> Option<&Form> {
        self.definitions.get(self.detector)?.forms.get(self.form)
    }
}

enum Finder {
    Pattern {
        pattern: Pattern,
        before: usize,
        reach: usize,
        boundary: Box<ByteSet>,
        /// Whether the key begins where the match does.
        key_first: bool,
    },
    Names {
        names: Vec<VariableName>,
        value: Pattern,
        exact: bool,
    },
    Section {
        brands: Vec<VariableName>,
        keys: Vec<VariableName>,
        value: Pattern,
        lines: usize,
    },
    Brand {
        brands: Brands,
        value: Pattern,
    },
    Host {
        value: Pattern,
        boundary: Box<ByteSet>,
    },
}

impl Finder {
    /// Compiles a form whose pattern is number `number` of its set.
    fn new(form: &Form, number: usize) -> Result<Self, String> {
        let boundary = || {
            let class = form.boundary.as_deref().unwrap_or(boundary::DEFAULT);
            ByteSet::parse(class).map(Box::new)
        };
        Ok(match &form.shape {
            Shape::Pattern { pattern, before, reach, .. } => {
                let key_first = !pattern.contains("<key>");
                let pattern = Pattern::new(pattern, number);
                let (before, reach) = (*before, *reach);
                Self::Pattern { pattern, before, reach, boundary: boundary()?, key_first }
            }
            Shape::Names { names, value, exact, .. } => {
                let value = Pattern::of_whole(value, number);
                Self::Names { names: parsed(names)?, value, exact: *exact }
            }
            Shape::Brand { brands, keys, value, ordinary } => {
                let brands = Brands::new(brands, keys.as_deref(), *ordinary)?;
                Self::Brand { brands, value: Pattern::of_whole(value, number) }
            }
            Shape::Host { value, .. } => {
                let boundary = boundary()?;
                // The end belongs to the expression, so that it chooses the alternative that fits.
                let value = format!("(?P<key>{value})(?:{}|\\z)", boundary.negated());
                Self::Host { value: Pattern::new(&value, number), boundary }
            }
            Shape::Section { section, keys, value, lines } => {
                let value = Pattern::of_whole(value, number);
                Self::Section { brands: parsed(section)?, keys: parsed(keys)?, value, lines: *lines }
            }
        })
    }
}

impl CompiledForm {
    /// The form at `source`.
    pub(super) fn new(form: &Form, source: FormSource) -> Result<Self, String> {
        let anchors = match &form.shape {
            Shape::Pattern { anchors, ignore_case, .. } => {
                // The start of a line is an anchor without a text.
                let of_lines = anchors.is_empty().then(|| Anchor::literal("", true));
                anchors.iter().map(|anchor| Anchor::literal(anchor, *ignore_case)).chain(of_lines).collect()
            }
            Shape::Names { names, anchors, .. } => Anchor::of_names(&parsed(names)?, &parsed(anchors)?),
            Shape::Brand { brands, keys, ordinary, .. } => {
                let brands = Brands::new(brands, keys.as_deref(), *ordinary)?;
                brands.anchors().into_iter().map(Anchor::of_name).collect()
            }
            Shape::Host { hosts, .. } => hosts.iter().map(|host| Anchor::literal(host, true)).collect(),
            Shape::Section { section, .. } => Anchor::of_names(&parsed(section)?, &[]),
        };
        Ok(Self {
            severity: form.severity,
            confidence: form.confidence,
            anchors,
            gate: form.gate.clone(),
            places: form.places.clone(),
            source,
            finder: OnceLock::new(),
        })
    }

    /// What does not compile was refused when the definition was loaded or, of the embedded ones, by a test.
    fn finder(&self) -> Option<&Finder> {
        let compiled = || Finder::new(self.source.form()?, self.source.pattern).ok().map(Box::new);
        self.finder.get_or_init(compiled).as_deref()
    }

    /// Whether it names the kinds of content that it is for.
    pub(super) fn is_for_places(&self) -> bool {
        !self.places.is_empty()
    }

    /// Whether it is for contents of this kind.
    pub(super) fn is_for(&self, place: Place) -> bool {
        self.places.is_empty() || self.places.contains(&place)
    }

    /// Whether it has no literal, and is tried at the start of every line.
    pub(super) fn is_of_lines(&self) -> bool {
        matches!(self.anchors.as_slice(), [anchor] if anchor.folded.is_empty())
    }

    /// The keys that the anchor number `anchor` leads to, at the context's anchor.
    pub(super) fn find(&self, context: &Context<'_>, anchor: usize, caches: &mut Caches) -> Vec<Found> {
        let (Some(anchor), Some(finder)) = (self.anchors.get(anchor), self.finder()) else {
            return Vec::new();
        };
        match finder {
            Finder::Pattern { pattern, before, reach, boundary, key_first } => {
                if *before == 0 {
                    let end = context.anchor.saturating_add(*reach).min(context.bytes.len());
                    let hopeless = !pattern.may_begin(context.bytes, context.anchor..end)
                        || (*key_first && is_hopeless(boundary, context));
                    if hopeless {
                        return Vec::new();
                    }
                }
                let found = pattern_around(pattern, context, anchor.folded.len(), (*before, *reach), caches);
                found
                    .map(|(matched, span)| {
                        let glued = !boundary::holds(boundary, context, &span);
                        let decoded = canonical::decoded(context.slice(span.clone()));
                        let marked = glued
                            && *key_first
                            && *before == 0
                            && anchor.exact.as_ref().is_some_and(|prefix| prefix.len() >= MARK)
                            && pattern.has_one_length();
                        Found { span, matched, name: None, decoded, glued, marked }
                    })
                    .into_iter()
                    .collect()
            }
            Finder::Names { names, value, exact } => {
                let (name, word) = anchor.place;
                let full = names
                    .get(name)
                    .and_then(|name| name.locate(context.bytes, context.anchor, word))
                    .and_then(|core| full_name(context.bytes, &core, *exact));
                full.and_then(|found| assigned(context, found.full, value, caches)).into_iter().collect()
            }
            Finder::Section { brands, keys, value, lines } => {
                let (brand, word) = anchor.place;
                let Some(brand) =
                    brands.get(brand).and_then(|brand| brand.locate(context.bytes, context.anchor, word))
                else {
                    return Vec::new();
                };
                let names = section::keys_below(context, &brand, keys, *lines);
                names.into_iter().filter_map(|name| assigned(context, name, value, caches)).collect()
            }
            Finder::Brand { brands, value } => {
                let (brand, word) = anchor.place;
                let Some(brand) = brands.locate(context, brand, word) else { return Vec::new() };
                let names = brands.names(context, &brand);
                let mut found: Vec<Found> =
                    names.into_iter().filter_map(|name| assigned(context, name, value, caches)).collect();
                if found.is_empty() {
                    let given = brands.arguments(context, &brand).into_iter();
                    found.extend(given.filter_map(|span| {
                        let text = context.slice(span.clone());
                        value.at(caches, text, 0..text.len())?;
                        let matched = brand.start..span.end;
                        Some(Found::plain(span, matched, None))
                    }));
                }
                found
            }
            Finder::Host { value, boundary } => {
                let host = context.anchor..context.anchor + anchor.folded.len();
                let places = host::values_near(context, &host).into_iter();
                let found = places.filter_map(|(name, start)| {
                    let end = context.bytes.len().min(start + limits::VALUE);
                    let text = context.slice(start..end);
                    let key = value.at(caches, text, 0..text.len())?.key;
                    let span = start + key.start..start + key.end;
                    let matched = host.start.min(name.start)..host.end.max(span.end);
                    boundary::holds(boundary, context, &span).then(|| Found::plain(span, matched, Some(name)))
                });
                found.collect()
            }
        }
    }
}

fn parsed(names: &[String]) -> Result<Vec<VariableName>, String> {
    names.iter().map(|name| VariableName::parse(name)).collect()
}

impl Anchor {
    fn literal(text: &str, ignore_case: bool) -> Self {
        let exact = (!ignore_case).then(|| text.as_bytes().to_vec());
        Self { folded: text.to_ascii_lowercase().into_bytes(), exact, place: (0, 0) }
    }

    fn of_names(names: &[VariableName], wanted: &[VariableName]) -> Vec<Self> {
        let places = names.iter().enumerate().flat_map(|(number, name)| {
            name.anchors(wanted).into_iter().map(move |(text, word)| (text, (number, word)))
        });
        places.map(Self::of_name).collect()
    }

    fn of_name((text, place): (String, (usize, usize))) -> Self {
        Self { folded: text.into_bytes(), exact: None, place }
    }
}

/// Whether no key can begin at the anchor: in text, what stands before it belongs to it. It spares the
/// expression at most hits of an anchor that is a part of words.
fn is_hopeless(boundary: &ByteSet, context: &Context<'_>) -> bool {
    !boundary::left_is_free(boundary, context, context.anchor)
        && !context.is_binary(&(context.anchor..context.anchor))
        && !may_be_binary_behind(context)
}

/// Whether a mark of binary content stands so far behind the anchor that it may be near the key's end.
fn may_be_binary_behind(context: &Context<'_>) -> bool {
    let end = context.bytes.len().min(context.anchor.saturating_add(4096));
    context.take((end - context.anchor) / 64);
    holds_binary(context.slice(context.anchor..end))
}

/// The match that holds the anchor, and the key in it.
fn pattern_around(
    pattern: &Pattern,
    context: &Context<'_>,
    anchor_length: usize,
    (before, reach): (usize, usize),
    caches: &mut Caches,
) -> Option<(Range<usize>, Range<usize>)> {
    let anchor = context.anchor;
    let end = anchor.saturating_add(reach).min(context.bytes.len());
    if before == 0 {
        return pattern.at(caches, context.bytes, anchor..end).map(|found| (found.whole, found.key));
    }
    let mut start = anchor.saturating_sub(before);
    for _ in 0..RETRIES {
        let found = pattern.first(caches, context.bytes, start..end)?;
        if found.whole.start > anchor {
            return None;
        }
        if found.whole.end >= anchor.saturating_add(anchor_length) {
            return Some((found.whole, found.key));
        }
        start = found.whole.start + 1;
    }
    None
}

/// The key that is assigned to `name`, if the value is one.
fn assigned(
    context: &Context<'_>,
    name: Range<usize>,
    value: &Pattern,
    caches: &mut Caches,
) -> Option<Found> {
    context.take(TURNS_TO_ASSIGN);
    assignment::values(context, &name).into_iter().find_map(|range| {
        let text = context.slice(range.clone());
        context.take(text.len());
        let (span, decoded) = match value.at(caches, text, 0..text.len()) {
            Some(found) => {
                let span = range.start + found.key.start..range.start + found.key.end;
                let decoded = canonical::decoded(context.slice(span.clone()));
                (span, decoded)
            }
            None => {
                let plain = canonical::decoded(text)?;
                let found = value.at(caches, &plain, 0..plain.len())?;
                (range.clone(), Some(plain.get(found.key)?.to_vec()))
            }
        };
        let matched = name.start..range.end;
        Some(Found { decoded, ..Found::plain(span, matched, Some(name.clone())) })
    })
}
