//! What is assigned to a name: one reading of configuration files, source code, markup and command
//! lines, shared by all detectors.
//!
//! A *link* leads from the end of a name to the start of its value. Each is a bounded expression. Where
//! several fit, each gives values to try: a detector's pattern tells which is one. Comparisons are no
//! links.

use std::ops::Range;
use std::sync::LazyLock;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use super::context::Context;
use crate::limits;

/// A way from a name to its value.
struct Link {
    expression: &'static str,
    /// What must stand before the name.
    left: Left,
    /// Whether only a quoted value counts: in these surroundings a bare word is likely another name.
    quoted: bool,
}

/// What must stand right before a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Anything,
    /// `${`
    Expansion,
    /// `-`
    Dash,
    /// `<`, a quote: a tag or an attribute.
    Markup,
    /// A word that takes a name and a value: `ENV`, `setenv`.
    Setter,
}

/// The links, tried in this order. A name may be closed by a quote, itself perhaps escaped, and by
/// brackets: `env["NAME"] = …`, `"{\"name\": …`.
const LINKS: &[Link] = &[
    // ${NAME:-value}
    Link { expression: r":?[-=]", left: Left::Expansion, quoted: false },
    // { name: NAME, value: … }, over lines as well; <add key="NAME" value="…"/>
    Link {
        expression: r#"\\*["'`]?\s{0,4},?(?:\s|\\n){0,80}\\*["']?(?i:value|defaultvalue|content)\\*["']?\s{0,8}[:=]"#,
        left: Left::Anything,
        quoted: false,
    },
    // name: &str = "…"
    Link {
        expression: r#"[ \t]*:[ \t]*[A-Za-z&][\w<>\[\]&', :.?|]{0,40}[ \t]*="#,
        left: Left::Anything,
        quoted: true,
    },
    // name string = "…"
    Link { expression: r"[ \t]+[A-Za-z][\w\[\]*.]{0,30}[ \t]*=", left: Left::Anything, quoted: true },
    // NAME=… "name": … name => … name := …
    Link {
        expression: r#"\\*["'`]?[\])}]{0,3}[ \t]{0,40}(?:=>|:=|\?=|\|\|=|\?\?=|\+=|<-|=|:)"#,
        left: Left::Anything,
        quoted: false,
    },
    // define('NAME', '…'), getenv("NAME", "…"), "--name", "…"
    Link { expression: r#"\\*["'`]\s{0,40},"#, left: Left::Anything, quoted: true },
    // process.env.NAME || '…', environ.get("NAME") or "…", ENV.fetch('NAME') { '…' }
    Link {
        expression: r#"\\*["'`]?[\])]{0,3}\s{0,40}(?:\|\||\?\?|or\b|\{)"#,
        left: Left::Anything,
        quoted: true,
    },
    // </key><string>…, </name> <value>…
    Link {
        expression: r"</[\w:.-]{1,40}>\s{0,80}<(?i:string|value|data)(?:\s[^<>]{0,60})?>",
        left: Left::Anything,
        quoted: false,
    },
    // <name>…, <string name="NAME">…
    Link { expression: r#"["']?(?:\s[^<>]{0,100})?>"#, left: Left::Markup, quoted: false },
    // .name("…"), setName('…')
    Link { expression: r"[ \t]{0,4}\(", left: Left::Anything, quoted: true },
    // --name value
    Link { expression: r"[ \t]{1,40}", left: Left::Dash, quoted: false },
    // ENV NAME value
    Link { expression: r"[ \t]{1,40}", left: Left::Setter, quoted: false },
];

/// Words that take a name and a value, with nothing but spaces between.
const SETTERS: [&str; 8] = ["ENV", "setenv", "SetEnv", "setx", "define", "fastcgi_param", "env", "set"];

static EXPRESSIONS: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    let dialect = syntax::Config::new().unicode(false).utf8(false);
    let build = |link: &Link| {
        Regex::builder()
            .syntax(dialect)
            .configure(Regex::config().utf8_empty(false))
            .build(link.expression)
            .ok()
    };
    LINKS.iter().map(build).collect()
});

