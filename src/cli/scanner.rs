//! Every target of the settings from its words to its results: what `keyseam scan` does between its
//! arguments and its reports.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};

use super::detectors::catalogue;
use super::input;
use super::settings::{SecretsFrom, Settings};
use crate::detect::catalogue::Catalogue;
use crate::detect::own_secrets::{OwnSecrets, Refusal};
use crate::detect::redact::Redactor;
use crate::detect::{DetectorIndex, DetectorSet, Severity};
use crate::finding::fingerprint::{FingerprintKey, KeySettings};
use crate::finding::ignore::IgnoreRules;
use crate::finding::result::{Judge, Target as ResultTarget};
use crate::limits;
use crate::report::model::{ImageResult, Report, Summary, TargetError, Tool};
use crate::scan::matches::Search;
use crate::scan::progress::Progress;
use crate::scan::{ScanOptions, scan};
use crate::source::Access;
use crate::target::Target;

/// The project's ignore rules: an untrusted file of the working directory.
const IGNORE_FILE: &str = ".keyseamignore";

/// Scans every target. One that gives no result stands in the report's errors.
///
/// # Errors
/// What keeps the whole scan from being done: rules, ignore rules, a hashing key that cannot be read.
pub fn scan_targets(settings: &Settings, progress: &dyn Progress) -> anyhow::Result<Report> {
    let catalogue = catalogue(&settings.rules)?;
    let detectors = DetectorSet::new(&catalogue)?;
    let mut redactor = Redactor::new(&detectors);
    let own_secrets = own_secrets(settings.secrets_from.as_ref(), progress)?;
    for own in own_secrets.iter().flat_map(|own| (0..own.len()).filter_map(|number| own.key(number))) {
        redactor.learn(own, own.expose(), "…");
    }
    let key_settings =
        KeySettings::from_environment(settings.fingerprint_key_file.clone(), |name| env::var_os(name));
    let fingerprints = FingerprintKey::load(&key_settings)?;
    if let Some(note) = fingerprints.note() {
        progress.note(note);
    }
    let ignore = ignore_rules(settings, &catalogue, &fingerprints, progress)?;
    let selected = select(&catalogue, &settings.only, &settings.skip)?;
    let is_selected = |index: DetectorIndex| selected.get(usize::from(index.0)).copied().unwrap_or(true);
    let judge = Judge {
        catalogue: &catalogue,
        search: Search { detectors: &detectors, own_secrets: own_secrets.as_ref() },
        selected: &is_selected,
        fingerprints: &fingerprints,
        ignore: &ignore,
        show_secrets: settings.show_secrets,
    };
    let options = ScanOptions {
        platforms: settings.platforms.clone(),
        jobs: settings.jobs.get(),
        max_layer_bytes: settings.max_layer_bytes,
        verify_diff_ids: settings.verify_diff_ids,
        ..ScanOptions::default()
    };
    let access = settings.network.access();
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for text in &settings.targets {
        let scanned = scan_target(text, &options, &access, &judge, progress, &mut redactor, &mut results);
        access.notes.take().iter().for_each(|note| progress.note(&redactor.clean(note)));
        if let Err(error) = scanned {
            redactor.learn_typed(text);
            errors.push(TargetError {
                target: redactor.clean(text),
                message: redactor.clean(&format!("{error:#}")),
            });
        }
    }
    let tool = Tool {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        ruleset: catalogue.digest().to_string(),
    };
    let summary = summary(&results, errors.is_empty());
    let mut report = Report { version: "1", tool, results, errors, summary, diff: None };
    if report.results.len() + report.errors.len() > 1 {
        report.clean_texts(&|text| redactor.clean(text));
    }
    Ok(report)
}

fn scan_target(
    text: &str,
    options: &ScanOptions,
    access: &Access,
    judge: &Judge<'_>,
    progress: &dyn Progress,
    redactor: &mut Redactor<'_>,
    results: &mut Vec<ImageResult>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let target = Target::parse(text)?;
    let scanned = scan(crate::source::open(&target, access)?, options, judge.search, progress)?;
    if scanned.images.is_empty() {
        bail!("it holds no image");
    }
    let named = ResultTarget { text: text.to_owned(), source: scanned.kind };
    let places = |result: &ImageResult| -> usize {
        result.findings.iter().map(|finding| finding.locations.len()).sum()
    };
    let mut total: usize = results.iter().map(places).sum();
    for (index, image) in scanned.images.iter().enumerate() {
        if total >= limits::REPORT_PLACES {
            let left = scanned.images.len() - index;
            bail!("the report holds {total} places of keys, and {left} more of its images are left out");
        }
        let mut result = judge.judge(&named, image, &scanned.blobs, redactor);
        result.stats.seconds = start.elapsed().as_secs_f64();
        total += places(&result);
        results.push(result);
    }
    Ok(())
}

