//! Configurations of gitleaks and betterleaks as they are written. Names of fields count in any case, as
//! they do there; older spellings are read too.

use toml::{Table, Value};

use crate::detect::Confidence;

/// A configuration.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Its rules, or why one cannot be read.
    pub(super) rules: Vec<Result<Rule, Unread>>,
    /// What it allows in all rules, or in those that an allow list names.
    pub(super) allowed: Vec<AllowList>,
    /// What it extends, in words.
    pub(super) extends: Vec<String>,
    /// Whether it has filters of its own, over all rules (betterleaks).
    pub(super) filters: Vec<&'static str>,
}

/// A rule that cannot be read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) id: String,
    pub(super) problem: String,
}

/// A rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) description: String,
    pub(super) regex: Option<String>,
    pub(super) path: Option<String>,
    /// The group that is the key; 0 for the first one that is not empty.
    pub(super) group: usize,
    pub(super) entropy: Option<f64>,
    /// Lowercase.
    pub(super) keywords: Vec<String>,
    pub(super) allowed: Vec<AllowList>,
    pub(super) filter: Option<String>,
    /// Rules without whose findings near by this one finds nothing, and how near in lines.
    pub(super) required: Vec<(String, Option<usize>)>,
    /// Whether its findings count for other rules only.
    pub(super) silent: bool,
    pub(super) confidence: Option<Confidence>,
    /// Fields that ask a service or a model, which keyseam never does.
    pub(super) online: Vec<String>,
    /// Fields that nobody knows here.
    pub(super) unknown: Vec<String>,
}

/// What a rule does not report.
#[derive(Clone, Debug, Default)]
pub(super) struct AllowList {
    /// Whether all of it must hold.
    pub(super) all: bool,
    /// The rules it is for; all without any.
    pub(super) rules: Vec<String>,
    pub(super) paths: Vec<String>,
    pub(super) regexes: Vec<String>,
    /// Whether the expressions are on the key, and not on the match or its line.
    pub(super) on_key: bool,
    pub(super) words: usize,
    pub(super) commits: usize,
}

/// Reads a configuration. The error is the line, from 1, and what is wrong with it.
pub(super) fn read(text: &str) -> Result<Config, (usize, String)> {
    let table: Table = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        (line, error.message().replace('\n', ", "))
    })?;
    let mut config = Config::default();
    for (name, value) in &table {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("rules", Value::Array(rules)) => {
                config.rules.extend(rules.iter().enumerate().map(|(at, rule)| read_rule(at + 1, rule)));
            }
            ("rules", _) => return Err((1, "'rules' is no list of [[rules]]".to_owned())),
            ("allowlist" | "allowlists" | "whitelist", value) => config.allowed.extend(allow_lists(value)),
            ("extend", Value::Table(extend)) => config.extends = extends(extend),
            ("prefilter", _) => config.filters.push("prefilter"),
            ("filter", _) => config.filters.push("filter"),
            _ => {}
        }
    }
    if config.rules.is_empty() {
        return Err((1, "it has no [[rules]]".to_owned()));
    }
    Ok(config)
}

fn read_rule(number: usize, value: &Value) -> Result<Rule, Unread> {
    let unread = |id: &str, problem: String| Unread {
        id: if id.is_empty() { format!("rule {number}") } else { id.to_owned() },
        problem,
    };
    let Value::Table(table) = value else { return Err(unread("", "it is no table".to_owned())) };
    let mut rule = Rule::default();
    let mut problems = Vec::new();
    for (name, value) in table {
        if let Err(problem) = rule.take(name, value) {
            problems.push(problem);
        }
    }
    match problems.into_iter().next() {
        Some(problem) => Err(unread(&rule.id, problem)),
        None if rule.id.is_empty() => Err(unread("", "it has no id".to_owned())),
        None => Ok(rule),
    }
}

