//! One rule of another scanner as one of our definitions.

use regex_syntax::ast;
use regex_syntax::hir::{Hir, HirKind};

use super::anchors::{self, Cover};
use super::config::{AllowList, Rule};
use super::dialect::{Translated, translate};
use super::filter;
use super::globs::globs;
use crate::detect::pattern::Pattern;
use crate::detect::{Confidence, Severity};
use crate::image::digest::Digest;
use crate::limits;

/// Shorter values that a rule allows are words, and no published keys.
const SHORTEST_ALLOWED: usize = 8;

/// How far from a match without a literal of its own one of the rule's keywords may stand.
const NEAR: usize = 512;

/// A definition in the making.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) service: String,
    pub(super) kind: &'static str,
    pub(super) severity: Severity,
    pub(super) confidence: Confidence,
    pub(super) forms: Vec<DraftForm>,
    pub(super) entropy: Option<f64>,
    /// Whether the key's group may match nothing.
    pub(super) may_be_empty: bool,
    pub(super) only: Vec<String>,
    pub(super) never: Vec<String>,
    /// Ids of the other scanner, and how near.
    pub(super) required: Vec<(String, Option<usize>)>,
    /// SHA-256 of keys that are no leak.
    pub(super) allowed: Vec<String>,
    /// What of the rule is left out, in words.
    pub(super) lost: Vec<String>,
}

/// A form of it.
#[derive(Clone, Debug)]
pub(super) struct DraftForm {
    pub(super) anchors: Vec<String>,
    pub(super) ignore_case: bool,
    pub(super) pattern: String,
    pub(super) before: usize,
    pub(super) reach: usize,
    pub(super) hir: Hir,
}

/// What a rule's allow lists and filters hold that a definition cannot say.
#[derive(Default)]
struct Unsaid {
    paths: usize,
    regexes: usize,
    words: usize,
    commits: usize,
    joint: usize,
    terms: usize,
}

impl Unsaid {
    fn words(&self) -> Vec<String> {
        let kinds = [
            (self.paths, "allowed path that is no glob", "allowed paths that are no globs"),
            (self.regexes, "allowed expression", "allowed expressions"),
            (self.words, "stop word", "stop words"),
            (self.commits, "allowed commit", "allowed commits"),
            (self.joint, "allow list of joint conditions", "allow lists of joint conditions"),
            (self.terms, "term of its filter", "terms of its filter"),
        ];
        let said = |(count, one, many): (usize, &str, &str)| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        kinds.into_iter().filter_map(said).collect()
    }
}

/// Makes a definition called `id` of a rule. The error says why it does not fit.
pub(super) fn convert(rule: &Rule, id: String, all: &[AllowList]) -> Result<Draft, String> {
    let Some(regex) = &rule.regex else {
        return Err(match &rule.path {
            Some(_) => "it looks for files by their names, and keyseam for keys in them".to_owned(),
            None => "it has no regex: it changes a rule of another configuration".to_owned(),
        });
    };
    let mut draft = Draft {
        name: name_of(rule, &id),
        service: service_of(&id),
        kind: kind_of(&id),
        id,
        description: rule.description.clone(),
        severity: if rule.silent { Severity::Info } else { Severity::High },
        confidence: rule.confidence.unwrap_or(Confidence::Medium),
        forms: Vec::new(),
        entropy: rule.entropy,
        may_be_empty: false,
        only: Vec::new(),
        never: Vec::new(),
        required: rule.required.clone(),
        allowed: Vec::new(),
        lost: Vec::new(),
    };
    draft.take_regex(regex, rule)?;
    if let Some(path) = &rule.path {
        match globs(path) {
            Some(globs) => draft.only = globs,
            None => draft.lost.push("its path, which no glob says: it applies in every file".to_owned()),
        }
    }
    if rule.silent {
        draft.lost.push("'skipReport': what it finds is reported, as info".to_owned());
    }
    let mut unsaid = Unsaid::default();
    if let Some(text) = &rule.filter {
        draft.take_filter(text, &mut unsaid);
    }
    for list in rule.allowed.iter().chain(all.iter().filter(|list| list.rules.contains(&rule.id))) {
        draft.take_allowed(list, &mut unsaid);
    }
    draft.lost.extend(unsaid.words());
    if !rule.unknown.is_empty() {
        draft.lost.push(format!("{}, which keyseam does not know", rule.unknown.join(", ")));
    }
    Ok(draft)
}

