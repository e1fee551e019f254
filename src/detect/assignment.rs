//! What is assigned to a name: one reading of configuration files, source code, markup and command
//! lines, shared by all detectors.
//!
//! A *link* leads from the end of a name to the start of its value; an *entry* holds both as fields of
//! their own. Where several fit, each gives values to try: a detector's pattern tells which is one.
//! Comparisons are no links.

mod entry;
mod link;
mod value;

use std::ops::Range;

use self::value::Value;
use super::context::Context;
use crate::limits;

/// The values that may be assigned to the name at `name`, the likeliest first. A detector takes the
/// first that its pattern describes as a whole.
pub(super) fn values(context: &Context<'_>, name: &Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut add = |ranges: Vec<Range<usize>>| {
        for range in ranges {
            if !found.contains(&range) {
                found.push(range);
            }
        }
    };
    for link in link::behind(context, name) {
        if !is_comparison(context, link.range.clone()) {
            let value = Value { context, quoted_only: link.quoted, markup: link.markup };
            let values = value.read(link.range.end);
            // A value on a line of its own is all of it.
            add(if link.whole_line { whole_lines(context, values) } else { values });
        }
    }
    let value = Value { context, quoted_only: false, markup: false };
    entry::values_beside(context, name).into_iter().for_each(|at| add(value.read(at)));
    found
}

/// The values behind which nothing more stands on their line.
fn whole_lines(context: &Context<'_>, mut values: Vec<Range<usize>>) -> Vec<Range<usize>> {
    values.retain(|value| {
        let behind = context.slice(value.end..context.bytes.len().min(value.end + 16));
        let marks = behind.iter().take_while(|byte| b"\"'`; \t\r".contains(byte)).count();
        behind.get(marks).is_none_or(|byte| *byte == b'\n')
    });
    values
}

/// Whether a link is the front of `==`, `=~`, `::` or the like.
fn is_comparison(context: &Context<'_>, link: Range<usize>) -> bool {
    let operator = context.byte(link.end.wrapping_sub(1));
    let next = context.byte(link.end);
    match operator {
        Some(b'=') => matches!(next, Some(b'=' | b'~')),
        Some(b':') => next == Some(b':'),
        _ => false,
    }
}

/// The name that `value` is assigned to, if it is: for detectors that find the value by itself.
pub(super) fn name_before(context: &Context<'_>, value: usize) -> Option<Range<usize>> {
    let floor = value.saturating_sub(limits::ASSIGNMENT);
    let before = context.slice(floor..value);
    let is_link = |byte: &u8| b" \t\"'`\\:=>([{?|,<-".contains(byte);
    let link = before.iter().rev().take_while(|byte| is_link(byte)).count();
    let rest = before.get(..before.len() - link)?;
    let linked = before.get(rest.len()..)?.iter().any(|byte| b":=>(,-".contains(byte));
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let name = rest.iter().rev().take(limits::NAME_AFFIX).take_while(|byte| is_name(byte)).count();
    let end = floor + rest.len();
    (linked && name > 0).then(|| end - name..end)
}

#[cfg(test)]
mod tests {
    use super::{name_before, values};
    use crate::detect::context::Context;
    use crate::detect::{Place, Window};

