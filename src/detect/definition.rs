//! A detector as data: the form of the TOML definitions, which `docs/adding-a-detector.md` describes.

use serde::Deserialize;

use super::later::Later;
use super::{Confidence, Key, Place, Severity};

mod advice;
mod text;
pub mod verify;

pub use advice::Advice;
pub(super) use text::{parse, parse_embedded};
pub use verify::Verify;

/// What kind of service a key opens; `--only` and `--skip` select by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Clouds and hosts.
    Cloud,
    /// Models and their hosts.
    Ai,
    /// Code hosts.
    Vcs,
    /// Builds, packages and deployment.
    Ci,
    /// Business applications.
    Saas,
    /// Data by request: maps, weather, markets, validation.
    DataApi,
    /// Mail, SMS, voice and chat.
    Messaging,
    /// Money.
    Payment,
    /// Exchanges of crypto-currencies.
    CryptoExchange,
    /// Databases and queues.
    Database,
    /// Logs, metrics and errors.
    Monitoring,
    /// Log-in and directory services.
    Identity,
    /// Networks, secret stores and other infrastructure.
    Infra,
    /// Private keys of no particular service.
    CryptoKeys,
    /// Anything else that looks like a secret.
    Generic,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Cloud,
        Self::Ai,
        Self::Vcs,
        Self::Ci,
        Self::Saas,
        Self::DataApi,
        Self::Messaging,
        Self::Payment,
        Self::CryptoExchange,
        Self::Database,
        Self::Monitoring,
        Self::Identity,
        Self::Infra,
        Self::CryptoKeys,
        Self::Generic,
    ];

    /// The word of definitions and of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::Ai => "ai",
            Self::Vcs => "vcs",
            Self::Ci => "ci",
            Self::Saas => "saas",
            Self::DataApi => "data-api",
            Self::Messaging => "messaging",
            Self::Payment => "payment",
            Self::CryptoExchange => "crypto-exchange",
            Self::Database => "database",
            Self::Monitoring => "monitoring",
            Self::Identity => "identity",
            Self::Infra => "infra",
            Self::CryptoKeys => "crypto-keys",
            Self::Generic => "generic",
        }
    }
}

/// One detector: how a kind of key looks, how sure that is, and what to say of it.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Kebab-case, stable for ever.
    pub id: String,
    /// As people call the key.
    pub name: String,
    /// What it opens.
    pub service: String,
    /// What kind of service that is.
    pub category: Category,
    /// What kind of secret it is: `access token`, `password`, `private key` …
    pub kind: String,
    /// By what a leak allows; a form or the key itself may say otherwise.
    pub severity: Severity,
    /// By what a match proves; a form or the offline check may say otherwise.
    pub confidence: Confidence,
    /// Whether what it finds is no key but evidence that one of its service was used.
    pub evidence: bool,
    /// Whether its form is one that keys of many services have: where one of these finds the same bytes,
    /// that one goes first.
    pub general: bool,
    /// Other ids that select it.
    pub aliases: Vec<String>,
    /// What a redacted key may show of its front.
    pub public_prefix: Vec<String>,
    /// Where such keys are managed.
    pub console: Option<String>,
    /// How to revoke one, in a line.
    pub revoke: Option<String>,
    /// What a leak allows, in a line.
    pub leak_allows: Option<String>,
    /// The ways in which it appears.
    pub forms: Vec<Form>,
    /// What the key itself must be like.
    pub gate: Gate,
    /// The offline check.
    pub check: Option<Check>,
    /// What is looked for beside it.
    pub companions: Vec<Companion>,
    /// Published keys that are no leak.
    pub allow: Vec<Allowed>,
    /// Where it applies.
    pub paths: Paths,
    /// Texts in which it must be found.
    pub examples: Later<Example>,
    /// Texts in which it must not.
    pub counter_examples: Later<CounterExample>,
    /// What its file says of leaked keys, of its own and of others.
    pub advices: Later<Advice>,
    /// How the services of its file are asked whether a key works.
    pub verifies: Later<Verify>,
    /// The file that defines it.
    pub origin: String,
}

/// The generality of guesses by a name.
pub const GUESS: u8 = 2;

impl Definition {
    /// How little it says of what a key opens: 0 for a service's own detector, 1 for a form that many have,
    /// [`GUESS`] for a guess.
    pub fn generality(&self) -> u8 {
        if self.is_guess() { GUESS } else { u8::from(self.general) }
    }

    /// What to do about a leaked key of its kind, where its file says so.
    pub fn advice(&self) -> Option<&Advice> {
        self.advices.iter().find(|advice| advice.is_about(&self.id))
    }

    /// How its service is asked whether a key of its kind works, where that can be asked.
    pub fn verify(&self) -> Option<&Verify> {
        self.verifies.iter().find(|verify| verify.is_about(&self.id))
    }

    /// Whether nothing but a name says that what it finds is a secret.
    pub fn is_guess(&self) -> bool {
        self.category == Category::Generic && self.confidence == Confidence::Low
    }

    /// Whether a key begins with a prefix that only such keys have.
    pub fn is_prefixed(&self, key: &Key) -> bool {
        self.public_prefix.iter().any(|prefix| key.expose().starts_with(prefix.as_bytes()))
    }

    /// Whether what it finds is an id and no secret, so that it may be shown in clear.
    pub fn is_handle(&self) -> bool {
        const HANDLES: [&str; 9] =
            ["id", "identifier", "sid", "host", "hostname", "account", "username", "domain", "email"];
        self.evidence
            || self
                .kind
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| HANDLES.iter().any(|handle| word.eq_ignore_ascii_case(handle)))
    }
}

