//! The ways from the end of a name to the start of its value, as bounded expressions.

use std::ops::Range;
use std::sync::LazyLock;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use crate::detect::context::Context;
use crate::detect::opening::FirstByte;
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
    /// Nothing on its line; the value must end the line.
    Line,
    /// A line's start or an indentation that is less than that of the value's line.
    Outer,
    /// The border of a table's cell.
    Cell,
    /// `{`, `@`, `:`: of an Erlang tuple, an Elixir attribute, a Clojure keyword.
    Opening,
}

/// A link that was found.
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) quoted: bool,
    pub(super) markup: bool,
    pub(super) whole_line: bool,
}

/// The links, tried in this order. A name may be closed by a quote, itself perhaps escaped, and by
/// brackets: `env["NAME"] = …`, `"{\"name\": …`.
const LINKS: &[Link] = &[
    // ${NAME:-value}
    Link { expression: r":?[-=]", left: Left::Expansion, quoted: false },
    // { name: NAME, value: … }, over lines as well; <add key="NAME" value="…"/>
    Link {
        expression: r#"\\*["'`]?\s{0,4},?(?:\s|\\n){0,80}\\*["']?(?:[\w-]{1,20}[:.])?(?i:(?:parameter)?value|defaultvalue|content)\\*["']?\s{0,8}[:=]"#,
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
    // NAME=… "name": … name => … name := … name[64] = … **name**: …
    Link {
        expression: r#"(?:\\*["'`]|\*\*)?(?:[\])}]{0,3}|\[\d{0,6}\])[ \t]{0,40}(?:=>|:=|\?=|\|\|=|\?\?=|\+=|<-|=|:)"#,
        left: Left::Anything,
        quoted: false,
    },
    // define('NAME', '…'), getenv("NAME", "…"), "--name", "…"; "NAME";"…"
    Link { expression: r#"\\*["'`](?:\s{0,40},|;)"#, left: Left::Anything, quoted: true },
    // process.env.NAME || '…', environ.get("NAME") or "…", ENV.fetch('NAME') { '…' }, getenv('NAME') ?: '…'
    Link {
        expression: r#"\\*["'`]?[\])}]{0,3}\s{0,40}(?:\|\||\?\?|\?:|//|or\b|\{|do\b)"#,
        left: Left::Anything,
        quoted: true,
    },
    // var("NAME").unwrap_or("…"), ofNullable(getenv("NAME")).orElse("…")
    Link {
        expression: r#"\\*["'`]?\){0,3}\s{0,40}\.(?:unwrap_or|unwrap_or_else|orElse|orElseGet|getOrElse|or_else)\((?:\|_?\||\(\) ?[-=]>)?"#,
        left: Left::Anything,
        quoted: true,
    },
    // name = env('OTHER', '…'), fromEnvironment('OTHER', defaultValue: '…'), Field(default="…")
    Link {
        expression: r#"\\*["'`]?[ \t]{0,40}(?::[ \t]*\w{1,20}[ \t]*)?(?:=>|:=|=|:)\s{0,8}[\w.$:>\\-]{1,60}\(\s{0,8}(?:(?:["'][^"'\n]{0,60}["']|[\w.]{1,40})\s{0,4},\s{0,8}(?:\w{1,20}\s?[:=])?|(?i:default|default_?value)\s?[:=])"#,
        left: Left::Anything,
        quoted: true,
    },
    // name = environ.get("OTHER") or "…", name: process.env.X || '…', name = var("X").unwrap_or("…")
    Link {
        expression: r#"\\*["'`]?[ \t]{0,40}(?:=>|:=|=|:)\s{0,8}[\w.$:>\\\[(-]{1,60}(?:["'][^"'\n]{0,60}["'][\])]{0,3})?\s{0,8}(?:\|\||\?\?|\?:|//|or\b|\.(?:unwrap_or|orElse|getOrElse)\()"#,
        left: Left::Anything,
        quoted: true,
    },
    // config('NAME', cast=str, default='…')
    Link {
        expression: r#"\\*["'`](?:\s{0,4},[^,()\n]{0,60}){0,3}?\s{0,4},\s{0,40}(?i:default|default_?value|fallback)\s{0,4}[:=]"#,
        left: Left::Anything,
        quoted: true,
    },
    // name=${OTHER:value}
    Link {
        expression: r#"["'`]?[ \t]{0,40}[:=][ \t]{0,8}["']?\$\{[\w.]{1,60}:-?"#,
        left: Left::Anything,
        quoted: false,
    },
    // NAME = %q(value), name: !!str value, name: &anchor value
    Link {
        expression: r#"[ \t]{0,40}(?:=[ \t]{0,8}%[qQwW]?[(\[{|]|:[ \t]{1,8}(?:!{1,2}\w{1,20}|&\w{1,30})[ \t])"#,
        left: Left::Anything,
        quoted: false,
    },
    // public string Name { get; set; } = "…", local NAME <const> = '…'
    Link { expression: r"\s{0,8}(?:\{[^{}\n]{1,40}\}|<const>)\s{0,8}=", left: Left::Anything, quoted: true },
    // Name string `default:"…"`
    Link {
        expression: r"[ \t]{1,40}\w{1,20}[ \t]{1,40}`[^`\n]{0,80}(?i:default|envdefault):",
        left: Left::Anything,
        quoted: true,
    },
    // {&quot;name&quot;:&quot;value, name%3Dvalue, %22name%22%3A%22value, name\u003dvalue; s:4:"name";s:5:"value
    Link {
        expression: r#"(?:(?:&(?:quot|apos|#3[49]);\s{0,4}(?:=&gt;|[:=,])\s{0,4}&(?:quot|apos|#3[49]);)|(?:%22)?%3[ADad](?:%22)?|\\u003[dD]|";s:\d{1,5}:")"#,
        left: Left::Anything,
        quoted: false,
    },
    // </key><string>…, </name> <value>…, <property name="NAME"><value>…
    Link {
        expression: r#"(?:</[\w:.-]{1,40}>\s{0,80}(?:<[\w:.-]{1,40}>[^<>]{0,60}</[\w:.-]{1,40}>\s{0,80})?|["'](?:\s[^<>]{0,100})?>\s{0,80})<(?i:string|data|(?:[\w.:-]{1,30}-)?value)(?:\s[^<>]{0,60})?>"#,
        left: Left::Anything,
        quoted: false,
    },
    // <td>NAME</td><td>…</td>, also with quotes and code around either
    Link {
        expression: r#"['"\] \t]{0,4}(?:</(?i:td|th|dt|code|pre|b|strong|span|tt)>\s{0,80}){1,3}(?:<(?i:td|dd|code|pre|span|tt)(?:\s[^<>]{0,100})?>\s{0,20}){1,3}(?:&(?:quot|#39);)?"#,
        left: Left::Anything,
        quoted: false,
    },
    // <name>…, <string name="NAME">…
    Link { expression: r#"["']?(?:\s[^<>]{0,100})?>"#, left: Left::Markup, quoted: false },
    // .name("…"), setName('…')
    Link { expression: r"[ \t]{0,4}\(", left: Left::Anything, quoted: true },
    // --name value
    Link { expression: r"[ \t]{1,40}", left: Left::Dash, quoted: false },
    // ENV NAME value, set("NAME", "value"), put NAME <<< value
    Link { expression: r#"["']?[ \t]{1,40}(?:<<<[ \t]{0,8})?"#, left: Left::Setter, quoted: false },
    Link { expression: r"[ \t]{0,8},", left: Left::Setter, quoted: true },
    // --name NAME --type String --value value; set NAME --body value; /v NAME /t REG_SZ /d value
    Link {
        expression: r#"\\*["']?(?:(?:[ \t]|\\\r?\n){1,40}[/-][\w-]{1,30}(?:[ \t=]{1,4}[^\s/-]\S{0,60})?){0,4}?(?:[ \t]|\\\r?\n){1,40}(?:(?i:--?value|--secret-string|--body|/d)(?:[ \t]{1,8}|=)|-b[ \t]{0,8})"#,
        left: Left::Anything,
        quoted: false,
    },
    // Of a line alone: NAME value; NAME,value
    Link { expression: r"(?:[ \t]{1,40}|[,;])", left: Left::Line, quoted: false },
    // name: with the value on the next line, of a list or not
    Link { expression: r#"["']?:[ \t]{0,8}\r?\n[ \t]{1,40}(?:- )?"#, left: Left::Outer, quoted: false },
    // | NAME | value |
    Link { expression: r"(?:`|\*\*)?[ \t]{0,40}\|[ \t]{0,40}", left: Left::Cell, quoted: false },
    // {name, "value"}, {name, <<"value">>}, @name "value", :name "value"
    Link { expression: r"(?:,\s{0,8}(?:<<)?|[ \t]{1,8})", left: Left::Opening, quoted: true },
];

/// Words that take a name and a value, with nothing but spaces and options between. In any case.
const SETTERS: [&str; 18] = [
    "env",
    "setenv",
    "setx",
    "define",
    "fastcgi_param",
    "uwsgi_param",
    "scgi_param",
    "set",
    "proxy_set_header",
    "add_header",
    "put",
    "config",
    "def",
    "defvar",
    "defconst",
    "defparameter",
    "setq",
    "setvar",
];

/// Options between a setter and the name.
const MOST_OPTIONS: usize = 4;

/// The links' expressions, each with the bytes that it may begin with: most end at the first one.
static EXPRESSIONS: LazyLock<Vec<Option<(FirstByte, Regex)>>> = LazyLock::new(|| {
    let dialect = syntax::Config::new().unicode(false).utf8(false);
    let build = |link: &Link| {
        let first = FirstByte::of(&syntax::parse_with(link.expression, &dialect).ok()?);
        let configuration = Regex::config().utf8_empty(false);
        let regex = Regex::builder().syntax(dialect).configure(configuration).build(link.expression).ok()?;
        Some((first, regex))
    };
    LINKS.iter().map(build).collect()
});

/// The links behind the name at `name`.
pub(super) fn behind<'c>(
    context: &'c Context<'_>,
    name: &'c Range<usize>,
) -> impl Iterator<Item = Found> + use<'c> {
    let end = name.end.saturating_add(limits::ASSIGNMENT).min(context.bytes.len());
    let next = context.byte(name.end);
    let links = LINKS.iter().zip(EXPRESSIONS.iter()).filter(move |_| name.end < end);
    links.filter_map(move |(link, expression)| {
        let (first, expression) = expression.as_ref()?;
        if !first.fits(next) || !left_fits(link.left, context, name) {
            return None;
        }
        let input = Input::new(context.bytes).span(name.end..end).anchored(Anchored::Yes);
        let hit = expression.search(&input)?;
        let range = hit.start()..hit.end();
        if link.left == Left::Outer && !is_deeper(context, name, &range) {
            return None;
        }
        // A cell's value follows at once; `name, other` is a list.
        let separated = matches!(context.byte(range.end.wrapping_sub(1)), Some(b',' | b';'));
        if link.left == Left::Line && separated && context.byte(range.end) == Some(b' ') {
            return None;
        }
        let (quoted, markup) = (link.quoted, link.left == Left::Markup);
        let whole_line = matches!(link.left, Left::Line | Left::Outer);
        Some(Found { range, quoted, markup, whole_line })
    })
}

fn left_fits(left: Left, context: &Context<'_>, name: &Range<usize>) -> bool {
    let before = context.slice(name.start.saturating_sub(limits::ASSIGNMENT)..name.start);
    match left {
        Left::Anything | Left::Outer => true,
        Left::Expansion => before.ends_with(b"${"),
        Left::Dash => before.last() == Some(&b'-'),
        Left::Markup => matches!(before.last(), Some(b'<' | b':' | b'"' | b'\'' | b'.')),
        Left::Setter => is_set(before),
        Left::Line => {
            let blanks = before.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let rest = before.get(..before.len() - blanks).unwrap_or_default();
            let starts = rest.last().map_or(name.start == blanks, |byte| *byte == b'\n');
            starts && !context.slice(name.clone()).contains(&b' ')
        }
        Left::Cell => {
            let marks = before.iter().rev().take_while(|byte| b" \t`*".contains(byte)).count();
            before
                .get(..before.len() - marks)
                .is_some_and(|rest| matches!(rest.last(), None | Some(b'|' | b'\n')))
        }
        Left::Opening => matches!(before.last(), Some(b'{' | b'@' | b':')),
    }
}

/// Whether `before` ends in a setter, options and the front of a path: `put config/`, `set --export `.
fn is_set(before: &[u8]) -> bool {
    let is_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_.:-".contains(byte);
    let in_path = matches!(before.last(), Some(b'/' | b':' | b'.'));
    let path = if in_path { before.iter().rev().take_while(|byte| is_path(byte)).count() } else { 0 };
    let mut rest = before.get(..before.len() - path).unwrap_or_default();
    for _ in 0..=MOST_OPTIONS {
        let gap = rest.iter().rev().take_while(|byte| b" \t(\"'".contains(byte)).count();
        rest = rest.get(..rest.len() - gap).unwrap_or_default();
        let word = rest.iter().rev().take_while(|byte| !byte.is_ascii_whitespace()).count();
        let word = rest.get(rest.len() - word..).unwrap_or_default();
        if gap == 0 {
            return false;
        }
        if !matches!(word, [b'-', first, ..] if *first == b'-' || word.len() <= 4) && word != b"/M" {
            return SETTERS.iter().any(|setter| {
                let front = word.len().checked_sub(setter.len()).map(|at| word.split_at(at));
                front.is_some_and(|(front, end)| {
                    end.eq_ignore_ascii_case(setter.as_bytes())
                        && front.last().is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
                })
            });
        }
        rest = rest.get(..rest.len() - word.len()).unwrap_or_default();
    }
    false
}

/// Whether the line that a link ends on is indented more than that of the name.
fn is_deeper(context: &Context<'_>, name: &Range<usize>, link: &Range<usize>) -> bool {
    let own = super::entry::indent_of(context, name.start);
    let next = context.slice(link.clone()).rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    own.is_some_and(|own| next.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count() > own)
}