    fn with_context<T>(text: &str, place: Place, read: impl FnOnce(&Context<'_>) -> T) -> T {
        let bytes = text.as_bytes();
        let window = Window { bytes, owned: 0..bytes.len(), starts: true, ends: true, place, path: b"" };
        read(&Context::around(&window, 0))
    }

    /// Whether `V1-v/2+3` is a value of `NAME` in the text.
    fn assigned(text: &str) -> bool {
        let at = text.find("NAME").expect("valid");
        with_context(text, Place::File, |context| {
            values(context, &(at..at + 4)).iter().any(|range| context.slice(range.clone()) == b"V1-v/2+3")
        })
    }

    #[test]
    fn assignments_of_many_languages() {
        for text in [
            "NAME=V1-v/2+3",
            "NAME=V1-v/2+3\0next",
            "export NAME='V1-v/2+3'",
            "NAME = V1-v/2+3 # comment",
            "RUN NAME=V1-v/2+3; make",
            "\"NAME\": \"V1-v/2+3\",",
            "{\\\"NAME\\\": \\\"V1-v/2+3\\\"}",
            "NAME: V1-v/2+3",
            "NAME: |\n    V1-v/2+3\n",
            "NAME: 'V1-v/2+3'",
            ":NAME => 'V1-v/2+3'",
            "NAME := \"V1-v/2+3\"",
            "NAME ?= V1-v/2+3",
            "const NAME: &'static str = \"V1-v/2+3\";",
            "const NAME: string = 'V1-v/2+3'",
            "var NAME string = `V1-v/2+3`",
            "NAME = b'V1-v/2+3'",
            "NAME = \"\"\"V1-v/2+3\"\"\"",
            "NAME =\n    \"V1-v/2+3\"",
            "NAME = SecretStr(\"V1-v/2+3\")",
            "NAME: [\"V1-v/2+3\"]",
            "define('NAME', 'V1-v/2+3');",
            "os.getenv(\"NAME\", \"V1-v/2+3\")",
            "process.env.NAME || 'V1-v/2+3'",
            "os.environ.get('NAME') or 'V1-v/2+3'",
            "ENV.fetch('NAME') { 'V1-v/2+3' }",
            "config['NAME'] = 'V1-v/2+3'",
            "<NAME>V1-v/2+3</NAME>",
            "<NAME type=\"x\"><![CDATA[V1-v/2+3]]></NAME>",
            "<string name=\"NAME\">V1-v/2+3</string>",
            "<add key=\"NAME\" value=\"V1-v/2+3\"/>",
            "<key>NAME</key>\n\t<string>V1-v/2+3</string>",
            "<name>NAME</name><value>V1-v/2+3</value>",
            "- name: NAME\n  value: V1-v/2+3\n",
            "{\"name\": \"NAME\",\n \"value\": \"V1-v/2+3\"}",
            "--NAME V1-v/2+3 --other",
            "--NAME=V1-v/2+3",
            "\"--NAME\", \"V1-v/2+3\"",
            "ENV NAME V1-v/2+3",
            "#define NAME \"V1-v/2+3\"",
            "${NAME:-V1-v/2+3}",
            "${NAME-V1-v/2+3}",
            "setNAME(\"V1-v/2+3\")",
            "https://host/?NAME=V1-v/2+3&x=1",
            "NAME='\"V1-v/2+3\"'",
            "set -gx NAME V1-v/2+3",
            "consul kv put a/b/NAME V1-v/2+3",
            "put-parameter --name NAME --type String --value V1-v/2+3",
            "gh secret set NAME --body \"V1-v/2+3\"",
            "NAME: env('OTHER', 'V1-v/2+3')",
            "NAME = os.environ.get(\"OTHER\") or \"V1-v/2+3\"",
            "getenv('NAME') ?: 'V1-v/2+3'",
            "config('NAME', cast=str, default='V1-v/2+3')",
            "\"String\", \"NAME\", \"\\\"V1-v/2+3\\\"\"",
            "<td class=\"e\">NAME</td><td class=\"v\">V1-v/2+3</td>",
            "a,b\nNAME,V1-v/2+3\n",
            "| `NAME` | V1-v/2+3 |",
            "{NAME, <<\"V1-v/2+3\">>}",
            "&quot;NAME&quot;: &quot;V1-v/2+3&quot;",
            "NAME:\n  - V1-v/2+3\n",
            "(setq NAME \"V1-v/2+3\")",
            "  NAME V1-v/2+3\n",
        ] {
            assert!(assigned(text), "{text}");
        }
    }

    #[test]
    fn comparisons_and_neighbours_are_not() {
        for text in [
            "if NAME == \"V1-v/2+3\"",
            "NAME != 'V1-v/2+3'",
            "NAME =~ 'V1-v/2+3'",
            "NAME::V1-v/2+3",
            "NAME and V1-v/2+3",
            "NAME: other\nV1-v/2+3",
            "NAME=\nV1-v/2+3",
            "NAME, V1-v/2+3",
            "f(NAME, \"V1-v/2+3\")",
            "use NAME V1-v/2+3",
            "NAME V1-v/2+3 and more",
            "NAME:\nV1-v/2+3\n",
            "</td><td>NAME</td></tr><tr><td>V1-v/2+3</td>",
            "NAME: f(x), sha: 'V1-v/2+3'",
            "NAME || other == 'V1-v/2+3'",
        ] {
            assert!(!assigned(text), "{text}");
        }
    }

    #[test]
    fn a_variable_takes_its_whole_value() {
        with_context("NAME=a b;c", Place::Env, |context| {
            assert_eq!(values(context, &(0..4)).first(), Some(&(5..10)));
        });
    }

    #[test]
    fn a_value_knows_its_name() {
        for (text, name) in [
            ("x.reference\": \"V", Some("x.reference")),
            ("sha = V", Some("sha")),
            ("word V", None),
            ("V", None),
        ] {
            let found = with_context(text, Place::File, |context| name_before(context, text.len() - 1));
            assert_eq!(found.map(|range| &text[range]), name);
        }
    }
}
