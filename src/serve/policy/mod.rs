//! The policy: what an operator has decided about images before any of them comes. It is applied when somebody
//! asks, never kept with what was found. `docs/policy.md` describes the file.

mod file;
mod line;
mod parse;
#[cfg(test)]
mod tests;

use globset::GlobMatcher;
use time::Date;

pub use file::PolicyFile;
pub use parse::PolicyError;

use super::admission::workload::ImagePath;
use super::facts::{Facts, Leak};
use crate::detect::Confidence;
use crate::finding::fingerprint::Fingerprint;
use crate::image::platform::Platform;
use crate::report::FailOn;

/// Everything that a policy file decides.
#[derive(Debug)]
pub struct Policy {
    rules: Rules,
    namespaces: Vec<Scoped>,
    excluded: Vec<GlobMatcher>,
    repositories: Vec<Scoped>,
    allowed: Vec<GlobMatcher>,
    others: Others,
    /// Requests to one registry in a second.
    pub requests_per_second: u32,
    exemptions: Vec<Exemption>,
    /// Where custom resources name images.
    pub image_paths: Vec<ImagePath>,
    /// Of an index, the platforms that count; all where none is named.
    pub platforms: Vec<Platform>,
}

/// What holds for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether leaks are only told.
    pub warn_only: bool,
    /// The least severity that counts.
    pub fail_on: FailOn,
    /// The least confidence that counts.
    pub min_confidence: Confidence,
    /// What becomes of an image that was not examined yet.
    pub unknown: Unknown,
    /// What becomes of it when waiting was in vain.
    pub after_wait: Act,
    /// What becomes of an image in which nothing was found, but that could not be read whole.
    pub incomplete: Act,
    /// Whether an image must be named by its digest.
    pub require_digest: bool,
    /// What becomes of a manifest that holds a key itself.
    pub literals: Act,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            warn_only: false,
            fail_on: FailOn::default(),
            min_confidence: Confidence::Medium,
            unknown: Unknown::Act(Act::Warn),
            after_wait: Act::Warn,
            incomplete: Act::Warn,
            require_digest: false,
            literals: Act::Deny,
        }
    }
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is admitted.
    Admit,
    /// It is admitted with a line that says what is wrong.
    Warn,
    /// It is refused with that line.
    Deny,
}

/// What is done about an image that was not examined yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// This, at once.
    Act(Act),
    /// It is waited for, as long as the one who asks does.
    Wait,
}

/// What is done about registries that are not named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Others {
    /// They are asked where their address is public.
    #[default]
    Public,
    /// Their images are refused.
    Refuse,
    /// Their images are admitted unseen.
    Admit,
}

/// Whether a registry may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Wherever it is.
    Anywhere,
    /// At public addresses.
    IfPublic,
    /// Its images are refused without a look.
    Refuse,
    /// Its images are admitted without a look, with a warning.
    AdmitUnseen,
}

/// Rules for some namespaces or repositories: what they do not say is as it was.
#[derive(Debug)]
struct Scoped {
    globs: Vec<GlobMatcher>,
    changes: parse::Changes,
}

/// A key that somebody decided to live with for a while.
#[derive(Debug)]
struct Exemption {
    fingerprint: Fingerprint,
    until: Date,
    images: Vec<GlobMatcher>,
}

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// As it was named, fit to be shown.
    pub image: &'a str,
    /// Registry and name; none for the texts of a manifest.
    pub repository: Option<&'a str>,
    /// In which namespace it is to run, where it is.
    pub namespace: Option<&'a str>,
    /// The day in UTC.
    pub today: Date,
}

/// What was found out, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nothing that counts.
    Clean,
    /// Keys, all of them exempted.
    Exempted,
    /// It was not looked at, as the policy wants it.
    Unseen,
    /// Nothing, but not everything could be read.
    Incomplete,
    /// It was not examined yet, or cannot be.
    Unknown,
    /// It comes from where nothing may come from, or is named as nothing may be named.
    Forbidden,
    /// Keys.
    Leaks,
}

impl Verdict {
    /// The word in answers, logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Exempted => "exempted",
            Self::Unseen => "unseen",
            Self::Incomplete => "incomplete",
            Self::Unknown => "unknown",
            Self::Forbidden => "forbidden",
            Self::Leaks => "leaks",
        }
    }
}

/// Yes or no, and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was found out.
    pub verdict: Verdict,
    /// Whether it may come in.
    pub admitted: bool,
    /// One line for people: why not, or what they should know all the same.
    pub line: Option<String>,
}

impl Policy {
    /// What holds for an image; what is said of its repository goes before what is said of the namespace.
    pub fn rules(&self, namespace: Option<&str>, repository: Option<&str>) -> Rules {
        let mut rules = self.rules;
        for (scopes, name) in [(&self.namespaces, namespace), (&self.repositories, repository)] {
            let fits = |scope: &&Scoped| name.is_some_and(|name| any(&scope.globs, name));
            if let Some(scope) = scopes.iter().find(fits) {
                scope.changes.apply(&mut rules);
            }
        }
        rules
    }

    /// Whether nothing in a namespace is judged.
    pub fn is_excluded(&self, namespace: &str) -> bool {
        any(&self.excluded, namespace)
    }

    /// Whether a registry may be asked.
    pub fn may_ask(&self, registry: &str) -> Ask {
        match self.others {
            _ if any(&self.allowed, registry) => Ask::Anywhere,
            Others::Public => Ask::IfPublic,
            Others::Refuse => Ask::Refuse,
            Others::Admit => Ask::AdmitUnseen,
        }
    }

