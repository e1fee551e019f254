//! What has to be known of a shell's command to change it: where it quotes, which simple commands it is a list of,
//! and what each of them writes. A command of any other shape is left as it is.

use std::ops::Range;

use crate::dockerfile::pairs::{unquoted, words};

/// How a byte of a command is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Not at all.
    Bare,
    /// In `'…'`, where nothing is expanded.
    Single,
    /// In `"…"`.
    Double,
}

/// How the byte at `at` is quoted.
pub(super) fn quoting(text: &str, at: usize) -> Quoting {
    quotings(text, &[at]).first().copied().unwrap_or(Quoting::Bare)
}

/// How bytes at these places are quoted, which are in order.
pub(super) fn quotings(text: &str, places: &[usize]) -> Vec<Quoting> {
    let mut walk = walk(text).peekable();
    let mut last = Quoting::Bare;
    let mut all = Vec::with_capacity(places.len());
    for place in places {
        while let Some((_, _, after)) = walk.next_if(|(at, _, _)| at < place) {
            last = after;
        }
        all.push(last);
    }
    all
}

/// The characters of a command, with how each is quoted itself and how what follows it is. What is escaped is left out.
fn walk(text: &str) -> impl Iterator<Item = (usize, (char, Quoting), Quoting)> {
    let mut quoting = Quoting::Bare;
    let mut chars = text.char_indices();
    std::iter::from_fn(move || {
        let (at, c) = chars.next()?;
        let before = quoting;
        quoting = match (quoting, c) {
            (Quoting::Bare, '\'') => Quoting::Single,
            (Quoting::Bare, '"') => Quoting::Double,
            (Quoting::Single, '\'') | (Quoting::Double, '"') => Quoting::Bare,
            (Quoting::Bare | Quoting::Double, '\\') => {
                chars.next();
                quoting
            }
            _ => quoting,
        };
        Some((at, (c, before), quoting))
    })
}

/// What to write for the variable `name` between `before` and `behind`, quoted as that place is.
pub(super) fn reference(name: &str, quoting: Quoting, behind: &str) -> String {
    let goes_on = behind.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let plain = if goes_on { format!("${{{name}}}") } else { format!("${name}") };
    match quoting {
        Quoting::Double => plain,
        Quoting::Bare => format!("\"${name}\""),
        Quoting::Single => format!("'\"${name}\"'"),
    }
}

/// The simple commands that `&&`, `;` and line ends join. None of a command that is anything else: with branches,
/// loops, functions, subshells, `||`.
pub(super) fn segments(text: &str) -> Option<Vec<Range<usize>>> {
    let mut cuts = vec![0];
    let mut ends = Vec::new();
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut quote) = (0, 0_usize, None);
    while let Some(byte) = bytes.get(at).copied() {
        let next = bytes.get(at + 1).copied();
        match quote {
            Some(b'\'') if byte == b'\'' => quote = None,
            Some(b'\'') => {}
            _ if byte == b'\\' => at += 1,
            _ if byte == b'$' && next == Some(b'(') => (depth, at) = (depth + 1, at + 1),
            _ if byte == b')' && depth > 0 => depth -= 1,
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None if depth > 0 => {}
            None if byte == b'&' && next == Some(b'&') => {
                ends.push(at);
                at += 1;
                cuts.push(at + 1);
            }
            None if byte == b'&'
                && !matches!(bytes.get(at.wrapping_sub(1)), Some(b'>'))
                && next != Some(b'>') =>
            {
                return None;
            }
            None if byte == b'|' && next == Some(b'|') => return None,
            None if matches!(byte, b'(' | b')' | b'`') => return None,
            None if matches!(byte, b';' | b'\n') => {
                ends.push(at);
                cuts.push(at + 1);
            }
            None => {}
        }
        at += 1;
    }
    ends.push(text.len());
    let mut segments = Vec::new();
    for (start, end) in cuts.into_iter().zip(ends) {
        let part = text.get(start..end)?;
        let lead = part.len() - part.trim_start().len();
        let range = start + lead..start + part.trim_end().len().max(lead);
        if range.is_empty() {
            continue;
        }
        let first = text.get(range.clone())?.split_whitespace().next()?;
        if [
            "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "{",
            "}", "!",
        ]
        .contains(&first)
        {
            return None;
        }
        segments.push(range);
    }
    (quote.is_none() && depth == 0).then_some(segments)
}

/// The words of a simple command, without their quotes.
pub(super) fn plain_words(segment: &str) -> Vec<String> {
    words(segment, '\\')
        .into_iter()
        .map(|range| unquoted(segment.get(range).unwrap_or_default(), '\\'))
        .collect()
}

