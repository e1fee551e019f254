//! What a run looks for and what it sets aside: the catalogue, the team's own secrets, the hashing key, the
//! project's ignore rules, and the selection of the command line. All of it is read before any image.

use std::cell::RefCell;
use std::env;
use std::path::Path;

use anyhow::{Context, bail};

use crate::cache::{LayerCache, Scope};
use crate::cli::detectors::catalogue;
use crate::cli::settings::{SecretsFrom, Settings};
use crate::cli::{fingerprint_key, input};
use crate::detect::catalogue::Catalogue;
use crate::detect::own_secrets::{OwnSecrets, Refusal};
use crate::detect::redact::Redactor;
use crate::detect::{DetectorIndex, DetectorSet};
use crate::dockerfile::Dockerfile;
use crate::finding::asked::Asked;
use crate::finding::baseline::Baseline;
use crate::finding::fingerprint::FingerprintKey;
use crate::finding::ignore::IgnoreRules;
use crate::finding::result::Judge;
use crate::layer::hashed_names::NameHasher;
use crate::limits;
use crate::report::Report;
use crate::scan::matches::Search;
use crate::scan::progress::Progress;

/// The project's ignore rules: an untrusted file of the working directory.
const IGNORE_FILE: &str = ".keyseamignore";

/// All rules of a run.
pub(super) struct Rules {
    pub(super) catalogue: Catalogue,
    pub(super) detectors: DetectorSet,
    own_secrets: Option<OwnSecrets>,
    pub(super) fingerprints: FingerprintKey,
    ignore: IgnoreRules,
    baseline: Baseline,
    dockerfile: Option<(String, Dockerfile)>,
    /// Which detectors count, indexed as the catalogue.
    selected: Vec<bool>,
}

impl Rules {
    /// Reads what `settings` name.
    ///
    /// # Errors
    /// When a file cannot be read or is wrong, or a name fits nothing.
    pub(super) fn load(settings: &Settings, progress: &dyn Progress) -> anyhow::Result<Self> {
        let catalogue = catalogue(&settings.rules)?;
        let detectors = DetectorSet::new(&catalogue)?;
        let own_secrets = own_secrets(settings.secrets_from.as_ref(), progress)?;
        let fingerprints = fingerprint_key::load(settings.fingerprint_key_file.as_deref())?;
        if let Some(note) = fingerprints.note() {
            progress.note(note);
        }
        let ignore = ignore_rules(settings, &catalogue, &fingerprints, progress)?;
        let baseline = baseline(settings, &fingerprints, progress)?;
        let dockerfile = settings.dockerfile.as_deref().map(dockerfile).transpose()?;
        let selected = select(&catalogue, &settings.only, &settings.skip)?;
        Ok(Self { catalogue, detectors, own_secrets, fingerprints, ignore, baseline, dockerfile, selected })
    }

    /// Whether a detector counts.
    pub(super) fn is_selected(&self, index: DetectorIndex) -> bool {
        self.selected.get(usize::from(index.0)).copied().unwrap_or(true)
    }

    /// Where keys are kept that are asked about, where some are.
    pub(super) fn asked(settings: &Settings) -> Option<Asked> {
        let min_confidence = settings.threshold.min_confidence;
        settings.verify.as_ref().map(|_| Asked { min_confidence, known: RefCell::default() })
    }

