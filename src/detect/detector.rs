//! One compiled detector: what is asked of a key that a form found.

use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use aho_corasick::AhoCorasick;

use super::assignment;
use super::boundary;
use super::catalogue::Catalogue;
use super::context::Context;
use super::definition::{Definition, OnFail};
use super::form::{CompiledForm, FormSource, Found};
use super::gate;
use super::names;
use super::paths::PathRules;
use super::validate::{self, Candidate, Facts, Validator, Verdict};
use super::{Confidence, DetectorIndex, Hit, Key, Severity};
use crate::image::digest::Digest;

/// How near the words of `near` must stand, in lines, where a definition does not say.
const NEAR_LINES: usize = 10;

/// A detector, ready to work.
pub(super) struct Detector {
    pub(super) index: DetectorIndex,
    pub(super) definition: Shared,
    pub(super) forms: Vec<CompiledForm>,
    pub(super) companions: Vec<CompiledCompanion>,
    /// Compiled when it is first asked, like the forms.
    near: OnceLock<Option<AhoCorasick>>,
    check: Option<(Validator, OnFail)>,
    /// Likewise.
    paths: OnceLock<Option<PathRules>>,
}

/// A definition of a catalogue, without a copy of it.
pub(super) struct Shared {
    definitions: Arc<Vec<Definition>>,
    index: usize,
}

impl Deref for Shared {
    type Target = Definition;

    /// The index is that of a definition from which [`Detector::new`] made it.
    fn deref(&self) -> &Definition {
        &self.definitions[self.index]
    }
}

/// Another detector that is asked about what stands near a key.
pub(super) struct CompiledCompanion {
    pub(super) detector: DetectorIndex,
    pub(super) role: String,
    pub(super) lines: usize,
    pub(super) required: bool,
}

impl Detector {
    /// Compiles a definition of `catalogue`; its first pattern is number `number` of the set.
    pub(super) fn new(
        index: DetectorIndex,
        definition: &Definition,
        catalogue: &Catalogue,
        number: usize,
    ) -> Result<Self, String> {
        let definitions = Arc::clone(catalogue.shared());
        let forms = definition.forms.iter().enumerate().map(|(n, form)| {
            let (definitions, detector) = (Arc::clone(&definitions), usize::from(index.0));
            CompiledForm::new(form, FormSource { definitions, detector, form: n, pattern: number + n })
        });
        let companions = definition.companions.iter().map(|companion| {
            let detector = catalogue
                .find(&companion.detector)
                .ok_or_else(|| format!("its companion '{}' is no detector", companion.detector))?;
            let (role, lines, required) = (companion.role.clone(), companion.lines, companion.required);
            Ok(CompiledCompanion { detector, role, lines, required })
        });
        let check = match &definition.check {
            Some(check) => {
                let validator = validate::find(&check.validator)
                    .ok_or_else(|| format!("there is no validator '{}'", check.validator))?;
                Some((validator, check.on_fail))
            }
            None => None,
        };
        Ok(Self {
            index,
            forms: forms.collect::<Result<_, String>>()?,
            companions: companions.collect::<Result<_, String>>()?,
            near: OnceLock::new(),
            check,
            paths: OnceLock::new(),
            definition: Shared { index: usize::from(index.0), definitions },
        })
    }

    /// Whether it applies in the file at `path`.
    pub(super) fn admits_path(&self, path: &[u8]) -> bool {
        let rules = &self.definition.paths;
        if rules.never.is_empty() && rules.only.is_empty() {
            return true;
        }
        // Globs that do not compile were refused, like patterns.
        let rules = self.paths.get_or_init(|| PathRules::new(rules).ok());
        rules.as_ref().is_some_and(|rules| rules.admit(path))
    }