/// The values that may be assigned to the name at `name`, the likeliest first. A detector takes the
/// first that its pattern describes as a whole.
pub(super) fn values(context: &Context<'_>, name: &Range<usize>) -> Vec<Range<usize>> {
    let end = name.end.saturating_add(limits::ASSIGNMENT).min(context.bytes.len());
    if name.end >= end {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (link, expression) in LINKS.iter().zip(EXPRESSIONS.iter()) {
        if link.left != Left::Anything && !left_fits(link.left, context.slice(0..name.start)) {
            continue;
        }
        let input = Input::new(context.bytes).span(name.end..end).anchored(Anchored::Yes);
        let Some(hit) = expression.as_ref().and_then(|expression| expression.search(&input)) else {
            continue;
        };
        if is_comparison(context, hit.start()..hit.end()) {
            continue;
        }
        let value = Value { context, quoted_only: link.quoted, markup: link.left == Left::Markup };
        for range in value.read(hit.end()) {
            if !found.contains(&range) {
                found.push(range);
            }
        }
    }
    found
}

fn left_fits(left: Left, before: &[u8]) -> bool {
    match left {
        Left::Anything => true,
        Left::Expansion => before.ends_with(b"${"),
        Left::Dash => before.last() == Some(&b'-'),
        Left::Markup => matches!(before.last(), Some(b'<' | b':' | b'"' | b'\'' | b'.')),
        Left::Setter => {
            let spaces = before.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let words = before.get(..before.len() - spaces).unwrap_or_default();
            spaces > 0
                && SETTERS.iter().any(|setter| {
                    words.strip_suffix(setter.as_bytes()).is_some_and(|front| {
                        front.last().is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
                    })
                })
        }
    }
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

/// The reading of a value at the end of a link.
struct Value<'c, 'a> {
    context: &'c Context<'a>,
    quoted_only: bool,
    markup: bool,
}

impl Value<'_, '_> {
    fn read(&self, at: usize) -> Vec<Range<usize>> {
        if let Some(quoted) = self.quoted(at) {
            return quoted;
        }
        if self.quoted_only {
            return Vec::new();
        }
        let start =
            self.block_scalar(at).unwrap_or_else(|| self.skip(at, 40, |byte| matches!(byte, b' ' | b'\t')));
        let start = if self.markup { self.behind_cdata(start) } else { start };
        self.bare(start)
    }

    /// Skips up to `most` bytes that `skipped` holds of.
    fn skip(&self, at: usize, most: usize, skipped: impl Fn(u8) -> bool) -> usize {
        let rest = self.context.slice(at..self.context.bytes.len().min(at.saturating_add(most)));
        at + rest.iter().take_while(|byte| skipped(**byte)).count()
    }

    /// A value in quotes, on this line or the next; perhaps in brackets, perhaps the argument of a call.
    fn quoted(&self, at: usize) -> Option<Vec<Range<usize>>> {
        let blank = |byte: u8| byte.is_ascii_whitespace();
        let start = self.skip(at, 80, blank);
        let start = self.skip(start, 8, |byte| byte.is_ascii_whitespace() || b"[({&".contains(&byte));
        let word = self.skip(start, 60, |byte| byte.is_ascii_alphanumeric() || b"_.:!$@".contains(&byte));
        let quote = if self.context.byte(word) == Some(b'(') {
            self.skip(word + 1, 20, blank)
        } else if word - start <= 2 {
            word
        } else {
            start
        };
        self.between_quotes(quote).or_else(|| self.between_quotes(start))
    }

    /// What stands between the quote at `at` and its like: `"`, `'`, a backtick, `"""`, `\"`.
    fn between_quotes(&self, at: usize) -> Option<Vec<Range<usize>>> {
        let slashes = self.skip(at, 8, |byte| byte == b'\\') - at;
        let quote = self.context.byte(at + slashes).filter(|byte| b"\"'`".contains(byte))?;
        let mut open = at + slashes + 1;
        if self.context.slice(open..open + 2) == [quote, quote] {
            open += 2;
        }
        let rest = self.context.slice(open..self.context.bytes.len().min(open + limits::VALUE));
        let mut end = 0;
        let mut escaped = 0;
        for byte in rest {
            if *byte == quote && escaped <= slashes {
                break;
            }
            escaped = if *byte == b'\\' { escaped + 1 } else { 0 };
            end += 1;
        }
        let closed = rest.get(end) == Some(&quote);
        let end = if closed { open + end - slashes.min(escaped) } else { return Some(self.bare(open)) };
        Some(self.trimmed(open..end.max(open)))
    }

    /// A quoted value, without blanks at its ends; and without a second pair of quotes.
    fn trimmed(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let text = self.context.slice(range.clone());
        let front = text.len() - text.trim_ascii_start().len();
        let inner = range.start + front..range.start + front + text.trim_ascii().len();
        let mut found = vec![inner.clone()];
        if let [b'"', .., b'"'] | [b'\'', .., b'\''] = self.context.slice(inner.clone()) {
            found.push(inner.start + 1..inner.end - 1);
        }
        found
    }

    /// YAML's `name: |` with the value on the line below.
    fn block_scalar(&self, at: usize) -> Option<usize> {
        let at = self.skip(at, 40, |byte| matches!(byte, b' ' | b'\t'));
        self.context.byte(at).filter(|byte| matches!(byte, b'|' | b'>'))?;
        let at = self.skip(at + 1, 4, |byte| matches!(byte, b'-' | b'+' | b' ' | b'0'..=b'9'));
        let at = self.skip(at, 1, |byte| byte == b'\r');
        (self.context.byte(at)? == b'\n').then(|| self.skip(at + 1, 80, |byte| matches!(byte, b' ' | b'\t')))
    }

    fn behind_cdata(&self, at: usize) -> usize {
        let at = self.skip(at, 80, |byte| byte.is_ascii_whitespace());
        let mark = b"<![CDATA[";
        if self.context.slice(at..at + mark.len()) == mark { at + mark.len() } else { at }
    }

    /// A value without quotes: up to a blank or a quote, or cut at one of the marks that may belong to
    /// what is around it; then the line, then, of a single value, all of it.
    fn bare(&self, start: usize) -> Vec<Range<usize>> {
        let text = self.context.slice(start..self.context.bytes.len().min(start + limits::VALUE));
        let line = text.iter().take_while(|byte| !matches!(byte, 0..=8 | 10..=31 | 127)).count();
        let is_end =
            |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control() || b"\"'`".contains(byte);
        let word = text.iter().position(is_end).unwrap_or(text.len());
        let is_mark = |byte: &u8| b",;)}]><&|\\#%:@".contains(byte) || *byte >= 0x80;
        let mut ends = Vec::new();
        if self.context.is_single_value() {
            ends.push(text.len());
        }
        let marks_behind =
            text.get(..word).unwrap_or_default().iter().rev().take_while(|byte| is_mark(byte)).count();
        ends.extend([word - marks_behind, word]);
        ends.extend(text.iter().take(word).enumerate().filter(|(_, b)| is_mark(b)).map(|(at, _)| at).take(4));
        ends.push(line);
        let mut found = Vec::new();
        for end in ends {
            let range = start..start + text.get(..end).unwrap_or_default().trim_ascii_end().len();
            if !range.is_empty() && !found.contains(&range) {
                found.push(range);
            }
        }
        found
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