fn own_secrets(from: Option<&SecretsFrom>, progress: &dyn Progress) -> anyhow::Result<Option<OwnSecrets>> {
    let Some(from) = from else { return Ok(None) };
    let loaded = match from {
        SecretsFrom::Environment => OwnSecrets::from_env(environment())?,
        SecretsFrom::File(path) => {
            let bytes =
                input::file(path, limits::SECRETS_FILE).with_context(|| path.display().to_string())?;
            OwnSecrets::from_file(&bytes).with_context(|| path.display().to_string())?
        }
    };
    // Every process has some dozens of variables that hold no secret: they take one line together.
    let (known, refused): (Vec<_>, Vec<_>) = loaded
        .refused
        .iter()
        .partition(|refused| *from == SecretsFrom::Environment && refused.reason == Refusal::KnownVariable);
    for refused in refused {
        progress.note(&refused.to_string());
    }
    if !known.is_empty() {
        let names: Vec<&str> = known.iter().map(|refused| refused.name.as_str()).collect();
        progress.note(&format!("not searched for, as they hold no secret: {}", names.join(", ")));
    }
    let own = loaded.secrets;
    if own.is_empty() {
        bail!("--secrets-from: there is no value to search for");
    }
    Ok(Some(own))
}

/// This process' variables. Bytes that are no text are searched for as they are.
fn environment() -> impl Iterator<Item = (String, Vec<u8>)> {
    let bytes = |value: std::ffi::OsString| value.into_encoded_bytes();
    env::vars_os().map(move |(name, value)| (name.to_string_lossy().into_owned(), bytes(value)))
}

fn ignore_rules(
    settings: &Settings,
    catalogue: &Catalogue,
    fingerprints: &FingerprintKey,
    progress: &dyn Progress,
) -> anyhow::Result<IgnoreRules> {
    let path = Path::new(IGNORE_FILE);
    if !settings.project_files || !path.exists() {
        return Ok(IgnoreRules::default());
    }
    let bytes = input::file(path, limits::IGNORE_FILE as u64).context(IGNORE_FILE)?;
    let today = time::OffsetDateTime::now_utc().date();
    let rules = IgnoreRules::parse(IGNORE_FILE, &bytes, today)?;
    for rule in rules.expired() {
        progress.note(&format!("{IGNORE_FILE}:{}: the rule has expired and no longer applies", rule.line));
    }
    for rule in rules.of_other_keys(fingerprints.id()) {
        progress.note(&format!(
            "{IGNORE_FILE}:{}: its fingerprint was made under another hashing key and matches nothing; \
             share the key with --fingerprint-key-file",
            rule.line
        ));
    }
    for (rule, id) in rules.unknown_detectors(|id| catalogue.find(id).is_some()) {
        progress.note(&format!("{IGNORE_FILE}:{}: there is no detector '{id}'", rule.line));
    }
    Ok(rules)
}

/// Which detectors count, indexed as the catalogue.
fn select(catalogue: &Catalogue, only: &[String], skip: &[String]) -> anyhow::Result<Vec<bool>> {
    let mut selected = vec![only.is_empty(); catalogue.definitions().len()];
    for (option, selectors, value) in [("--only", only, true), ("--skip", skip, false)] {
        for selector in selectors {
            let matching = catalogue.matching(selector);
            if matching.is_empty() {
                bail!(
                    "{option} {selector}: no detector, service or category of this name (keyseam detectors list)"
                );
            }
            for index in matching {
                if let Some(place) = selected.get_mut(usize::from(index.0)) {
                    *place = value;
                }
            }
        }
    }
    Ok(selected)
}

fn summary(results: &[ImageResult], no_errors: bool) -> Summary {
    let mut highest: BTreeMap<&str, Severity> = BTreeMap::new();
    for finding in results.iter().flat_map(|result| &result.findings) {
        let severity = highest.entry(&finding.fingerprint).or_insert(finding.severity);
        *severity = finding.severity.max(*severity);
    }
    let words = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];
    let mut by_severity: BTreeMap<String, usize> =
        words.iter().map(|severity| (severity.word().to_owned(), 0)).collect();
    for severity in highest.values() {
        *by_severity.entry(severity.word().to_owned()).or_default() += 1;
    }
    let suppressed: BTreeSet<(&str, &str)> = results
        .iter()
        .flat_map(|result| &result.suppressed)
        .map(|suppressed| (suppressed.fingerprint.as_str(), suppressed.detector.as_str()))
        .collect();
    Summary {
        images: results.len(),
        findings: highest.len(),
        by_severity,
        suppressed: suppressed.len(),
        complete: no_errors && results.iter().all(|result| result.complete),
    }
}
