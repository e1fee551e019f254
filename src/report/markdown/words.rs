//! Texts of others in Markdown. Escapes do not help everywhere: a mention or a link of its own accord is
//! made from what an escape leaves. In a code span nothing has a meaning, so all that is not a plain word
//! stands in one.

use crate::report::guide::spans;
use crate::report::{sanitize, text};

/// A text in a code span, on one line, cut in its middle beyond `room` characters. What would end the span
/// is written out.
pub(crate) fn code(text: &str, room: usize) -> String {
    let text = text::middle(&sanitize::inline(text), room, "…");
    let text = text.replace('`', "\\u{60}");
    match text.trim() {
        "" => "`(empty)`".to_owned(),
        text => format!("`{text}`"),
    }
}

/// Markdown in the cell of a table. Only a code span can hold a bar; a table takes `\|` for one, unless a
/// backslash stands in front of that.
pub(super) fn cell(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    for c in markdown.chars() {
        match c {
            '|' if out.ends_with('\\') => out.push_str("u{7c}"),
            '|' => out.push_str("\\|"),
            c => out.push(c),
        }
    }
    out
}

/// A sentence: its plain words as they are, what is between them in code spans.
pub(crate) fn prose(text: &str) -> String {
    let text = sanitize::inline(text);
    let mut out = String::with_capacity(text.len() + 16);
    let mut span: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        // Between words it has no meaning; menus are written with it.
        let is_arrow = word == ">" && span.is_empty() && !out.is_empty();
        if is_plain(word) || is_arrow {
            close(&mut span, &mut out);
            push(&mut out, word);
        } else {
            span.push(word);
        }
    }
    close(&mut span, &mut out);
    out
}

/// An entry of advice: what stands between backticks is code, the rest a sentence.
pub(crate) fn rich(entry: &str) -> String {
    let mut out = String::with_capacity(entry.len() + 16);
    for (is_code, text) in spans(entry) {
        if is_code {
            let joined = out.is_empty() || out.ends_with('(');
            out.push_str(if joined { "" } else { " " });
            out.push_str(&code(text, usize::MAX));
        } else {
            // A full stop behind code is no word.
            let rest = text.trim_start_matches(['.', ',', ';', ':', '!', '?', ')']);
            out.push_str(&text[..text.len() - rest.len()]);
            let words = prose(rest);
            out.push_str(if out.is_empty() || words.is_empty() { "" } else { " " });
            out.push_str(&words);
        }
    }
    out
}

/// A name in the summary of a folded part, where Markdown has no meaning and HTML has one.
pub(super) fn summary(name: &str) -> String {
    let name = sanitize::inline(&text::start(name, 120, "…")).into_owned();
    name.chars().map(|c| if is_harmless(c) { c } else { ' ' }).collect()
}

fn is_harmless(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ' ' | '(' | ')' | ',' | '.' | '-' | '\'' | '/' | '…')
}

/// A block of code, with a fence that no line in it ends.
pub(crate) fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let text: Vec<String> = text.lines().map(clean_line).collect();
    format!("{fence}{language}\n{}\n{fence}", text.join("\n"))
}

/// A line of code without what cannot be seen; its tabs stay.
fn clean_line(line: &str) -> String {
    line.split('\t').map(|part| sanitize::inline(part).into_owned()).collect::<Vec<_>>().join("\t")
}

/// Writes the words that wait for a code span. A comma or a full stop at their end stays outside.
fn close(span: &mut Vec<&str>, out: &mut String) {
    let text = span.join(" ");
    span.clear();
    let inner = text.trim_end_matches(['.', ',', ';', ':', '!', '?']);
    match inner {
        "" if text.is_empty() => {}
        "" => push(out, &code(&text, usize::MAX)),
        inner => push(out, &(code(inner, usize::MAX) + &text[inner.len()..])),
    }
}

fn push(out: &mut String, word: &str) {
    if !out.is_empty() {
        out.push(' ');
    }
    out.push_str(word);
}

/// Whether no renderer gives the word a meaning: letters with perhaps a hyphen or an apostrophe between
/// them, numbers, in brackets or before a full stop. A long hexadecimal word would link to a commit.
fn is_plain(word: &str) -> bool {
    if word.starts_with(|c: char| c.is_numeric()) && word.ends_with(['.', ')']) {
        return false; // A number of a list, at the start of a line.
    }
    let word = word.strip_prefix('(').unwrap_or(word);
    let word = word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')']);
    let is_hash = word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit());
    let has_digit = word.contains(|c: char| c.is_numeric());
    let joined = |part: &str| !part.is_empty() && part.chars().all(char::is_alphanumeric);
    let mut parts = word.split(['-', '\'', '’']);
    match word.contains(['-', '\'', '’']) {
        true => !has_digit && parts.all(joined),
        false => !is_hash && joined(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_ends_its_span_or_its_cell() {
        assert_eq!(code("a`b``c", 80), "`a\\u{60}b\\u{60}\\u{60}c`");
        assert_eq!(code("a|b\nc", 80), "`a|b\\nc`");
        assert_eq!(cell("`a|b||c\\|d`"), "`a\\|b\\|\\|c\\u{7c}d`");
        assert_eq!(code(" ", 80), "`(empty)`");
        assert_eq!(code("\u{202e}x", 80), "`\\u{202e}x`");
        assert_eq!(code("0123456789", 7), "`01…6789`");
    }

    #[test]
    fn sentences_keep_their_words_and_nothing_else() {
        assert_eq!(
            prose("Add *.env to .dockerignore, and give the key at run time."),
            "Add `*.env` to `.dockerignore`, and give the key at run time."
        );
        assert_eq!(
            prose("mount it: RUN --mount=type=secret,id=x npm ci"),
            "mount it: RUN `--mount=type=secret,id=x` npm ci"
        );
        assert_eq!(prose("ask @team about #12 or GH-12"), "ask `@team` about `#12` or `GH-12`");
        assert_eq!(
            prose("<b>x</b> [a](b) ![c](d) www.x.io a@b.c"),
            "`<b>x</b> [a](b) ![c](d) www.x.io a@b.c`"
        );
        assert_eq!(prose("don't re-use it (ever)"), "don't re-use it (ever)");
        assert_eq!(prose("deadbeef0 ..."), "`deadbeef0`...");
        assert_eq!(prose("1. one 2) two 3"), "`1`. one `2)` two 3");
        assert_eq!(prose(""), "");
    }
}