impl Rule {
    fn take(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let wrong = |what: &str| format!("its {name} is no {what}");
        let text = || value.as_str().map(str::to_owned).ok_or_else(|| wrong("text"));
        match name.to_ascii_lowercase().as_str() {
            "id" => self.id = text()?,
            "description" => self.description = text()?,
            "regex" => self.regex = Some(text()?).filter(|regex| !regex.is_empty()),
            "path" => self.path = Some(text()?).filter(|path| !path.is_empty()),
            "secretgroup" | "reportgroup" | "valuegroup" => {
                let group = value.as_integer().and_then(|group| usize::try_from(group).ok());
                self.group = group.ok_or_else(|| wrong("number of a group"))?;
            }
            "entropy" => {
                let number = value.as_float().or(value.as_integer().map(|number| number as f64));
                let number = number.filter(|number| number.is_finite());
                self.entropy = Some(number.ok_or_else(|| wrong("number"))?).filter(|number| *number > 0.0);
            }
            "keywords" => {
                let words = strings(value).ok_or_else(|| wrong("list of texts"))?;
                self.keywords = words.into_iter().map(|word| word.to_ascii_lowercase()).collect();
                self.keywords.retain(|word| !word.is_empty());
            }
            "allowlist" | "allowlists" | "whitelist" => self.allowed.extend(allow_lists(value)),
            "filter" => self.filter = Some(text()?),
            "required" | "components" => self.required.extend(required(value)),
            "skipreport" => self.silent = value.as_bool().unwrap_or(false),
            "confidence" => {
                self.confidence = match text()?.to_ascii_lowercase().as_str() {
                    "high" => Some(Confidence::High),
                    "medium" => Some(Confidence::Medium),
                    "low" => Some(Confidence::Low),
                    _ => None,
                };
            }
            "validate" | "analyze" | "revoke" => self.online.push(name.to_owned()),
            // They say nothing about what is found.
            "tags" | "specificity" | "title" => {}
            _ => self.unknown.push(name.to_owned()),
        }
        Ok(())
    }
}

/// One allow list, or a list of them.
fn allow_lists(value: &Value) -> Vec<AllowList> {
    match value {
        Value::Table(table) => vec![allow_list(table)],
        Value::Array(lists) => lists.iter().filter_map(Value::as_table).map(allow_list).collect(),
        _ => Vec::new(),
    }
}

fn allow_list(table: &Table) -> AllowList {
    let mut list = AllowList { on_key: true, ..AllowList::default() };
    for (name, value) in table {
        let texts = || strings(value).unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "condition" => {
                let word = value.as_str().unwrap_or_default().to_ascii_uppercase();
                list.all = word == "AND" || word == "&&";
            }
            "targetrules" => list.rules = texts(),
            "paths" | "files" => list.paths.extend(texts()),
            "regexes" => list.regexes = texts(),
            "regextarget" => list.on_key = matches!(value.as_str(), None | Some("" | "secret")),
            "stopwords" => list.words = texts().len(),
            "commits" => list.commits = texts().len(),
            _ => {}
        }
    }
    list
}

fn required(value: &Value) -> Vec<(String, Option<usize>)> {
    let lists = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |table: &Table| {
        let field = |wanted: &str| {
            table.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
        };
        let id = field("id")?.as_str()?.to_owned();
        // `withinLines = 5`, and `within = "5L"`.
        let lines = field("withinLines")
            .and_then(Value::as_integer)
            .or_else(|| field("within")?.as_str()?.trim_end_matches(['L', 'l']).parse().ok());
        Some((id, lines.and_then(|lines| usize::try_from(lines).ok())))
    };
    lists.iter().filter_map(Value::as_table).filter_map(one).collect()
}

fn extends(table: &Table) -> Vec<String> {
    let mut extends = Vec::new();
    for (name, value) in table {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("usedefault", Value::Boolean(true)) => extends.push("the default configuration".to_owned()),
            ("path" | "url", Value::String(from)) if !from.is_empty() => extends.push(from.clone()),
            ("disabledrules", Value::Array(rules)) if !rules.is_empty() => {
                extends.push(format!("without {} of its rules", rules.len()));
            }
            _ => {}
        }
    }
    extends
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}