/// The file that a simple command writes: behind its last `>` or `>>`, or by `tee`.
pub(super) fn written(segment: &str) -> Option<String> {
    let mut arrow = None;
    let mut before = ' ';
    for (at, (c, quoting), _) in walk(segment) {
        // Not that of standard error.
        if c == '>' && quoting == Quoting::Bare && before != '2' {
            arrow = Some(at);
        }
        before = c;
    }
    if let Some(at) = arrow {
        let behind = segment.get(at + 1..)?.trim_start_matches(['|', '>']);
        let name = plain_words(behind).into_iter().next()?;
        return Some(name).filter(|name| !name.starts_with('&') && name != "/dev/null");
    }
    let (_, behind) = segment.rsplit_once('|')?;
    let words = plain_words(behind);
    let (first, rest) = words.split_first()?;
    (first == "tee").then(|| rest.iter().find(|word| !word.starts_with('-')).cloned()).flatten()
}

/// Whether a text names a variable: `$NAME`, `${NAME}`, or the name as a word of its own.
pub(super) fn names(text: &str, name: &str) -> bool {
    mentions(text, name, |c| c.is_ascii_alphanumeric() || c == '_').next().is_some()
}

/// Whether a text names a file by this path or name.
pub(super) fn names_file(text: &str, path: &str) -> bool {
    mentions(text, path, |c| c.is_alphanumeric() || "_-.".contains(c)).next().is_some()
}

/// Where `wanted` stands with nothing in front of it or behind that goes on with it.
fn mentions<'a>(
    text: &'a str,
    wanted: &'a str,
    goes_on: impl Fn(char) -> bool + 'a,
) -> impl Iterator<Item = usize> {
    let hits = text.match_indices(wanted).filter(|_| !wanted.is_empty());
    let apart = move |at: usize| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let behind = text.get(at + wanted.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(&goes_on) && !behind.is_some_and(&goes_on)
    };
    hits.map(|(at, _)| at).filter(move |at| apart(*at))
}

/// Where `$NAME` and `${NAME}` stand.
pub(super) fn references(text: &str, name: &str) -> Vec<Range<usize>> {
    let (plain, braced) = (format!("${name}"), format!("${{{name}}}"));
    let goes_on = |end: usize| {
        text.get(end..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    };
    let plain =
        text.match_indices(plain.as_str()).map(|(at, hit)| at..at + hit.len()).filter(|at| !goes_on(at.end));
    let mut all: Vec<_> =
        plain.chain(text.match_indices(braced.as_str()).map(|(at, hit)| at..at + hit.len())).collect();
    all.sort_by_key(|range| range.start);
    all
}

/// The variables that a text refers to.
pub(super) fn referred(text: &str) -> Vec<&str> {
    let name = |rest: &'_ str| rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let all = text.match_indices('$').filter_map(|(at, _)| {
        let rest = text.get(at + 1..)?;
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        rest.get(..name(rest)).filter(|name| !name.is_empty())
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_quoted_as_its_place_is() {
        for (text, behind, expected) in [
            ("curl -u me:", "", "\"$T\""),
            ("curl \"x: ", "\"", "$T"),
            ("curl \"x: ", "_y\"", "${T}"),
            ("curl 'x: ", "'", "'\"$T\"'"),
            ("echo \\\" ", "", "\"$T\""),
            ("echo 'a' \"b\\\" ", "\"", "$T"),
        ] {
            assert_eq!(reference("T", quoting(text, text.len()), behind), expected, "{text}");
        }
    }

    #[test]
    fn lists_of_simple_commands_are_told_from_others() {
        let parts = |text: &'static str| {
            segments(text).map(|all| all.into_iter().map(|range| &text[range]).collect::<Vec<_>>())
        };
        assert_eq!(parts("a && b 'x && y'; c $(d; e) "), Some(vec!["a", "b 'x && y'", "c $(d; e)"]));
        assert_eq!(parts("a 2>&1 | b && c >/x 2>&1"), Some(vec!["a 2>&1 | b", "c >/x 2>&1"]));
        assert_eq!(parts(""), Some(vec![]));
        for other in ["a || b", "(a)", "if a; then b; fi", "a &", "a 'b", "for x in y; do z; done", "a `b`"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }

    #[test]
    fn the_file_that_a_command_writes_is_named() {
        for (text, expected) in [
            ("echo a > .npmrc", Some(".npmrc")),
            ("echo \"a > b\" >>\"/root/.netrc\"", Some("/root/.netrc")),
            ("echo a | tee -a /etc/pip.conf", Some("/etc/pip.conf")),
            ("echo a > .npmrc 2>/dev/null", Some(".npmrc")),
            ("echo 'a > b'", None),
            ("make >/dev/null", None),
            ("make 2>&1", None),
            ("echo a | cat", None),
        ] {
            assert_eq!(written(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn variables_are_told_by_their_whole_names() {
        assert!(
            names("x $TOKEN", "TOKEN") && names("x ${TOKEN:-y}", "TOKEN") && names("printenv TOKEN", "TOKEN")
        );
        assert!(!names("x $TOKENS $MY_TOKEN", "TOKEN") && !names("", "TOKEN") && !names("x", ""));
        assert_eq!(references("a$T ${T} $TT", "T"), [1..3, 4..8]);
        assert_eq!(referred("a$T/${U:-x} $ $("), ["T", "U"]);
        assert!(
            names_file("cat ./.env", ".env")
                && !names_file("cat x.environment", ".env")
                && names_file("cp .npmrc /x", ".npmrc")
        );
    }
}
