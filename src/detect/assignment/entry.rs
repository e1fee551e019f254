//! Values in an entry of which the name is one field and the value another, in any order and with others
//! between: `{"value": "…", "type": "secret", "name": "NAME"}`; or below the name, as its value or default:
//! `variable "name" { type = string, default = "…" }`.

use std::ops::Range;

use crate::detect::context::Context;
use crate::limits;

/// What the field of the value is called.
const VALUES: [&str; 8] = [
    "value",
    "default",
    "defaultvalue",
    "default_value",
    "_default",
    "content",
    "parametervalue",
    "initialvalue",
];

/// What the field of the name is called, besides all that ends in `name` or `key`.
const NAMES: [&str; 6] = ["variable", "var", "id", "field", "setting", "option"];

/// Lines of an entry that are looked at, on either side.
const LINES: usize = 8;

/// Where the values of the entry begin that the name at `name` belongs to or opens.
pub(super) fn values_beside(context: &Context<'_>, name: &Range<usize>) -> Vec<usize> {
    let reach = name.end..context.bytes.len().min(name.end.saturating_add(limits::ENTRY));
    let mut found = Vec::new();
    if let Some(block) = block_behind(context, &reach) {
        found.extend(value_in_fields(context, block..reach.end, false));
    } else if let Some(indent) = indent_of(context, name.start).filter(|_| opens_lines(context, &reach)) {
        found.extend(value_in_block(context, &reach, indent));
    }
    let Some(field) = field_before(context, name.start) else { return found };
    match bounds_before(context, field) {
        Some((start, tag)) => {
            let quotes =
                context.slice(reach.clone()).iter().take(4).take_while(|b| b"\\\"'`".contains(b)).count();
            found.extend(value_in_fields(context, reach.start + quotes..reach.end, tag));
            found.extend(value_in_fields(context, start..field, tag));
        }
        None => found.extend(value_in_lines(context, field, &reach)),
    }
    found
}

/// The indentation of the line that `at` is on, if the line begins within reach.
pub(super) fn indent_of(context: &Context<'_>, at: usize) -> Option<usize> {
    let line = context.slice(line_start(context, at)?..at);
    Some(indent(line))
}

fn line_start(context: &Context<'_>, at: usize) -> Option<usize> {
    let floor = at.saturating_sub(limits::ENTRY);
    match memchr::memrchr(b'\n', context.slice(floor..at)) {
        Some(end) => Some(floor + end + 1),
        None => (floor == 0).then_some(0),
    }
}

fn indent(line: &[u8]) -> usize {
    line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Where the inside of the braces begins that follow a name: `name" {`, `"name": {`.
fn block_behind(context: &Context<'_>, reach: &Range<usize>) -> Option<usize> {
    let text = context.slice(reach.clone());
    let is_link = |byte: &u8| b"\\\"'` \t:=".contains(byte);
    let link = text.iter().take(16).take_while(|byte| is_link(byte)).count();
    (text.get(link) == Some(&b'{') && link > 0).then_some(reach.start + link + 1)
}

/// Whether nothing but a colon stands behind a name on its line.
fn opens_lines(context: &Context<'_>, reach: &Range<usize>) -> bool {
    let line = context.slice(reach.clone()).split(|byte| *byte == b'\n').next().unwrap_or_default();
    matches!(line.trim_ascii(), b":" | b"\":" | b"':")
}

/// The value in the indented block below a name.
fn value_in_block(context: &Context<'_>, reach: &Range<usize>, outer: usize) -> Option<usize> {
    let mut column = None;
    for line in lines_behind(context, reach) {
        let text = context.slice(line.clone());
        let own = indent(text);
        let column = *column.get_or_insert(own);
        if own <= outer || text.trim_ascii().is_empty() {
            return None;
        }
        if own == column
            && let Some(value) = value_of_field(text.get(own..).unwrap_or_default())
        {
            return Some(line.start + own + value);
        }
    }
    None
}

/// The lines behind the one that `reach` begins on.
fn lines_behind(context: &Context<'_>, reach: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = reach.start;
    let lines = context.slice(reach.clone()).split(|byte| *byte == b'\n').map(move |line| {
        let range = at..at + line.len();
        at = range.end + 1;
        range
    });
    lines.skip(1).take(LINES)
}

/// Where the value begins if `text` begins with the field of one.
fn value_of_field(text: &[u8]) -> Option<usize> {
    let (word, end) = field_at(text)?;
    VALUES.iter().any(|value| word.eq_ignore_ascii_case(value.as_bytes())).then_some(end)
}

/// The name of the field with which `text` begins, and where its value does.
fn field_at(text: &[u8]) -> Option<(&[u8], usize)> {
    let is_quote = |byte: &&u8| b"\\\"'".contains(byte);
    let start = text.iter().take(4).take_while(is_quote).count();
    let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let rest = text.get(start..)?;
    let length = rest.iter().take(limits::NAME_AFFIX).take_while(is_word).count();
    let link = rest.get(length..)?;
    let marks = link.iter().take(4).take_while(is_quote).count();
    let blanks = indent(link.get(marks..)?.get(..limits::NAME_AFFIX.min(link.len() - marks))?);
    let operator = link.get(marks + blanks..)?;
    let is_value = matches!(operator, [b':' | b'=', next, ..] if !b"=:~".contains(next));
    (is_value && length > 0).then_some((rest.get(..length)?, start + length + marks + blanks + 1))
}

/// The value among the fields in `range`, up to where the entry ends; `tag`: they are attributes.
fn value_in_fields(context: &Context<'_>, range: Range<usize>, tag: bool) -> Option<usize> {
    let text = context.slice(range.clone());
    let mut depth = 0_i32;
    let mut at = 0;
    let mut before = b' ';
    while let Some(byte) = text.get(at).copied() {
        let rest = text.get(at..).unwrap_or_default();
        let starts = !before.is_ascii_alphanumeric() && !b"_-.$".contains(&before);
        let mut step = 1;
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth -= 1,
            b'<' | b'>' if tag => return None,
            b'"' | b'\'' | b'`' if starts => {
                if let Some(value) = value_of_field(rest).filter(|_| depth == 0) {
                    return Some(range.start + at + value);
                }
                step = quoted_length(rest, byte);
            }
            _ if byte.is_ascii_alphabetic() || byte == b'_' => {
                if let Some(value) = value_of_field(rest).filter(|_| depth == 0 && starts) {
                    return Some(range.start + at + value);
                }
                step = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            }
            _ => {}
        }
        if depth < 0 {
            return None;
        }
        at += step.max(1);
        before = text.get(at - 1).copied().unwrap_or(b' ');
    }
    None
}