impl Draft {
    fn take_regex(&mut self, regex: &str, rule: &Rule) -> Result<(), String> {
        if regex.chars().count() > limits::IMPORT_PATTERN {
            return Err(format!("its regex has more than {} characters", limits::IMPORT_PATTERN));
        }
        let unfit = |problem: String| format!("its regex does not fit: {problem}");
        let translated = translate(regex).map_err(unfit)?;
        let plain = anchors::parse(translated.plain()).map_err(unfit)?;
        for group in keys(&translated, &plain, rule.group)? {
            let mut pattern = translated.with_key(group);
            if group > 0 {
                pattern = without_front(&pattern);
            }
            Pattern::new(&pattern, 0)
                .check()
                .map_err(|problem| unfit(problem.lines().last().unwrap_or_default().trim().to_owned()))?;
            let hir = anchors::parse(&pattern).map_err(unfit)?;
            self.may_be_empty |= group > 0 && key_of(&hir).is_some_and(|key| least(key) == 0);
            match anchors::best(&hir, &rule.keywords) {
                Some((cover, implied)) => {
                    let partial = cover.partial;
                    self.forms.push(form(pattern.clone(), hir, cover)?);
                    if partial {
                        self.take_near(&pattern, rule, "matches without a text of three bytes or more");
                    } else if !implied && !rule.keywords.is_empty() {
                        self.lost
                            .push("its keywords, which need not stand in a match: more is found".to_owned());
                    }
                }
                None => self.take_near(&pattern, rule, "matches"),
            }
        }
        if self.forms.is_empty() {
            let which = if rule.keywords.is_empty() {
                "it has no keywords, and"
            } else {
                "its keywords are short, and"
            };
            return Err(format!(
                "{which} its regex has no text of three bytes or more that every match holds"
            ));
        }
        // The same is said once of all forms.
        self.lost.dedup();
        Ok(())
    }

    /// Forms for what holds no literal of its own: the keywords are the anchors, as far as they stand near.
    fn take_near(&mut self, pattern: &str, rule: &Rule, what: &str) {
        let words: Vec<&String> = rule.keywords.iter().filter(|word| word.len() >= 3).collect();
        if words.is_empty() {
            self.lost.push(what.to_owned());
            return;
        }
        let words = words.into_iter().map(|word| regex_syntax::escape(word)).collect::<Vec<_>>().join("|");
        let gap = format!("(?s:.{{0,{NEAR}}}?)");
        let core = if pattern.contains("(?P<key>") {
            format!("(?:{pattern})")
        } else {
            format!("(?P<key>{pattern})")
        };
        for near in [format!("(?i:{words}){gap}{core}"), format!("{core}{gap}(?i:{words})")] {
            let Ok(hir) = anchors::parse(&near) else { continue };
            let Some((cover, true)) = anchors::best(&hir, &rule.keywords) else { continue };
            let fits = !cover.partial && cover.before.is_some_and(|before| before <= limits::PATTERN_BEFORE);
            if let Ok(form) = form(near, hir, cover)
                && fits
                && Pattern::new(&form.pattern, 0).check().is_ok()
            {
                self.forms.push(form);
            }
        }
        self.lost.push(format!("{what} that are more than {NEAR} bytes away from its keywords"));
    }

    fn take_filter(&mut self, text: &str, unsaid: &mut Unsaid) {
        let filter = filter::read(text);
        if let Some(least) = filter.entropy {
            self.entropy = Some(self.entropy.map_or(least, |known| known.max(least)));
        }
        let allowed = AllowList {
            paths: filter.paths,
            regexes: filter.keys,
            on_key: true,
            words: filter.words,
            ..AllowList::default()
        };
        self.take_allowed(&allowed, unsaid);
        unsaid.terms += filter.others;
    }

