//! `NAME=value` as ENV, ARG and LABEL take it: quoted and escaped, or in the old form of a name and, behind a blank,
//! its value.

use std::ops::Range;

/// A name, and the value that it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    /// Without quotes.
    pub(super) name: String,
    /// As it is written; none where there is no `=`.
    pub(super) value: Option<&'a str>,
    /// Where both stand in the arguments.
    pub(super) span: Range<usize>,
}

/// The pairs of an instruction.
pub(super) fn pairs<'a>(keyword: &str, arguments: &'a str, escape: char) -> Vec<Pair<'a>> {
    let words = words(arguments, escape);
    let text = |span: &Range<usize>| arguments.get(span.clone()).unwrap_or_default();
    let first = words.first().map(text).unwrap_or_default();
    if keyword != "ARG" && words.len() > 1 && !first.contains('=') {
        let behind = words.get(1).map_or(arguments.len(), |second| second.start);
        let end = arguments.trim_end().len();
        let start = words.first().map_or(0, |word| word.start);
        return vec![Pair {
            name: unquoted(first, escape),
            value: arguments.get(behind..end),
            span: start..end,
        }];
    }
    let pair = |span: Range<usize>| {
        let (name, value) = text(&span).split_once('=').map_or((text(&span), None), |(n, v)| (n, Some(v)));
        Pair { name: unquoted(name, escape), value, span }
    };
    words.into_iter().map(pair).collect()
}

/// The words of a text, a quoted or escaped blank being part of one.
pub(super) fn words(text: &str, escape: char) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let (mut start, mut quote, mut escaped) = (None, None, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        if quote.is_none() && c.is_whitespace() {
            words.extend(start.take().map(|start| start..at));
            continue;
        }
        start.get_or_insert(at);
        match quote {
            _ if c == escape && quote != Some('\'') => escaped = true,
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
    }
    words.extend(start.map(|start| start..text.len()));
    words
}

/// A word without its quotes and escapes.
pub(super) fn unquoted(word: &str, escape: char) -> String {
    let mut out = String::with_capacity(word.len());
    let (mut quote, mut chars) = (None, word.chars());
    while let Some(c) = chars.next() {
        match quote {
            _ if c == escape && quote != Some('\'') => out.extend(chars.next()),
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(keyword: &str, text: &str) -> Vec<(String, Option<String>, String)> {
        let all = pairs(keyword, text, '\\').into_iter();
        all.map(|pair| (pair.name, pair.value.map(str::to_owned), text[pair.span].to_owned())).collect()
    }

    fn pair(name: &str, value: Option<&str>, text: &str) -> (String, Option<String>, String) {
        (name.to_owned(), value.map(str::to_owned), text.to_owned())
    }

    #[test]
    fn quoted_and_escaped_blanks_belong_to_a_value() {
        assert_eq!(
            read("ENV", r#"A=one B="two words" C=two\ words D='a "b'"#),
            [
                pair("A", Some("one"), "A=one"),
                pair("B", Some("\"two words\""), "B=\"two words\""),
                pair("C", Some(r"two\ words"), r"C=two\ words"),
                pair("D", Some("'a \"b'"), "D='a \"b'"),
            ]
        );
        assert_eq!(unquoted(r#""two words"\ 'a\b'x\"y"#, '\\'), r#"two words a\bx"y"#);
        assert_eq!(read("LABEL", "\"a b\"=c")[0].0, "a b");
    }

    #[test]
    fn the_old_form_is_one_pair_and_an_argument_needs_no_value() {
        assert_eq!(
            read("ENV", "A three words = here "),
            [pair("A", Some("three words = here"), "A three words = here")]
        );
        assert_eq!(read("ARG", "A B=c"), [pair("A", None, "A"), pair("B", Some("c"), "B=c")]);
        assert_eq!(read("ENV", ""), []);
        assert_eq!(read("ENV", "A=\"open"), [pair("A", Some("\"open"), "A=\"open")]);
        assert_eq!(read("ENV", "A=b\\"), [pair("A", Some("b\\"), "A=b\\")]);
    }
}