    /// The rules as images are judged by them; `selected` is [`Self::is_selected`].
    pub(super) fn judge<'a>(
        &'a self,
        selected: &'a dyn Fn(DetectorIndex) -> bool,
        settings: &Settings,
        names: Option<&'a NameHasher>,
    ) -> Judge<'a> {
        Judge {
            catalogue: &self.catalogue,
            search: Search { detectors: &self.detectors, own_secrets: self.own_secrets.as_ref() },
            selected,
            fingerprints: &self.fingerprints,
            ignore: &self.ignore,
            baseline: &self.baseline,
            dockerfile: self.dockerfile.as_ref(),
            dockerfile_in: None,
            skip_base: settings.skip_base,
            show_secrets: settings.show_secrets,
            names,
            subjects: None,
        }
    }

    /// The layers that were read before, where they can be had and are wanted. With keys shown whole they
    /// are not: nobody kept those.
    pub(super) fn cache(&self, settings: &Settings) -> Option<LayerCache> {
        let folder = settings.cache_folder.as_deref().filter(|_| !settings.show_secrets)?;
        let scope = Scope {
            ruleset: &self.catalogue.digest(),
            max_layer_bytes: settings.max_layer_bytes,
            own_secrets: self.own_secrets.as_ref(),
        };
        let cache = LayerCache::open(folder, &self.fingerprints, &scope)?;
        Some(if settings.verify.is_some() { cache.without_keys() } else { cache })
    }

    /// The baseline that makes every key of `report` known from now on.
    pub(super) fn renewed_baseline(&self, report: &Report) -> Vec<u8> {
        self.baseline.renewed(report, today())
    }

    /// A redactor that knows the team's own secrets from the start.
    pub(super) fn redactor(&self) -> Redactor<'_> {
        let mut redactor = Redactor::new(&self.detectors);
        let own = self.own_secrets.iter().flat_map(|own| (0..own.len()).filter_map(|number| own.key(number)));
        for key in own {
            redactor.learn(key, key.expose(), "…");
        }
        redactor
    }
}

fn own_secrets(from: Option<&SecretsFrom>, progress: &dyn Progress) -> anyhow::Result<Option<OwnSecrets>> {
    let Some(from) = from else { return Ok(None) };
    let loaded = match from {
        SecretsFrom::Environment => OwnSecrets::from_env(environment())?,
        SecretsFrom::Canaries(all) => {
            OwnSecrets::from_env(all.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())))?
        }
        SecretsFrom::File(path) => {
            let bytes =
                input::file(path, limits::SECRETS_FILE).with_context(|| path.display().to_string())?;
            OwnSecrets::from_file(&bytes).with_context(|| path.display().to_string())?
        }
    };
    if let (SecretsFrom::Canaries(_), Some(refused)) = (from, loaded.refused.first()) {
        bail!("{refused}; --keep it");
    }
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
    let mut rules = IgnoreRules::parse(IGNORE_FILE, &bytes, today())?;
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
    rules.resolve_detectors(|id| Some(catalogue.get(catalogue.find(id)?)?.id.as_str()));
    Ok(rules)
}

fn baseline(
    settings: &Settings,
    fingerprints: &FingerprintKey,
    progress: &dyn Progress,
) -> anyhow::Result<Baseline> {
    let Some(path) = &settings.baseline else { return Ok(Baseline::default()) };
    let name = path.display().to_string();
    let bytes = input::file(path, limits::BASELINE)
        .with_context(|| format!("baseline {name} cannot be read; --write-baseline makes one"))?;
    let baseline = Baseline::parse(&name, &bytes, fingerprints.id(), today())?;
    match baseline.expired() {
        0 => {}
        1 => progress.note(&format!("baseline {name}: 1 key is past its last day and counts as new again")),
        keys => {
            progress.note(&format!(
                "baseline {name}: {keys} keys are past their last day and count as new again"
            ));
        }
    }
    Ok(baseline)
}

fn dockerfile(path: &Path) -> anyhow::Result<(String, Dockerfile)> {
    let name = path.display().to_string();
    let bytes = input::file(path, limits::DOCKERFILE).with_context(|| format!("--dockerfile {name}"))?;
    let dockerfile = Dockerfile::parse(&bytes);
    if dockerfile.stages().is_empty() {
        bail!("--dockerfile {name}: there is no FROM in it; is it a Dockerfile?");
    }
    Ok((name, dockerfile))
}

/// The day in UTC.
fn today() -> time::Date {
    time::OffsetDateTime::now_utc().date()
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