/// The length of what `quote` opens and closes on the same line.
fn quoted_length(text: &[u8], quote: u8) -> usize {
    let inside = text.get(1..).unwrap_or_default();
    match inside.iter().position(|byte| *byte == quote || *byte == b'\n') {
        Some(end) if inside.get(end) == Some(&quote) => end + 2,
        _ => 1,
    }
}

/// Where the field begins whose value the name at `name` is: `name: "`, `android:name="path.of.`.
fn field_before(context: &Context<'_>, name: usize) -> Option<usize> {
    let floor = name.saturating_sub(limits::NAME_AFFIX);
    let before = context.slice(floor..name);
    let count = |rest: &[u8], of: &dyn Fn(&u8) -> bool| rest.iter().rev().take_while(|byte| of(byte)).count();
    let cut = |rest: &mut &[u8], of: &dyn Fn(&u8) -> bool| {
        let length = count(rest, of);
        *rest = rest.get(..rest.len() - length).unwrap_or_default();
        length
    };
    let mut rest = before;
    cut(&mut rest, &|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte));
    cut(&mut rest, &|byte| b"\\\"'`".contains(byte));
    cut(&mut rest, &|byte| matches!(byte, b' ' | b'\t'));
    if cut(&mut rest, &|byte| matches!(byte, b':' | b'=')) != 1 {
        return None;
    }
    cut(&mut rest, &|byte| matches!(byte, b' ' | b'\t'));
    cut(&mut rest, &|byte| b"\\\"'".contains(byte));
    let end = rest.len();
    cut(&mut rest, &|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let word = before.get(rest.len()..end)?.to_ascii_lowercase();
    let names =
        word.ends_with(b"name") || word.ends_with(b"key") || NAMES.iter().any(|n| word == n.as_bytes());
    cut(&mut rest, &|byte| b"\\\"'".contains(byte));
    names.then_some(floor + rest.len())
}

/// Where the braces or the tag around `at` begin, and whether it is a tag.
fn bounds_before(context: &Context<'_>, at: usize) -> Option<(usize, bool)> {
    let floor = at.saturating_sub(limits::ENTRY);
    let mut depth = 0_u32;
    let mut in_tag = true;
    for (back, byte) in context.slice(floor..at).iter().rev().enumerate() {
        match byte {
            b'}' | b')' | b']' => depth += 1,
            b'{' | b'(' | b'[' if depth == 0 => return Some((at - back, false)),
            b'{' | b'(' | b'[' => depth -= 1,
            b'<' if in_tag => return Some((at - back, true)),
            b'>' => in_tag = false,
            _ => {}
        }
    }
    None
}

