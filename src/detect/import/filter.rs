//! The filters of betterleaks' rules: expressions in which any term that holds drops a finding. Terms that
//! a definition can say are read; the others are counted.

use crate::limits;

/// What a filter says, as far as it can be said here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter {
    /// Findings need more entropy than this.
    pub(super) entropy: Option<f64>,
    /// Expressions on the key that drop it.
    pub(super) keys: Vec<String>,
    /// Expressions on the path that drop it.
    pub(super) paths: Vec<String>,
    /// Words in the key that drop it.
    pub(super) words: usize,
    /// Terms that are none of these.
    pub(super) others: usize,
}

/// Reads a filter.
pub(super) fn read(text: &str) -> Filter {
    let mut filter = Filter::default();
    let mut terms = vec![text.trim()];
    if text.len() > limits::IMPORT_FILTER {
        return Filter { others: 1, ..filter };
    }
    let mut rounds = 0;
    while let Some(term) = terms.pop() {
        rounds += 1;
        if rounds > limits::IMPORT_TERMS {
            filter.others += 1;
            continue;
        }
        let parts = split(term);
        if parts.len() > 1 {
            terms.extend(parts);
            continue;
        }
        match inside_parentheses(term) {
            Some(inside) => terms.push(inside),
            None if term.is_empty() => {}
            None => filter.take(term),
        }
    }
    filter
}

impl Filter {
    fn take(&mut self, term: &str) {
        let term = term.strip_prefix("filter.").unwrap_or(term);
        let key = r#"finding["secret"]"#;
        let path = [r#"attributes["path"]"#, r#"attributes[?"path"].orValue("")"#];
        let on = |call: &str, what: &str| {
            let inside = term.strip_prefix(call)?.trim_start().strip_prefix(what)?;
            inside.trim_start().strip_prefix(',').and_then(list)
        };
        let entropy = term.strip_prefix("entropy(").and_then(|rest| rest.trim_start().strip_prefix(key));
        let least = entropy.and_then(|rest| {
            let number = rest.trim_start().strip_prefix(')')?.trim_start().strip_prefix('<')?;
            number.strip_prefix('=').unwrap_or(number).trim().parse::<f64>().ok()
        });
        if let Some(least) = least {
            self.entropy = Some(self.entropy.map_or(least, |known| known.max(least)));
        } else if let Some(keys) = on("matchesAny(", key) {
            self.keys.extend(keys);
        } else if let Some(words) = on("containsAny(", key) {
            self.words += words.len();
        } else if let Some(paths) = path.iter().find_map(|path| on("matchesAny(", path)) {
            self.paths.extend(paths);
        } else {
            self.others += 1;
        }
    }
}

/// The terms between `||`, if nothing else joins them.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut from, mut at) = (0_usize, 0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((_, behind)) = string(rest) {
            at = text.len() - behind.len();
            continue;
        }
        if depth == 0 && rest.starts_with("||") {
            parts.push(text.get(from..at).unwrap_or_default().trim());
            at += 2;
            from = at;
            continue;
        }
        // What binds weaker or otherwise: the whole is one term that is not read.
        if depth == 0 && (rest.starts_with("&&") || rest.starts_with(['?', ';'])) {
            return vec![text];
        }
        let char = rest.chars().next().unwrap_or(' ');
        match char {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += char.len_utf8();
    }
    parts.push(text.get(from..).unwrap_or_default().trim());
    parts
}

/// The inside of parentheses around the whole term.
fn inside_parentheses(term: &str) -> Option<&str> {
    let inside = term.strip_prefix('(')?.strip_suffix(')')?;
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = inside.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((_, behind)) = string(rest) {
            at = inside.len() - behind.len();
            continue;
        }
        match rest.chars().next()? {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += rest.chars().next()?.len_utf8();
    }
    (depth == 0).then_some(inside.trim())
}

/// The strings of `[…])`, with nothing behind.
fn list(text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim_start().strip_prefix('[')?.trim_start();
    let mut strings = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix(']') {
            return (behind.trim() == ")").then_some(strings);
        }
        let (inside, behind) = string(rest)?;
        strings.push(inside);
        rest = behind.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
}

/// A string at the beginning of `text`, and what stands behind it.
fn string(text: &str) -> Option<(String, &str)> {
    let (raw, quoted) = match text.strip_prefix('r') {
        Some(quoted) if quoted.starts_with(['"', '\'']) => (true, quoted),
        _ => (text.starts_with('`'), text),
    };
    let quote = ["\"\"\"", "'''", "\"", "'", "`"].into_iter().find(|quote| quoted.starts_with(quote))?;
    let body = quoted.get(quote.len()..)?;
    let mut end = 0;
    loop {
        let rest = body.get(end..)?;
        if rest.starts_with(quote) {
            break;
        }
        let char = rest.chars().next()?;
        end += char.len_utf8();
        if char == '\\' && !raw {
            end += body.get(end..)?.chars().next()?.len_utf8();
        }
    }
    let (inside, behind) = (body.get(..end)?, body.get(end + quote.len()..)?);
    Some((if raw { inside.to_owned() } else { unescaped(inside) }, behind))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (char, if char == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some('t')) => plain.push('\t'),
            ('\\', Some('r')) => plain.push('\r'),
            ('\\', Some(char)) => plain.push(char),
            (char, _) => plain.push(char),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Filter, read};

    #[test]
    fn terms_that_can_be_said_are_read() {
        let filter = read(
            "(entropy(finding[\"secret\"]) <= 3.5 || matchesAny(finding[\"secret\"], [`^a||b$`, \"x\\\\.y\"]))\n\
             || tokenRatio(finding[\"secret\"]) >= 2.5\n\
             || containsAny(finding[\"secret\"], ['one', 'two'])\n\
             || filter.matchesAny(attributes[?\"path\"].orValue(\"\"), [r\"\"\"(?i)\\.md$\"\"\",])",
        );
        let expected = Filter {
            entropy: Some(3.5),
            keys: vec!["^a||b$".to_owned(), r"x\.y".to_owned()],
            paths: vec![r"(?i)\.md$".to_owned()],
            words: 2,
            others: 1,
        };
        assert_eq!(filter, expected);
    }

    #[test]
    fn what_is_joined_otherwise_is_one_term_that_is_not_read() {
        for text in [
            "entropy(finding[\"secret\"]) < 3.0 && len(finding[\"secret\"]) == 4",
            "(entropy(finding[\"secret\"]) < 3.0 && true)",
            "let x = 1; entropy(finding[\"secret\"]) < 3.0",
            "matchesAny(finding[\"line\"], [`x`])",
            "entropy(finding[\"secret\"]) < 3.0 ? true : false",
            "\"open",
        ] {
            assert_eq!(read(text), Filter { others: 1, ..Filter::default() }, "{text}");
        }
        assert_eq!(read(" "), Filter::default());
    }
}