    fn take_allowed(&mut self, list: &AllowList, unsaid: &mut Unsaid) {
        let kinds = [list.paths.len(), list.regexes.len(), list.words, list.commits];
        if list.all && kinds.iter().filter(|count| **count > 0).count() > 1 {
            unsaid.joint += 1;
            return;
        }
        for path in &list.paths {
            match globs(path) {
                Some(globs) => self.never.extend(globs),
                None => unsaid.paths += 1,
            }
        }
        for regex in &list.regexes {
            match values(regex).filter(|_| list.on_key) {
                Some(values) => {
                    let hashes = values.iter().map(|value| Digest::sha256_of(value).hex().to_owned());
                    self.allowed.extend(hashes);
                }
                None => unsaid.regexes += 1,
            }
        }
        for sorted in [&mut self.never, &mut self.allowed] {
            sorted.sort();
            sorted.dedup();
        }
        unsaid.words += list.words;
        unsaid.commits += list.commits;
    }
}

/// The groups that may be the key: the one that is named; else those up to the first that every match has.
fn keys(translated: &Translated, hir: &Hir, group: usize) -> Result<Vec<usize>, String> {
    let groups = translated.groups();
    if group > groups {
        return Err(format!("its group {group} is to be the key, and its regex has {groups}"));
    }
    if groups == 0 {
        return Ok(vec![0]);
    }
    let mut repeated = Vec::new();
    in_repetitions(hir, false, &mut repeated);
    // Of a group that matches several times the last one would be the key, a piece of it: all is taken.
    if repeated.contains(&group.max(1)) {
        return Ok(vec![0]);
    }
    if group > 0 {
        return Ok(vec![group]);
    }
    let mut sure = Vec::new();
    certain(hir, &mut sure);
    let last = (1..=groups).find(|group| sure.contains(group)).unwrap_or(groups);
    if last > limits::IMPORT_CHOICES {
        return Err(format!("any of its {groups} groups may be the key"));
    }
    Ok((1..=last).collect())
}

/// The groups that take part in every match, with something in them.
fn certain(hir: &Hir, groups: &mut Vec<usize>) {
    match hir.kind() {
        HirKind::Capture(capture) => {
            if least(&capture.sub) > 0 {
                groups.push(capture.index as usize);
            }
            certain(&capture.sub, groups);
        }
        HirKind::Concat(parts) => parts.iter().for_each(|part| certain(part, groups)),
        HirKind::Repetition(repetition) if repetition.min > 0 => certain(&repetition.sub, groups),
        _ => {}
    }
}

/// The groups that may match more than once.
fn in_repetitions(hir: &Hir, inside: bool, groups: &mut Vec<usize>) {
    match hir.kind() {
        HirKind::Capture(capture) => {
            groups.extend(inside.then_some(capture.index as usize));
            in_repetitions(&capture.sub, inside, groups);
        }
        HirKind::Repetition(repetition) => {
            in_repetitions(&repetition.sub, inside || repetition.max != Some(1), groups);
        }
        kind => kind.subs().iter().for_each(|sub| in_repetitions(sub, inside, groups)),
    }
}

fn least(hir: &Hir) -> usize {
    hir.properties().minimum_len().unwrap_or(0)
}

/// The inside of the group `key`.
fn key_of(hir: &Hir) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.name.as_deref() == Some("key") => Some(&capture.sub),
        kind => kind.subs().iter().find_map(key_of),
    }
}

fn form(pattern: String, hir: Hir, mut cover: Cover) -> Result<DraftForm, String> {
    if cover.folded {
        cover.texts.iter_mut().for_each(|text| text.make_ascii_lowercase());
        cover.texts.sort();
        cover.texts.dedup();
    }
    let text =
        |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| "a literal of its regex is no text".to_owned());
    let most = hir.properties().maximum_len();
    let reach = most.unwrap_or(limits::IMPORT_REACH).clamp(1, limits::CONTEXT_RADIUS);
    Ok(DraftForm {
        anchors: cover.texts.into_iter().map(text).collect::<Result<_, _>>()?,
        ignore_case: cover.folded,
        pattern,
        before: cover.before.unwrap_or(usize::MAX).min(limits::PATTERN_BEFORE),
        reach,
        hir,
    })
}