    /// The hit that `found` is, if it passes all that is asked. Companions are not looked for here.
    pub(super) fn judge(&self, context: &Context<'_>, form: &CompiledForm, found: &Found) -> Option<Hit> {
        let raw = context.slice(found.span.clone());
        let key = found.decoded.as_deref().unwrap_or(raw);
        let definition = &self.definition;
        // In a table of strings a key is glued to others: a proof tells it, or else its own mark.
        let marked = found.marked && self.check.is_none();
        if found.glued
            && (self.check.is_none() && !marked
                || !context.is_binary(&found.span)
                || boundary::is_piece(context, &found.span))
        {
            return None;
        }
        let admitted =
            gate::admits(form.gate.as_ref().unwrap_or(&definition.gate), key, &definition.public_prefix)
                && !self.is_denied(context, found)
                && self.is_near(context, &found.span)
                && !self.is_allowed(raw)
                && !self.is_allowed(key);
        if !admitted {
            return None;
        }
        let matched = context.slice(found.matched.clone());
        let verdict = self.check.map(|(check, _)| check(Candidate { key, matched }));
        let proven = matches!(verdict, Some(Verdict::Proven(_)));
        if !proven && (found.glued && !marked || gate::is_sequential(key, &definition.public_prefix)) {
            return None;
        }
        let mut hit = Hit {
            detector: self.index,
            span: context.offset + found.span.start..context.offset + found.span.end,
            key: Key::new(key.to_vec()),
            severity: form.severity.unwrap_or(definition.severity),
            confidence: form.confidence.unwrap_or(definition.confidence),
            verified: proven,
            handles: Vec::new(),
            companions: Vec::new(),
            incomplete: false,
        };
        match verdict {
            None => {}
            Some(Verdict::Proven(facts)) => {
                hit.confidence = Confidence::High;
                self.learn(&mut hit, facts)?;
            }
            Some(Verdict::Plausible(facts)) => self.learn(&mut hit, facts)?,
            Some(Verdict::Failed) => match self.check.map(|(_, on_fail)| on_fail) {
                Some(OnFail::Lower) => hit.confidence = lower(hit.confidence),
                Some(OnFail::Info) => hit.severity = Severity::Info,
                Some(OnFail::Drop) | None => return None,
            },
        }
        Some(hit)
    }

    /// Takes over what a check learned; none if it shows a published key.
    fn learn(&self, hit: &mut Hit, facts: Facts) -> Option<()> {
        if let Some(canonical) = facts.canonical {
            if self.is_allowed(&canonical) {
                return None;
            }
            hit.key = Key::new(canonical);
        }
        hit.severity = facts.severity.unwrap_or(hit.severity);
        hit.handles = facts.handles;
        Some(())
    }

    fn is_denied(&self, context: &Context<'_>, found: &Found) -> bool {
        let denied = &self.definition.gate.deny_names;
        if denied.is_empty() {
            return false;
        }
        let name = found.name.clone().or_else(|| assignment::name_before(context, found.span.start));
        name.is_some_and(|name| names::hold_any(&names::words_of(context.slice(name)), denied))
    }

    fn is_near(&self, context: &Context<'_>, span: &Range<usize>) -> bool {
        if self.definition.gate.near.is_empty() {
            return true;
        }
        let words = self.near.get_or_init(|| near_words(&self.definition.gate.near).ok());
        let Some(words) = words else { return false };
        let around = context.nearby(span, self.definition.gate.near_lines.unwrap_or(NEAR_LINES));
        words.is_match(context.slice(around.start..span.start))
            || words.is_match(context.slice(span.end..around.end))
    }

    fn is_allowed(&self, key: &[u8]) -> bool {
        let allowed = &self.definition.allow;
        if allowed.is_empty() {
            return false;
        }
        let digest = Digest::sha256_of(key);
        allowed.iter().any(|allowed| allowed.sha256 == digest.hex())
    }
}

fn near_words(words: &[String]) -> Result<AhoCorasick, aho_corasick::BuildError> {
    AhoCorasick::builder().ascii_case_insensitive(true).build(words)
}

fn lower(confidence: Confidence) -> Confidence {
    match confidence {
        Confidence::High => Confidence::Medium,
        Confidence::Medium | Confidence::Low => Confidence::Low,
    }
}