/// The value on one of the lines that make an entry with that of the field at `field`.
fn value_in_lines(context: &Context<'_>, field: usize, reach: &Range<usize>) -> Option<usize> {
    let start = line_start(context, field)?;
    let front = context.slice(start..field);
    let column = front.len();
    let is_first = front.trim_ascii() == b"-";
    if !is_first && !front.trim_ascii().is_empty() {
        return None;
    }
    for line in lines_behind(context, reach) {
        let text = context.slice(line.clone());
        let own = indent(text);
        let rest = text.get(own..).unwrap_or_default();
        if own < column || matches!(rest.first(), None | Some(b'-' | b'[' | b'\r')) {
            break;
        }
        if let Some(value) = value_of_field(rest).filter(|_| own == column) {
            return Some(line.start + own + value);
        }
    }
    let mut end = start;
    for _ in 0..LINES {
        if is_first || end == 0 {
            return None;
        }
        let from = line_start(context, end - 1)?;
        let text = context.slice(from..end - 1);
        let own = indent(text);
        let dash = text.get(own) == Some(&b'-');
        let own = if dash { own + 1 + indent(text.get(own + 1..).unwrap_or_default()) } else { own };
        if own < column || text.get(own).is_none() {
            return None;
        }
        let rest = text.get(own..).unwrap_or_default();
        if let Some(value) = value_of_field(rest).filter(|_| own == column) {
            return Some(from + own + value);
        }
        if dash {
            return None;
        }
        end = from;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::values_beside;
    use crate::detect::context::Context;
    use crate::detect::{Place, Window};

    /// What begins at the values found beside `NAME`.
    fn beside(text: &str) -> Vec<&str> {
        let bytes = text.as_bytes();
        let window =
            Window { bytes, owned: 0..bytes.len(), starts: true, ends: true, place: Place::File, path: b"" };
        let at = text.find("NAME").expect("valid");
        let context = Context::around(&window, at);
        let found = values_beside(&context, &(at..at + 4));
        found
            .into_iter()
            .map(|at| text[at..].trim_start_matches([' ', '"', '\\', '\'']).get(..2).unwrap_or(""))
            .collect()
    }

    #[test]
    fn the_fields_of_an_entry_stand_in_any_order() {
        for text in [
            "{\"name\": \"NAME\", \"secret\": true, \"value\": \"V1\"}",
            "{\"value\": \"V1\", \"tags\": [{\"a\": 1}], \"name\": \"NAME\"}",
            "{\\\"value\\\": \\\"V1\\\", \\\"name\\\": \\\"NAME\\\"}",
            "a:\n- scope: x\n  value: V1\n  key: NAME\n",
            "- name: NAME\n  scope: it's, x\n  value: V1\n",
            "p {\n  name = \"/a/NAME\"\n  type = \"b\"\n  value = \"V1\"\n}",
            "<x android:value=\"V1\"\n  android:name=\"com.NAME\"/>",
            "<x name=\"NAME\" force=\"true\" value=\"V1\">",
        ] {
            assert_eq!(beside(text), ["V1"], "{text}");
        }
    }

    #[test]
    fn a_name_opens_an_entry_with_its_default() {
        for text in [
            "variable \"NAME\" {\n  type = list(string)\n  default = \"V1\"\n}",
            "\"NAME\": {\"Type\": \"String\", \"Default\": \"V1\"}",
            "  NAME:\n    Type: String\n    Default: V1\n",
            "NAME:\r\n  value: V1\r\n",
        ] {
            assert_eq!(beside(text), ["V1"], "{text}");
        }
    }

    #[test]
    fn fields_of_other_entries_do_not_count() {
        for text in [
            "[{\"name\":\"NAME\"},{\"name\":\"x\",\"value\":\"V1\"}]",
            "[{\"value\": \"V1\"}, {\"name\": \"NAME\"}]",
            "{\"name\": \"NAME\", \"a\": {\"value\": \"V1\"}}",
            "{\"title\": \"NAME\", \"a\": 1, \"value\": \"V1\"}",
            "- value: V1\n- name: NAME\n",
            "- name: NAME\n- name: x\n  value: V1\n",
            "- name: NAME\n  from:\n    value: V1\n",
            "NAME:\n  type: x\nother:\n  default: V1\n",
            "NAME:\n  type: x\n  other:\n    default: V1\n",
            "variable \"NAME\" {\n  type = x\n}\nvariable \"b\" {\n  default = \"V1\"\n}",
            "<x name=\"NAME\"/><y value=\"V1\"/>",
            "<y value=\"V1\"/><x name=\"NAME\"/>",
            "{\"name\": \"NAME\", \"value\" == \"V1\"}",
        ] {
            assert!(beside(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn an_entry_is_looked_at_within_its_reach_only() {
        let far = format!("{{\"name\": \"NAME\", \"a\": \"{}\", \"value\": \"V1\"}}", "x".repeat(600));
        assert!(beside(&far).is_empty());
    }
}
