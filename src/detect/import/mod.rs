//! Configurations of gitleaks and betterleaks as rules for `--rules`. `docs/importing.md` tells users what
//! fits and what does not.
//!
//! Every rule becomes one detector of the form `pattern`, or a [`Note`] that says why not. What a detector
//! cannot say is a note too. Rules that are written have been loaded and tried.

mod anchors;
mod config;
mod dialect;
mod filter;
mod globs;
mod rule;
mod sample;
mod trial;
mod write;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::catalogue::Catalogue;
use crate::limits;
use config::{AllowList, Config, Rule};

/// A file of rules, and what is to be said of it.
#[derive(Debug)]
pub struct Import {
    /// The file, for `--rules`.
    pub rules: String,
    /// How many rules the configuration has.
    pub read: usize,
    /// How many of them are in the file.
    pub written: usize,
    /// What is left out, in the order of the configuration.
    pub notes: Vec<Note>,
    /// What concerns no single rule.
    pub remarks: Vec<String>,
}

/// What is to be said of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its id in the configuration.
    pub rule: String,
    /// What became of it.
    pub fate: Fate,
    /// What is left out, or why it is.
    pub text: String,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in the file, and says all that it said.
    Whole,
    /// It is in the file, with something left out.
    Part,
    /// It is not in the file.
    Out,
}

impl Fate {
    fn of(lost: &[String]) -> Self {
        if lost.is_empty() { Self::Whole } else { Self::Part }
    }
}

/// Why nothing can be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is over the bound.
    #[error("it is over the limit of {} bytes", limits::IMPORT_FILE)]
    TooLarge,
    /// It is no configuration.
    #[error("line {line}: {problem}")]
    Form {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// The rules that were made cannot be loaded.
    #[error("the imported rules cannot be loaded: {0}")]
    Unloadable(String),
}

/// Makes rules of a configuration. They fit beside the detectors of `known`: a rule whose id is taken there
/// gets another one or, with `new`, is left out.
///
/// # Errors
/// When the text is no configuration with rules.
pub fn import(text: &str, known: &Catalogue, new: bool) -> Result<Import, ImportError> {
    if text.len() as u64 > limits::IMPORT_FILE {
        return Err(ImportError::TooLarge);
    }
    let config = config::read(text).map_err(|(line, problem)| ImportError::Form { line, problem })?;
    let mut importer = Importer::new(&config, known);
    for rule in &config.rules {
        match rule {
            Ok(rule) if new && known.find(&kebab(&rule.id)).is_some() => {
                importer.leave(&rule.id, "keyseam has a detector of that name".to_owned());
            }
            Ok(rule) => importer.take(rule),
            Err(unread) => importer.leave(&unread.id, unread.problem.clone()),
        }
    }
    importer.finish(&config, known)
}

struct Importer<'a> {
    /// What is allowed in certain rules.
    targeted: Vec<AllowList>,
    known: &'a Catalogue,
    taken: HashSet<String>,
    /// Ids here by ids there.
    ids: HashMap<String, String>,
    drafts: Vec<(rule::Draft, trial::Examples)>,
    notes: Vec<Note>,
    /// How many rules have each field that asks a service.
    online: BTreeMap<String, usize>,
}

impl<'a> Importer<'a> {
    fn new(config: &Config, known: &'a Catalogue) -> Self {
        Self {
            targeted: config.allowed.iter().filter(|list| !list.rules.is_empty()).cloned().collect(),
            known,
            taken: HashSet::new(),
            ids: HashMap::new(),
            drafts: Vec::new(),
            notes: Vec::new(),
            online: BTreeMap::new(),
        }
    }

    fn leave(&mut self, rule: &str, text: String) {
        self.notes.push(Note { rule: rule.to_owned(), fate: Fate::Out, text });
    }

    fn take(&mut self, rule: &Rule) {
        let id = self.free_id(&rule.id);
        let draft = rule::convert(rule, id, &self.targeted);
        let tried =
            draft.and_then(|draft| trial::examples(&draft).map(|(examples, tried)| (draft, examples, tried)));
        let (mut draft, examples, tried) = match tried {
            Ok(tried) => tried,
            Err(problem) => return self.leave(&rule.id, problem),
        };
        for field in &rule.online {
            *self.online.entry(field.clone()).or_default() += 1;
        }
        self.taken.insert(draft.id.clone());
        self.ids.entry(rule.id.clone()).or_insert_with(|| draft.id.clone());
        if !tried {
            draft.lost.push("any proof that it finds something: try it with 'detectors test'".to_owned());
        }
        let mut texts = Vec::new();
        if self.known.find(&kebab(&rule.id)).is_some() {
            texts.push(format!("as {}, since keyseam has a detector of that name", draft.id));
        }
        if !draft.lost.is_empty() {
            texts.push(format!("without {}", draft.lost.join("; ")));
        }
        if !texts.is_empty() {
            self.notes.push(Note {
                rule: rule.id.clone(),
                fate: Fate::of(&draft.lost),
                text: texts.join(", "),
            });
        }
        self.drafts.push((draft, examples));
    }

