//! Values near a host: a key's everyday name, its link and a value, some lines before or behind
//! `api.abstract.com`; in a URL of it, in a header of a request, or beside it in a configuration.

use std::ops::Range;
use std::sync::LazyLock;

use regex_automata::Input;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;

use super::context::Context;
use super::names::{hold_any, words_of};
use crate::limits;

/// How far a value may stand from the host, in lines.
const LINES: usize = 5;

/// Turns for the reading of a name.
const TURNS_A_NAME: usize = 128;

/// How long the name of a user in a URL may be.
const MOST_USER: usize = 256;

/// What is no key's name though it ends like one.
const DENIED: [&str; 30] = [
    "public",
    "publishable",
    "sha",
    "hash",
    "digest",
    "integrity",
    "checksum",
    "csrf",
    "xsrf",
    "cache",
    "primary",
    "foreign",
    "idempotency",
    "object",
    "partition",
    "sort",
    "s3",
    "image",
    "dedup",
    "routing",
    "page",
    "next",
    "previous",
    "continuation",
    "sync",
    "device",
    "request",
    "row",
    "storage",
    "etag",
];

/// A key's name up to where its value begins; or the user info of a URL.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let dialect = syntax::Config::new().unicode(false).utf8(false);
    Regex::builder()
        .syntax(dialect)
        .configure(Regex::config().utf8_empty(false))
        .build(concat!(
            r#"(?i)(?:key|token|secret|password|passwd|credential|auth|authorization|bearer|basic)s?"#,
            r#"(?:\\*["'`])?\]?[ \t]{0,8}(?:=>|:=|=|:|,|%3D|[ \t])[ \t]{0,8}(?:\\*["'`])?"#,
            r#"(?:(?:bearer|token|basic|key|apikey|api-key|accesskey|sso-key|secret)(?:[ \t=:]{1,3}|\+)(?:\\*["'`])?)?"#,
            r#"|://|(?:[ \t]-u|--user)[ \t=]{0,4}["']?"#,
        ))
        .ok()
});

/// The places near `host` at which a value may begin, each with the name in front of it.
pub(super) fn values_near(context: &Context<'_>, host: &Range<usize>) -> Vec<(Range<usize>, usize)> {
    let Some(named) = NAMED.as_ref() else { return Vec::new() };
    let lines = context.nearby(host, LINES);
    let from = lines.start.max(host.start.saturating_sub(limits::HOST_REACH));
    let to = lines.end.min(host.end.saturating_add(limits::HOST_REACH));
    let mut found = Vec::new();
    context.take(to.saturating_sub(from));
    for hit in named.find_iter(Input::new(context.bytes).span(from..to)) {
        context.take(TURNS_A_NAME);
        let name = whole_name(context, hit.start());
        if hold_any(&words_of(context.slice(name.clone())), &DENIED) {
            continue;
        }
        let names_user = matches!(context.byte(hit.start()), Some(b':' | b'-' | b' ' | b'\t'));
        let password = names_user.then(|| behind_user(context, hit.end())).flatten();
        found.push((name.clone(), hit.end()));
        found.extend(password.map(|at| (name, at)));
    }
    found
}

/// Where the password of `user:password` begins.
fn behind_user(context: &Context<'_>, at: usize) -> Option<usize> {
    let text = context.slice(at..context.bytes.len().min(at + MOST_USER));
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || b":/@\"'`".contains(byte);
    let end = text.iter().position(is_end)?;
    (text.get(end) == Some(&b':')).then_some(at + end + 1)
}

/// The name whose last word begins at `at`.
fn whole_name(context: &Context<'_>, at: usize) -> Range<usize> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    let front = context.slice(at.saturating_sub(limits::NAME_AFFIX)..at);
    let front = front.iter().rev().take_while(|byte| is_name(byte)).count();
    let behind = context.slice(at..context.bytes.len().min(at + limits::NAME_AFFIX));
    at - front..at + behind.iter().take_while(|byte| is_name(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::values_near;
    use crate::detect::context::Context;
    use crate::detect::{Place, Window};

    fn is_near(text: &str) -> bool {
        begins_near(text, b"V1v")
    }

    /// Whether one of the values near the host begins like this.
    fn begins_near(text: &str, value: &[u8]) -> bool {
        let bytes = text.as_bytes();
        let window =
            Window { bytes, owned: 0..bytes.len(), starts: true, ends: true, place: Place::File, path: b"" };
        let anchor = text.find("api.acme.com").expect("valid");
        let context = Context::around(&window, anchor);
        values_near(&context, &(anchor..anchor + 12)).iter().any(|(_, at)| bytes[*at..].starts_with(value))
    }

    #[test]
    fn requests_and_settings_name_a_key() {
        for text in [
            "https://api.acme.com/v1?api_key=V1v&x=1",
            "https://api.acme.com/v1?x=1&access_token=V1v",
            "curl -H 'Authorization: Bearer V1v' https://api.acme.com/v1",
            "curl https://api.acme.com/v1 \\\n  -H \"X-Api-Key: V1v\"",
            "curl -u user:x https://V1v@api.acme.com/",
            "curl https://me:V1v@api.acme.com/",
            "curl https://V1v:@api.acme.com/",
            "curl https://api.acme.com/ -u V1v:",
            "curl --user 'me:V1v' https://api.acme.com/",
            "base: https://api.acme.com\nregion: eu\nkey: V1v\n",
            "{\"secret\": \"V1v\", \"host\": \"api.acme.com\"}",
            "headers = {'Authorization': 'Token V1v'}\nget('https://api.acme.com')",
            "headers[\"apikey\"] = \"V1v\"\nget('https://api.acme.com')",
        ] {
            assert!(is_near(text), "{text}");
        }
    }

    #[test]
    fn a_key_of_base64_may_begin_with_its_marks() {
        for text in [
            "curl -H 'Authorization: Bearer +V1v' https://api.acme.com/v1",
            "curl -H 'Authorization: Basic +V1v' https://api.acme.com/v1",
        ] {
            assert!(begins_near(text, b"+V1v"), "{text}");
        }
        assert!(is_near("https://api.acme.com/v1?authorization=Bearer+V1v"), "a blank in a query");
    }

    #[test]
    fn far_and_foreign_values_are_not() {
        for text in [
            "https://api.acme.com/\n\n\n\n\n\nkey: V1v",
            "https://api.acme.com/ integrity: V1v",
            "public_key: V1v https://api.acme.com/",
            "V1v https://api.acme.com/",
        ] {
            assert!(!is_near(text), "{text}");
        }
    }
}
