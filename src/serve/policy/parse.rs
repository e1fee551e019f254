//! A policy from its text: strict, so that a word that is mistyped is an error and not a gap.

use std::collections::HashSet;

use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use time::{Date, Month};

use super::{Act, Exemption, Others, Policy, Rules, Scoped, Unknown};
use crate::detect::Confidence;
use crate::finding::fingerprint::Fingerprint;
use crate::image::platform::Platform;
use crate::limits;
use crate::report::FailOn;
use crate::serve::admission::workload::{ImagePath, LeadsTo, Step};

/// Why a file is no policy: one clear line.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct PolicyError(String);

impl PolicyError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Settings that somebody changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    mode: Option<Mode>,
    fail_on: Option<FailOn>,
    min_confidence: Option<Confidence>,
    unknown: Option<UnknownWord>,
    after_wait: Option<WarnOrDeny>,
    incomplete: Option<ActWord>,
    require_digest: Option<bool>,
    literals: Option<ActWord>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Whole {
    mode: Option<Mode>,
    fail_on: Option<FailOnWord>,
    min_confidence: Option<Confidence>,
    unknown: Option<UnknownWord>,
    unknown_after_wait: Option<WarnOrDeny>,
    incomplete: Option<ActWord>,
    require_digest: Option<bool>,
    literals: Option<ActWord>,
    #[serde(default)]
    platforms: Vec<String>,
    #[serde(default)]
    registries: Registries,
    #[serde(default)]
    namespaces: Namespaces,
    #[serde(default)]
    repositories: Vec<Scope>,
    #[serde(default)]
    exempt: Vec<Exempt>,
    #[serde(default)]
    image_paths: Vec<Path>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Registries {
    #[serde(default)]
    allow: Vec<String>,
    others: Option<OthersWord>,
    requests_per_second: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Namespaces {
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    rules: Vec<Scope>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Scope {
    r#match: Vec<String>,
    mode: Option<Mode>,
    fail_on: Option<FailOnWord>,
    min_confidence: Option<Confidence>,
    unknown: Option<UnknownWord>,
    unknown_after_wait: Option<WarnOrDeny>,
    incomplete: Option<ActWord>,
    require_digest: Option<bool>,
    literals: Option<ActWord>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exempt {
    fingerprint: String,
    until: toml::value::Datetime,
    reason: String,
    #[serde(default)]
    images: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Path {
    group: String,
    kind: String,
    template: Option<String>,
    image: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Enforce,
    Warn,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FailOnWord {
    Low,
    Medium,
    High,
    Critical,
    Never,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum UnknownWord {
    Admit,
    Warn,
    Deny,
    Wait,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WarnOrDeny {
    Warn,
    Deny,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ActWord {
    Admit,
    Warn,
    Deny,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OthersWord {
    Public,
    Refuse,
    Admit,
}

impl Policy {
    /// Reads a policy file (TOML); all of it may be absent.
    ///
    /// # Errors
    /// When it is not exactly a policy.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let whole: Whole = toml::from_str(text).map_err(|error| said(&error, text))?;
        let mut rules = Rules::default();
        let changes = Changes {
            mode: whole.mode,
            fail_on: whole.fail_on.map(Into::into),
            min_confidence: whole.min_confidence,
            unknown: whole.unknown,
            after_wait: whole.unknown_after_wait,
            incomplete: whole.incomplete,
            require_digest: whole.require_digest,
            literals: whole.literals,
        };
        changes.apply(&mut rules);
        let requests_per_second = whole.registries.requests_per_second.unwrap_or(50);
        if !(1..=1_000).contains(&requests_per_second) {
            return Err(PolicyError::new("registries.requests-per-second is a number from 1 to 1000"));
        }
        bounded("exempt", whole.exempt.len())?;
        let platform = |text: &String| {
            text.parse::<Platform>().map_err(|error| PolicyError::new(format!("platforms: {error}")))
        };
        Ok(Self {
            rules,
            namespaces: scopes("namespaces.rules", whole.namespaces.rules)?,
            excluded: globs("namespaces.exclude", &whole.namespaces.exclude)?,
            repositories: scopes("repositories", whole.repositories)?,
            allowed: globs("registries.allow", &whole.registries.allow)?,
            others: whole.registries.others.map_or(Others::Public, Into::into),
            requests_per_second,
            exemptions: whole.exempt.into_iter().map(exemption).collect::<Result<_, _>>()?,
            image_paths: paths(whole.image_paths)?,
            platforms: whole.platforms.iter().map(platform).collect::<Result<_, _>>()?,
        })
    }
}

impl Changes {
    /// Makes the changes.
    pub(super) fn apply(&self, rules: &mut Rules) {
        if let Some(mode) = self.mode {
            rules.warn_only = mode == Mode::Warn;
        }
        rules.fail_on = self.fail_on.unwrap_or(rules.fail_on);
        rules.min_confidence = self.min_confidence.unwrap_or(rules.min_confidence);
        rules.unknown = self.unknown.map_or(rules.unknown, Into::into);
        rules.after_wait = self.after_wait.map_or(rules.after_wait, Into::into);
        rules.incomplete = self.incomplete.map_or(rules.incomplete, Into::into);
        rules.require_digest = self.require_digest.unwrap_or(rules.require_digest);
        rules.literals = self.literals.map_or(rules.literals, Into::into);
    }
}

/// What toml says, with the line and without the line's text, which may hold anything.
fn said(error: &toml::de::Error, text: &str) -> PolicyError {
    let line = error.span().map(|span| text.get(..span.start).unwrap_or(text).matches('\n').count() + 1);
    let message = crate::cli::messages::without_keys(error.message());
    PolicyError::new(match line {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    })
}

fn bounded(what: &str, number: usize) -> Result<(), PolicyError> {
    if number > limits::POLICY_ENTRIES {
        return Err(PolicyError::new(format!("{what} has more than {} entries", limits::POLICY_ENTRIES)));
    }
    Ok(())
}

fn globs(what: &str, texts: &[String]) -> Result<Vec<GlobMatcher>, PolicyError> {
    bounded(what, texts.len())?;
    let glob = |text: &String| {
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let matcher = glob.map(|glob| glob.compile_matcher());
        matcher.map_err(|error| {
            PolicyError::new(format!("{what}: {}", crate::cli::messages::without_keys(&error.to_string())))
        })
    };
    texts.iter().map(glob).collect()
}

fn scopes(what: &str, scopes: Vec<Scope>) -> Result<Vec<Scoped>, PolicyError> {
    bounded(what, scopes.len())?;
    let scope = |scope: Scope| {
        if scope.r#match.is_empty() {
            return Err(PolicyError::new(format!("{what}: match is empty, so it holds for nothing")));
        }
        let changes = Changes {
            mode: scope.mode,
            fail_on: scope.fail_on.map(Into::into),
            min_confidence: scope.min_confidence,
            unknown: scope.unknown,
            after_wait: scope.unknown_after_wait,
            incomplete: scope.incomplete,
            require_digest: scope.require_digest,
            literals: scope.literals,
        };
        Ok(Scoped { globs: globs(what, &scope.r#match)?, changes })
    };
    scopes.into_iter().map(scope).collect()
}

fn exemption(exempt: Exempt) -> Result<Exemption, PolicyError> {
    const REASON: usize = 300;
    let wrong = |why: &str| PolicyError::new(format!("exempt: {why}"));
    let fingerprint: Fingerprint =
        exempt.fingerprint.parse().map_err(|error| wrong(&format!("fingerprint: {error}")))?;
    let shown = fingerprint.as_str();
    let day = exempt.until.date.filter(|_| exempt.until.time.is_none() && exempt.until.offset.is_none());
    let until = day.and_then(|day| {
        let month = Month::try_from(day.month).ok()?;
        Date::from_calendar_date(i32::from(day.year), month, day.day).ok()
    });
    let until = until.ok_or_else(|| wrong(&format!("{shown}: until is a day, as 2027-01-31")))?;
    if exempt.reason.trim().is_empty() || exempt.reason.chars().count() > REASON {
        return Err(wrong(&format!("{shown}: reason is a text of 1 to {REASON} characters")));
    }
    Ok(Exemption { fingerprint, until, images: globs("exempt.images", &exempt.images)? })
}

fn paths(paths: Vec<Path>) -> Result<Vec<ImagePath>, PolicyError> {
    bounded("image-paths", paths.len())?;
    let mut seen = HashSet::new();
    let path = |path: Path| {
        let named = format!("image-paths: {}.{}", path.kind, path.group);
        let (text, leads_to) = match (path.template, path.image) {
            (Some(text), None) => (text, LeadsTo::Template),
            (None, Some(text)) => (text, LeadsTo::Image),
            _ => return Err(PolicyError::new(format!("{named} has either a template or an image"))),
        };
        let steps = steps(&text).ok_or_else(|| {
            let form = "a path is .spec.template, or .spec.steps[*].image where a list is gone through";
            PolicyError::new(format!("{named}: {form}"))
        })?;
        if !seen.insert((path.group.clone(), path.kind.clone(), text)) {
            return Err(PolicyError::new(format!("{named} stands there twice with one path")));
        }
        Ok(ImagePath { group: path.group, kind: path.kind, steps, leads_to })
    };
    paths.into_iter().map(path).collect()
}

/// `.spec.steps[*].image` as steps.
fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in text.strip_prefix('.')?.split('.') {
        let (name, each) = match part.strip_suffix("[*]") {
            Some(name) => (name, true),
            None => (part, false),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
        if name.is_empty() || !name.chars().all(fits) {
            return None;
        }
        steps.push(Step::Field(name.to_owned()));
        if each {
            steps.push(Step::Each);
        }
    }
    (steps.len() <= limits::POLICY_PATH_STEPS).then_some(steps)
}

impl From<FailOnWord> for FailOn {
    fn from(word: FailOnWord) -> Self {
        match word {
            FailOnWord::Low => Self::Low,
            FailOnWord::Medium => Self::Medium,
            FailOnWord::High => Self::High,
            FailOnWord::Critical => Self::Critical,
            FailOnWord::Never => Self::Never,
        }
    }
}

impl From<UnknownWord> for Unknown {
    fn from(word: UnknownWord) -> Self {
        match word {
            UnknownWord::Admit => Self::Act(Act::Admit),
            UnknownWord::Warn => Self::Act(Act::Warn),
            UnknownWord::Deny => Self::Act(Act::Deny),
            UnknownWord::Wait => Self::Wait,
        }
    }
}

impl From<WarnOrDeny> for Act {
    fn from(word: WarnOrDeny) -> Self {
        match word {
            WarnOrDeny::Warn => Self::Warn,
            WarnOrDeny::Deny => Self::Deny,
        }
    }
}

impl From<ActWord> for Act {
    fn from(word: ActWord) -> Self {
        match word {
            ActWord::Admit => Self::Admit,
            ActWord::Warn => Self::Warn,
            ActWord::Deny => Self::Deny,
        }
    }
}

impl From<OthersWord> for Others {
    fn from(word: OthersWord) -> Self {
        match word {
            OthersWord::Public => Self::Public,
            OthersWord::Refuse => Self::Refuse,
            OthersWord::Admit => Self::Admit,
        }
    }
}