/// The expression without what may stand at its front, or at that of its branches, and need not: a match is
/// found without it as well, and begins with what makes it one.
fn without_front(pattern: &str) -> String {
    let Ok(parsed) = ast::parse::Parser::new().parse(pattern) else { return pattern.to_owned() };
    let branches = match &parsed {
        ast::Ast::Alternation(alternation) => alternation.asts.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut shorter = String::new();
    let mut from = 0;
    for branch in branches {
        let ast::Ast::Concat(branch) = branch else { continue };
        for part in &branch.asts {
            let span = part.span();
            let (start, end) = (span.start.offset, span.end.offset);
            match part {
                ast::Ast::Flags(_) => {}
                ast::Ast::Repetition(repetition)
                    if may_be_none(&repetition.op.kind)
                        && !pattern.get(start..end).is_some_and(|text| text.contains("(?P<key>")) =>
                {
                    shorter.push_str(pattern.get(from..start).unwrap_or_default());
                    from = end;
                }
                _ => break,
            }
        }
    }
    shorter.push_str(pattern.get(from..).unwrap_or_default());
    shorter
}

fn may_be_none(kind: &ast::RepetitionKind) -> bool {
    use ast::{RepetitionKind, RepetitionRange};
    match kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore => true,
        RepetitionKind::Range(RepetitionRange::AtLeast(least) | RepetitionRange::Bounded(least, _)) => {
            *least == 0
        }
        RepetitionKind::OneOrMore | RepetitionKind::Range(RepetitionRange::Exactly(_)) => false,
    }
}

/// The values that an allowed expression matches, where they are few and could be keys.
fn values(regex: &str) -> Option<Vec<Vec<u8>>> {
    let hir = anchors::parse(translate(regex).ok()?.plain()).ok()?;
    anchors::strings(&hir).filter(|values| values.iter().all(|value| value.len() >= SHORTEST_ALLOWED))
}

/// A short description, else the id in words.
fn name_of(rule: &Rule, id: &str) -> String {
    let description = rule.description.trim().trim_end_matches('.');
    let short = (1..=60).contains(&description.chars().count());
    if short && !description.contains(char::is_control) {
        description.to_owned()
    } else {
        id.replace('-', " ")
    }
}

/// What an id says of the service: its words without those that say what the key is.
fn service_of(id: &str) -> String {
    const KINDS: [&str; 22] = [
        "api",
        "app",
        "access",
        "auth",
        "client",
        "credential",
        "credentials",
        "id",
        "imported",
        "key",
        "login",
        "oauth",
        "pat",
        "password",
        "personal",
        "private",
        "public",
        "secret",
        "service",
        "token",
        "user",
        "webhook",
    ];
    let words: Vec<&str> = id.split('-').collect();
    let is_kind = |word: &str| KINDS.contains(&word) || word.bytes().all(|byte| byte.is_ascii_digit());
    let end = words.iter().rposition(|word| !is_kind(word)).map_or(words.len(), |last| last + 1);
    words.get(..end).unwrap_or_default().join(" ")
}

/// What kind of secret an id says it is. Never an id or a name, which a report would show in clear.
fn kind_of(id: &str) -> &'static str {
    let has = |word: &str| id.split('-').any(|part| part == word);
    if id.contains("private-key") {
        "private key"
    } else if has("password") || has("passwd") || has("uri") || has("url") {
        "password"
    } else if has("token") || has("pat") {
        "token"
    } else if has("key") {
        "key"
    } else {
        "secret"
    }
}

#[cfg(test)]
mod tests {
    use super::{kind_of, service_of, without_front};

    #[test]
    fn what_need_not_stand_in_front_is_left_out() {
        let front = r"(?i)[\w.-]{0,50}?(?:acme)=(?P<key>[a-z]+)";
        assert_eq!(without_front(front), r"(?i)(?:acme)=(?P<key>[a-z]+)");
        assert_eq!(without_front(r"(?i)a*b|c?(?P<key>d)"), r"(?i)b|(?P<key>d)");
        for kept in [r"\b[a-z]*(?P<key>x)", r"(?P<key>a)?b", r"x{1,2}(?P<key>a)"] {
            assert_eq!(without_front(kept), kept);
        }
    }

    #[test]
    fn an_id_says_what_a_key_is_for() {
        assert_eq!(service_of("acme-cloud-api-key"), "acme cloud");
        assert_eq!(service_of("api-key"), "api key");
        assert_eq!(kind_of("acme-client-id"), "secret");
        assert_eq!(kind_of("acme-api-token"), "token");
    }
}
