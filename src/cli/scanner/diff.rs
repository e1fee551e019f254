//! `keyseam diff`: both images are scanned, and what is told of the new one is what the old one does not
//! have. A key is known by its fingerprint and detector, wherever it stands.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::rules::Rules;
use super::run::{Answer, Run};
use super::targets::Asked;
use crate::cli::settings::Settings;
use crate::finding::result::Judge;
use crate::report::model::{Diff, ImageResult, Layer, Report};
use crate::scan::progress::Progress;

/// Scans the two targets of the settings, the old one first, and reports what the new one adds.
///
/// # Errors
/// As of [`super::scan_targets`]. A target that cannot be read stands in the report's errors; without the
/// old one there are no results.
pub fn diff_targets(settings: &Settings, progress: &dyn Progress) -> anyhow::Result<Report> {
    let started = OffsetDateTime::now_utc();
    let rules = Rules::load(settings, progress)?;
    let is_selected = |index| rules.is_selected(index);
    let cache = rules.cache(settings);
    let names = cache.as_ref().map(|cache| cache.names().clone());
    let asked_about = Rules::asked(settings);
    let judge = rules.judge(&is_selected, settings, names.as_ref());
    let judge = Judge { subjects: asked_about.as_ref(), ..judge };
    let mut run = Run::new(settings, &judge, progress, rules.redactor(), cache)?;
    let asked = settings.targets.iter().enumerate();
    let asked = asked.map(|(position, text)| Asked { reported: position > 0, ..Asked::new(text) });
    let mut answers = run.scan(asked.collect(), |answer| answer.error.is_none()).into_iter();
    let nothing = || Answer { results: Vec::new(), error: None };
    let (old, new) = (answers.next().unwrap_or_else(nothing), answers.next().unwrap_or_else(nothing));
    if let Some(error) = old.error {
        return Ok(super::report(&rules, Vec::new(), vec![error], run.redactor(), started));
    }
    let whole = super::inventory::is_wanted(settings)
        .then(|| [old.results.as_slice(), &new.results].concat())
        .map(|results| super::report(&rules, results, Vec::new(), run.redactor(), started));
    let old = Old::new(&old.results, settings.strict);
    let mut results = new.results;
    let (known, gone) = old.compare(&mut results);
    if !old.complete {
        let line = format!("{} was not read whole: keys that it holds may be told as added", old.target);
        let line = run.redactor().clean(&line);
        progress.note(&line);
        results.iter_mut().for_each(|result| result.warnings.push(line.clone()));
    }
    super::verify::tell(&judge, settings, run.redactor(), progress, &mut results)?;
    let errors = new.error.into_iter().collect();
    let mut report = super::report(&rules, results, errors, run.redactor(), started);
    super::inventory::record(&rules, settings, &mut report, whole, progress);
    let diff = Diff {
        old: run.redactor().clean(&old.target),
        manifest_digest: old.manifest_digest,
        index_digest: old.index_digest,
        complete: old.complete,
        known,
        gone,
    };
    Ok(Report { diff: Some(diff), ..report })
}

/// A key under a detector: fingerprint, detector.
type KeyId = (String, String);

/// What is known of the old image, over all its platforms.
struct Old {
    target: String,
    manifest_digest: Option<String>,
    index_digest: Option<String>,
    complete: bool,
    found: BTreeSet<KeyId>,
    suppressed: BTreeSet<KeyId>,
    digests: BTreeSet<String>,
    diff_ids: BTreeSet<String>,
}

impl Old {
    /// With `strict`, contents that could not be opened make it incomplete.
    fn new(results: &[ImageResult], strict: bool) -> Self {
        let only = if let [only] = results { Some(only) } else { None };
        let mut indexes: Vec<_> = results.iter().map(|result| result.index_digest.clone()).collect();
        indexes.dedup();
        let layers = || results.iter().flat_map(|result| &result.layers);
        Self {
            target: results.first().map(|result| result.target.clone()).unwrap_or_default(),
            manifest_digest: only.and_then(|only| only.manifest_digest.clone()),
            index_digest: if let [one] = indexes.as_slice() { one.clone() } else { None },
            complete: results.iter().all(|result| is_whole(result, strict)),
            found: found(results),
            suppressed: suppressed(results),
            digests: layers().filter_map(|layer| layer.digest.clone()).collect(),
            diff_ids: layers().filter_map(|layer| layer.diff_id.clone()).collect(),
        }
    }

    fn has(&self, key: &KeyId) -> bool {
        self.found.contains(key) || self.suppressed.contains(key)
    }

    /// Leaves out of `results` what this has; how many keys these are, and how many it alone has.
    fn compare(&self, results: &mut [ImageResult]) -> (usize, usize) {
        let all = found(results);
        let known = all.iter().filter(|key| self.has(key)).count();
        let hidden = suppressed(results);
        let gone = self.found.iter().filter(|key| !all.contains(*key) && !hidden.contains(*key)).count();
        for result in results {
            result
                .findings
                .retain(|finding| !self.has(&(finding.fingerprint.clone(), finding.detector.clone())));
            for layer in &mut result.layers {
                layer.added = Some(self.is_added(layer));
            }
        }
        (known, gone)
    }

    /// A layer is told by its blob, or else by the tar inside.
    fn is_added(&self, layer: &Layer) -> bool {
        let has = |set: &BTreeSet<String>, digest: &Option<String>| {
            digest.as_ref().is_some_and(|digest| set.contains(digest))
        };
        !has(&self.digests, &layer.digest) && !has(&self.diff_ids, &layer.diff_id)
    }
}

fn is_whole(result: &ImageResult, strict: bool) -> bool {
    result.complete && (!strict || result.opaque.by_reason.is_empty())
}

fn found(results: &[ImageResult]) -> BTreeSet<KeyId> {
    let findings = results.iter().flat_map(|result| &result.findings);
    findings.map(|finding| (finding.fingerprint.clone(), finding.detector.clone())).collect()
}

fn suppressed(results: &[ImageResult]) -> BTreeSet<KeyId> {
    let suppressed = results.iter().flat_map(|result| &result.suppressed);
    suppressed.map(|one| (one.fingerprint.clone(), one.detector.clone())).collect()
}
