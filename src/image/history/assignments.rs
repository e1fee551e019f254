//! `NAME=value` lists as builders record them. Docker writes values without quotes, buildah and kaniko
//! copy the Dockerfile's words. So a value with spaces runs to the next word that looks like `NAME=`,
//! unless it is quoted, or the finished image holds the very value.

use std::collections::HashMap;

use super::{Assignment, Known, is_shell, is_shell_option};
use crate::limits;

/// What a name may look like behind the first one.
#[derive(Clone, Copy)]
pub(super) enum NameForm {
    /// A shell variable.
    Variable,
    /// A label: dots, slashes and hyphens too.
    Label,
}

impl NameForm {
    fn fits(self, name: &str) -> bool {
        let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let rest = |byte: u8| match self {
            Self::Variable => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Label => byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte),
        };
        first && name.bytes().all(rest)
    }
}

/// Reads a list of assignments, [`limits::ASSIGNMENTS`] at most. `legacy`: `NAME value with spaces` is
/// one.
pub(super) fn assignments(text: &str, form: NameForm, legacy: bool, known: &Known<'_>) -> Vec<Assignment> {
    let text = text.trim();
    let (word, behind) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    if legacy && !word.contains('=') {
        let value = unquoted(behind.trim_start());
        return if word.is_empty() { Vec::new() } else { vec![(unquoted(word), value)] };
    }
    let mut pairs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && pairs.len() < limits::ASSIGNMENTS {
        let end = rest.find(|byte: char| byte == '=' || byte.is_whitespace()).unwrap_or(rest.len());
        let name = &rest[..end];
        if !rest[end..].starts_with('=') {
            // A build argument without a value, or a word that belongs nowhere.
            rest = rest[end..].trim_start();
            continue;
        }
        let (value, behind) = value_at(&rest[end + 1..], form, known.get(name).copied());
        if !name.is_empty() {
            pairs.push((unquoted(name), value));
        }
        rest = behind;
    }
    pairs
}

/// The value at the head of `text`, and the text behind it from the next word on.
fn value_at<'a>(text: &'a str, form: NameForm, known: Option<&str>) -> (String, &'a str) {
    if let Some(known) = known.filter(|known| (1..=limits::KNOWN_VALUE).contains(&known.len()))
        && let Some(behind) = text.strip_prefix(known)
        && (behind.is_empty() || behind.starts_with(char::is_whitespace))
    {
        return (known.to_owned(), behind.trim_start());
    }
    if let Some((value, behind)) = quoted_at(text) {
        return (value, behind.trim_start());
    }
    let end = next_name(text, form);
    (text[..end].trim_end().to_owned(), &text[end..])
}

/// Where the next word of the form `NAME=` begins.
fn next_name(text: &str, form: NameForm) -> usize {
    let mut at = 0;
    while let Some(space) = text[at..].find(char::is_whitespace) {
        at += space;
        at += text[at..].len() - text[at..].trim_start().len();
        let word = text[at..].split(char::is_whitespace).next().unwrap_or_default();
        if word.split_once('=').is_some_and(|(name, _)| form.fits(name)) {
            return at;
        }
    }
    text.len()
}

/// A quoted value that fills its word, and the text behind it.
fn quoted_at(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        if char == quote {
            let behind = &text[at + 1..];
            let fills = behind.is_empty() || behind.starts_with(char::is_whitespace);
            return fills.then_some((value, behind));
        }
        let escaped = char == '\\' && quote == '"';
        match escaped.then(|| text[at + 1..].chars().next()).flatten() {
            Some(next @ ('"' | '\\' | '$')) => {
                value.push(next);
                chars.next();
            }
            _ => value.push(char),
        }
    }
    None
}

fn unquoted(text: &str) -> String {
    match quoted_at(text) {
        Some((value, "")) => value,
        _ => text.to_owned(),
    }
}

/// The build arguments and the command of `|N NAME=value … command`; a text without that head is all
/// command. Docker counts arguments in N, buildah the words of them, so both readings are tried on each
/// shell that could begin the command; without a shell, N words are arguments.
pub(super) fn run_arguments(text: &str) -> (Vec<Assignment>, &str) {
    let Some((count, list)) = counted_list(text) else { return (Vec::new(), text) };
    let end = command_start(list, count);
    let args = assignments(&list[..end], NameForm::Variable, false, &HashMap::new());
    (args, list[end..].trim_start())
}

fn counted_list(text: &str) -> Option<(usize, &str)> {
    let (count, list) = text.strip_prefix('|')?.split_once(' ')?;
    Some((count.parse().ok()?, list.trim_start()))
}