    /// What an operator should know of the exemptions: one line each. `key_id` is the hashing key's.
    pub fn notes(&self, today: Date, key_id: &str) -> Vec<String> {
        const LONG: i64 = 366;
        let mut notes = Vec::new();
        for exemption in &self.exemptions {
            let fingerprint = exemption.fingerprint.as_str();
            let until = exemption.until;
            if exemption.fingerprint.key_id() != key_id {
                notes.push(format!(
                    "the exemption of {fingerprint} fits nothing: it was made under another hashing key than {key_id}"
                ));
            } else if until < today {
                notes
                    .push(format!("the exemption of {fingerprint} has ended on {until} and applies no more"));
            } else if (until - today).whole_days() > LONG {
                notes.push(format!(
                    "the exemption of {fingerprint} lasts for more than a year, until {until}"
                ));
            }
        }
        notes
    }

    /// What becomes of an image of which this is known.
    pub fn image(&self, question: &Question<'_>, facts: &Facts) -> Decision {
        let rules = self.rules(question.namespace, question.repository);
        let act = if rules.warn_only { Act::Warn } else { Act::Deny };
        if let Some(decision) = self.leaks(question, facts, &rules, act, &line::of_image) {
            return decision;
        }
        let exempted = facts.leaks.iter().any(|leak| counts(leak, &rules));
        let verdict = if exempted { Verdict::Exempted } else { Verdict::Clean };
        match &facts.incomplete {
            None => Decision { verdict, admitted: true, line: None },
            Some(why) => self.not_whole(question, &rules, why),
        }
    }

    fn not_whole(&self, question: &Question<'_>, rules: &Rules, why: &str) -> Decision {
        let act = if rules.warn_only { rules.incomplete.at_most_warn() } else { rules.incomplete };
        decision(Verdict::Incomplete, act, || line::incomplete(question, why))
    }

    /// What becomes of a manifest in whose own texts this was found.
    pub fn literals(&self, question: &Question<'_>, facts: &Facts) -> Decision {
        let rules = self.rules(question.namespace, None);
        let act = if rules.warn_only { rules.literals.at_most_warn() } else { rules.literals };
        if let Some(decision) = self.leaks(question, facts, &rules, act, &line::of_manifest) {
            return decision;
        }
        match &facts.incomplete {
            None => Decision { verdict: Verdict::Clean, admitted: true, line: None },
            Some(why) => self.not_whole(question, &rules, why),
        }
    }

    /// What becomes of an image that was not examined yet; `waited` says that this was waited for.
    pub fn unknown(&self, question: &Question<'_>, why: &str, waited: bool) -> Decision {
        let rules = self.rules(question.namespace, question.repository);
        let act = match rules.unknown {
            // Who refuses what is not known refuses it all the more where nothing can be known.
            Unknown::Act(act) if !waited || act == Act::Deny => act,
            Unknown::Wait | Unknown::Act(_) => rules.after_wait,
        };
        let act = if rules.warn_only { act.at_most_warn() } else { act };
        decision(Verdict::Unknown, act, || line::unknown(question, why))
    }

    /// What becomes of an image that nobody may look at, or that is named wrongly.
    pub fn forbidden(&self, question: &Question<'_>, why: &str) -> Decision {
        let rules = self.rules(question.namespace, question.repository);
        let act = if rules.warn_only { Act::Warn } else { Act::Deny };
        decision(Verdict::Forbidden, act, || line::unknown(question, why))
    }

    /// What becomes of an image that is not looked at.
    pub fn unseen(&self, question: &Question<'_>) -> Decision {
        decision(Verdict::Unseen, Act::Warn, || {
            line::unknown(question, "its registry is none of those that are asked: it was not looked at")
        })
    }

    fn leaks(
        &self,
        question: &Question<'_>,
        facts: &Facts,
        rules: &Rules,
        act: Act,
        told: &dyn Fn(&Question<'_>, &Leak, usize) -> String,
    ) -> Option<Decision> {
        let counting = facts.leaks.iter().filter(|leak| counts(leak, rules) && !self.exempts(leak, question));
        let counting: Vec<&Leak> = counting.collect();
        // The most severe are kept by name: those that are not may count only if the last that is may.
        let last = facts.leaks.last().filter(|last| facts.more_leaks > 0 && may_count_below(last, rules));
        let worst = counting.first().copied().or(last)?;
        let more = if last.is_some() { usize::try_from(facts.more_leaks).unwrap_or(usize::MAX) } else { 0 };
        let keys = counting.len().saturating_add(more).max(1);
        Some(decision(Verdict::Leaks, act, || told(question, worst, keys)))
    }

    fn exempts(&self, leak: &Leak, question: &Question<'_>) -> bool {
        self.exemptions.iter().any(|exemption| {
            exemption.fingerprint.as_str() == leak.fingerprint
                && question.today <= exemption.until
                && (exemption.images.is_empty()
                    || question.repository.is_some_and(|name| any(&exemption.images, name)))
        })
    }
}

impl Act {
    fn at_most_warn(self) -> Self {
        if self == Self::Deny { Self::Warn } else { self }
    }
}

fn decision(verdict: Verdict, act: Act, line: impl FnOnce() -> String) -> Decision {
    Decision { verdict, admitted: act != Act::Deny, line: (act != Act::Admit).then(line) }
}

fn counts(leak: &Leak, rules: &Rules) -> bool {
    leak.confidence >= rules.min_confidence
        && rules.fail_on.severity().is_some_and(|least| leak.severity >= least)
}

/// Whether one that is no worse than this may count: they are in order of severity, then confidence.
fn may_count_below(last: &Leak, rules: &Rules) -> bool {
    rules.fail_on.severity().is_some_and(|least| {
        last.severity > least || (last.severity == least && last.confidence >= rules.min_confidence)
    })
}

fn any(globs: &[GlobMatcher], text: &str) -> bool {
    globs.iter().any(|glob| glob.is_match(text))
}