    /// The rule's id as ours are written, with something added where it is taken.
    fn free_id(&self, id: &str) -> String {
        let plain = kebab(id);
        let base = if self.known.find(&plain).is_some() { format!("{plain}-imported") } else { plain };
        let free = |id: &String| self.known.find(id).is_none() && !self.taken.contains(id);
        let numbered = (2..usize::MAX).map(|number| format!("{base}-{number}"));
        std::iter::once(base.clone()).chain(numbered).find(free).unwrap_or(base)
    }

    fn finish(mut self, config: &Config, known: &Catalogue) -> Result<Import, ImportError> {
        for (draft, _) in &self.drafts {
            let unmet = draft.required.iter().map(|(id, _)| id).filter(|id| !self.ids.contains_key(*id));
            let unmet: Vec<&str> = unmet.map(String::as_str).collect();
            if !unmet.is_empty() {
                let text = format!("without its need for {}", unmet.join(", "));
                self.notes.push(Note { rule: draft.id.clone(), fate: Fate::Part, text });
            }
        }
        let (remarks, comments) = self.remarks(config);
        let mut rules = write::head(&comments);
        for (draft, examples) in &self.drafts {
            rules.push_str(&write::detector(draft, examples, &|id| self.ids.get(id).cloned()));
        }
        let mut all = known.clone();
        all.add_rules(&rules, "the imported rules")
            .map_err(|error| ImportError::Unloadable(error.to_string()))?;
        Ok(Import { rules, read: config.rules.len(), written: self.drafts.len(), notes: self.notes, remarks })
    }

    /// What concerns no single rule: for standard error, and for the head of the file.
    fn remarks(&self, config: &Config) -> (Vec<String>, Vec<String>) {
        let mut remarks = Vec::new();
        let mut comments = Vec::new();
        if !config.extends.is_empty() {
            remarks.push(format!(
                "it extends {}: only the rules that stand in this file are imported",
                config.extends.join(", ")
            ));
        }
        for (field, rules) in &self.online {
            remarks.push(format!("'{field}' of {rules} rules is left out: keyseam asks no service"));
        }
        for filter in &config.filters {
            remarks.push(format!(
                "the '{filter}' over all rules is left out: say it as ignore rules (docs/ignore.md)"
            ));
        }
        let global = config.allowed.iter().filter(|list| list.rules.is_empty());
        let (mut paths, mut others) = (Vec::new(), 0);
        for list in global {
            let (said, unsaid): (Vec<_>, Vec<_>) =
                list.paths.iter().map(|path| globs::globs(path)).partition(Option::is_some);
            others += unsaid.len() + list.regexes.len() + list.words + list.commits;
            if list.all && (list.regexes.len() + list.words + list.commits) > 0 {
                others += said.len();
            } else {
                paths.extend(said.into_iter().flatten().flatten());
            }
        }
        if !paths.is_empty() {
            remarks.push(format!(
                "the paths that are allowed in all rules stand as {} ignore rules in the file's head (docs/ignore.md)",
                paths.len()
            ));
            comments.push(
                "The configuration allows all keys in these paths. As lines of .keyseamignore:".to_owned(),
            );
            comments.extend(
                paths.iter().map(|glob| format!("{} # allowed by the imported configuration", ignored(glob))),
            );
        }
        if others > 0 {
            remarks.push(format!("{others} other things that are allowed in all rules are left out"));
        }
        (remarks, comments)
    }
}

/// A glob as ignore rules have it: theirs begin at the root.
fn ignored(glob: &str) -> String {
    let glob =
        if glob.contains('/') { glob.trim_start_matches('/').to_owned() } else { format!("**/{glob}") };
    format!("path:\"{glob}\"")
}

/// An id as ours are written.
fn kebab(id: &str) -> String {
    let word = |word: &&str| !word.is_empty();
    let lower = id.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(word).collect();
    if words.is_empty() { "imported".to_owned() } else { words.join("-") }
}

#[cfg(test)]
mod tests;