/// A way in which a key appears.
#[derive(Clone, Debug)]
pub struct Form {
    /// What is looked for.
    pub shape: Shape,
    /// The severity of keys of this form, where not the definition's.
    pub severity: Option<Severity>,
    /// Likewise the confidence.
    pub confidence: Option<Confidence>,
    /// A bracket's inside: what may not stand right before and right behind the key.
    pub boundary: Option<String>,
    /// The kinds of content it is for; all, if none is given. Rules of paths are about files alone.
    pub places: Vec<Place>,
    /// What a key of this form must be like, where not the definition's.
    pub gate: Option<Gate>,
}

/// The three kinds of form.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A regular expression around a literal.
    Pattern {
        /// Literals of which every match holds one.
        anchors: Vec<String>,
        /// Whether anchors are found in any ASCII case.
        ignore_case: bool,
        /// The expression; the key is its group `key` or the whole match.
        pattern: String,
        /// How many bytes of the match may stand before the anchor.
        before: usize,
        /// How many bytes from its start are looked at.
        reach: usize,
    },
    /// A value assigned to a name.
    Names {
        /// The names, `_` between their words.
        names: Vec<String>,
        /// The whole value.
        value: String,
        /// Whether nothing may be added to the name.
        exact: bool,
        /// Parts of the names that are rarer than their first words.
        anchors: Vec<String>,
    },
    /// A value assigned to an everyday name below a brand.
    Section {
        /// The brands.
        section: Vec<String>,
        /// The names below it.
        keys: Vec<String>,
        /// The whole value.
        value: String,
        /// How many lines further down a name may stand.
        lines: usize,
    },
    /// A value assigned to a name that holds a brand and a key's usual name, to such a name below the
    /// brand, or given to a call of it.
    Brand {
        /// The brands.
        brands: Vec<String>,
        /// What a brand's key is called, where not by the usual names.
        keys: Option<Vec<String>>,
        /// The whole value.
        value: String,
        /// Whether the brand is a word that means other things as well: it must stand in one name with
        /// the key's.
        ordinary: bool,
    },
    /// A value behind a key's name near a host.
    Host {
        /// The hosts, with or without the front of their names.
        hosts: Vec<String>,
        /// The value.
        value: String,
    },
}

/// What the key itself must be like; what is not given is not asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// Least and most bytes.
    pub length: Option<(usize, usize)>,
    /// Shannon bits per byte.
    pub min_entropy: Option<f64>,
    /// Digits, at least.
    pub min_digits: usize,
    /// Uppercase letters, at least.
    pub min_upper: usize,
    /// Lowercase letters, at least.
    pub min_lower: usize,
    /// Letters, at least.
    pub min_letters: usize,
    /// Looks that rule a key out.
    pub reject: Vec<Reject>,
    /// Words of the assignment's name that rule it out.
    pub deny_names: Vec<String>,
    /// Words of which one must stand near.
    pub near: Vec<String>,
    /// How near, in lines; 10 by default.
    pub near_lines: Option<usize>,
}

/// A look that rules a key out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reject {
    /// `xxxx`, `your-key-here`, `example`, `changeme` …
    Placeholder,
    /// `abcdef`, `123456`.
    Sequential,
    /// One or two bytes over and over.
    Repeated,
    /// `${…}`, `{{…}}`, `%s`, `<…>`.
    Template,
    /// Readable words.
    Words,
    /// All hex: a digest.
    Hex,
    /// A UUID.
    Uuid,
    /// A path.
    Path,
    /// Words for the greater part, whatever stands between them.
    Readable,
}

/// An offline check and what its failure means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Its name in [`super::validate::VALIDATORS`].
    pub validator: String,
    /// What happens to a key that fails it.
    pub on_fail: OnFail,
}

/// What happens to a key that fails its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFail {
    /// It is no finding.
    Drop,
    /// Its confidence is one lower.
    Lower,
    /// Its severity is `info`.
    Info,
}

/// Another detector whose hits near the key belong to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Companion {
    /// The other detector's id.
    pub detector: String,
    /// What it is to the key: `id`, `host` …
    pub role: String,
    /// How near, in lines.
    #[serde(default = "default_companion_lines")]
    pub lines: usize,
    /// Whether there is no finding without it.
    #[serde(default)]
    pub required: bool,
}

/// A published key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// SHA-256 of the key, lowercase hex.
    pub sha256: String,
    /// Where it was published.
    pub reason: String,
}

/// Globs over the whole path; a bare name matches in every folder.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Paths {
    /// Never here.
    pub never: Vec<String>,
    /// Only here, if not empty.
    pub only: Vec<String>,
}

/// A text in which the key must be found, made of templates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The key, exactly as it is to be reported.
    pub key: String,
    /// What it stands in; the key alone by default.
    #[serde(default = "default_text")]
    pub text: String,
    /// The path of the file; where the definition asks for certain paths, one that fits by default.
    #[serde(default)]
    pub path: Option<String>,
    /// Whether its characters stand for bytes, U+00FF for the highest.
    #[serde(default)]
    pub binary: bool,
    /// Changes that leave a right key.
    #[serde(default)]
    pub except: Vec<Mutation>,
}

/// A change to an example's key after which it must not be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mutation {
    /// One byte less.
    Shorter,
    /// One byte more.
    Longer,
    /// A byte of a foreign alphabet in its middle.
    Alphabet,
    /// A wrong checksum.
    Checksum,
    /// A letter glued to it.
    Boundary,
}

/// A text in which the detector must find nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterExample {
    /// The text, made of templates.
    pub text: String,
    /// Why it is no key.
    pub why: String,
    /// The path of the file, likewise.
    #[serde(default)]
    pub path: Option<String>,
}

fn default_companion_lines() -> usize {
    10
}

fn default_text() -> String {
    "{{key}}".to_owned()
}