fn command_start(list: &str, count: usize) -> usize {
    let mut names = 0;
    let mut first_shell = None;
    let mut after_count = list.len();
    let mut words = words(list).enumerate().peekable();
    while let Some((position, (at, word))) = words.next() {
        if position == count {
            after_count = at;
        }
        if is_shell(word) {
            let option_follows = words.peek().is_some_and(|(_, (_, next))| is_shell_option(next));
            if option_follows && (position == count || names == count) {
                return at;
            }
            first_shell = first_shell.or(Some(at));
        }
        names += usize::from(word.split_once('=').is_some_and(|(name, _)| NameForm::Variable.fits(name)));
    }
    first_shell.unwrap_or(after_count)
}

/// The words of a text, with where each begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text[at..].trim_start();
        let start = text.len() - rest.len();
        let word = rest.split(char::is_whitespace).next().filter(|word| !word.is_empty())?;
        at = start + word.len();
        Some((start, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str, known: &[(&'static str, &'static str)]) -> Vec<(String, String)> {
        assignments(text, NameForm::Variable, true, &known.iter().copied().collect())
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_run_to_the_next_name() {
        assert_eq!(pairs("A=b", &[]), owned(&[("A", "b")]));
        assert_eq!(pairs("A=two words B=c  D=", &[]), owned(&[("A", "two words"), ("B", "c"), ("D", "")]));
        assert_eq!(pairs("O=-Da=b -Dc=d E=x==", &[]), owned(&[("O", "-Da=b -Dc=d"), ("E", "x==")]));
        assert_eq!(pairs("A=line\nB=next", &[]), owned(&[("A", "line"), ("B", "next")]));
        assert_eq!(pairs("", &[]), owned(&[]));
        assert_eq!(pairs("=x A=y", &[]), owned(&[("A", "y")]));
    }

    #[test]
    fn quotes_of_the_dockerfile_are_removed_and_others_are_not() {
        let quoted = r#"A="two words" B='$x "y"' C="a \"b\" \$d" D=don't"#;
        let expected = [("A", "two words"), ("B", "$x \"y\""), ("C", "a \"b\" $d"), ("D", "don't")];
        assert_eq!(pairs(quoted, &[]), owned(&expected));
        assert_eq!(pairs(r#"A="open B=c"#, &[]), owned(&[("A", "\"open"), ("B", "c")]));
        assert_eq!(pairs(r#"A="x"y B=c"#, &[]), owned(&[("A", "\"x\"y"), ("B", "c")]));
    }

    #[test]
    fn the_finished_image_tells_where_a_value_ends() {
        let text = "A=x TOKEN=y B=c";
        assert_eq!(pairs(text, &[("A", "x TOKEN=y")]), owned(&[("A", "x TOKEN=y"), ("B", "c")]));
        assert_eq!(pairs(text, &[("A", "x TOK")]), owned(&[("A", "x"), ("TOKEN", "y"), ("B", "c")]));
    }

    #[test]
    fn the_old_form_is_one_assignment() {
        assert_eq!(pairs("NAME three words = here", &[]), owned(&[("NAME", "three words = here")]));
        assert_eq!(assignments("A B C=d", NameForm::Variable, false, &HashMap::new()), owned(&[("C", "d")]));
        let labels = assignments(r#""org.a/b-c"=x org.d=y z"#, NameForm::Label, true, &HashMap::new());
        assert_eq!(labels, owned(&[("org.a/b-c", "x"), ("org.d", "y z")]));
    }

    #[test]
    fn run_arguments_end_where_the_shell_begins_whatever_the_builder_counts() {
        let docker = "|2 GREETING=hi TOKEN=arg with spaces /bin/sh -e -c echo second";
        let expected = owned(&[("GREETING", "hi"), ("TOKEN", "arg with spaces")]);
        assert_eq!(run_arguments(docker), (expected.clone(), "/bin/sh -e -c echo second"));
        let buildah = "|4 GREETING=hi TOKEN=arg with spaces /bin/sh -c echo \"$TOKEN\" > /out";
        assert_eq!(run_arguments(buildah).0, expected);
        let pipefail = "|1 A=b /bin/bash -o pipefail -c X=1 make";
        assert_eq!(run_arguments(pipefail), (owned(&[("A", "b")]), "/bin/bash -o pipefail -c X=1 make"));
        let in_value = "|1 A=see /bin/sh there /bin/sh -c make";
        assert_eq!(run_arguments(in_value).0, owned(&[("A", "see /bin/sh there")]));
    }

    #[test]
    fn run_arguments_without_a_shell_are_counted() {
        assert_eq!(run_arguments("|1 A=b /app --flag"), (owned(&[("A", "b")]), "/app --flag"));
        assert_eq!(run_arguments("|0 make"), (owned(&[]), "make"));
        assert_eq!(run_arguments("make all"), (owned(&[]), "make all"));
        for odd in ["|", "|x A=b", "|99999999999999999999999 A=b", "|1", "|3 "] {
            run_arguments(odd);
        }
        assert_eq!(run_arguments("|9 A=b"), (owned(&[("A", "b")]), ""));
        let wide = "|1 A=\u{3000}x\u{3000}B=ü /bin/sh -c é";
        assert_eq!(run_arguments(wide).1, "/bin/sh -c é");
    }
}
