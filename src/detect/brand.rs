//! Names that hold a brand: `ABSTRACT_API_KEY`, `abstract:` with `api_key:` below it, `new Abstract("…")`.
//!
//! A definition gives the brand and the value; what a key is called is the same everywhere. A brand that
//! is an everyday word counts in one name with that of a key only.

use std::borrow::Cow;
use std::ops::Range;
use std::slice;
use std::sync::LazyLock;

use super::context::Context;
use super::names::{VariableName, full_name, hold_any, starts_word, words_of};
use super::section::{is_brand, keys_below};
use crate::limits;

/// What keys are called behind a brand, where a definition does not say.
pub(super) const KEYS: &[&str] = &[
    "access_key",
    "access_token",
    "admin_key",
    "api_auth_token",
    "api_key",
    "api_password",
    "api_secret",
    "api_secret_key",
    "api_token",
    "app_key",
    "app_secret",
    "app_token",
    "application_key",
    "auth",
    "auth_key",
    "auth_token",
    "authorization",
    "bearer",
    "bearer_token",
    "credential",
    "key",
    "license_key",
    "master_key",
    "pat",
    "personal_access_token",
    "personal_token",
    "private_key",
    "private_token",
    "rest_api_key",
    "rest_key",
    "secret",
    "secret_key",
    "secret_token",
    "server_key",
    "server_token",
    "service_key",
    "service_token",
    "subscription_key",
    "token",
    "user_key",
    "write_key",
    "x_api_key",
];

/// Words of a name behind its brand that make it something other than a key's.
const DENIED: [&str; 48] = [
    "id",
    "url",
    "uri",
    "host",
    "hostname",
    "endpoint",
    "domain",
    "port",
    "path",
    "file",
    "filename",
    "dir",
    "name",
    "header",
    "prefix",
    "suffix",
    "length",
    "size",
    "version",
    "sha",
    "hash",
    "digest",
    "checksum",
    "integrity",
    "commit",
    "revision",
    "rev",
    "reference",
    "ref",
    "etag",
    "md5",
    "public",
    "publishable",
    "type",
    "format",
    "regex",
    "pattern",
    "expiry",
    "expires",
    "ttl",
    "limit",
    "label",
    "title",
    "field",
    "param",
    "fingerprint",
    "signature",
    "thumbprint",
];

/// What may stand in front of an everyday word without making it another one.
const LEADS: [&str; 24] = [
    "my",
    "app",
    "react",
    "vite",
    "next",
    "nuxt",
    "public",
    "expo",
    "gatsby",
    "tf",
    "var",
    "env",
    "prod",
    "production",
    "dev",
    "development",
    "staging",
    "stage",
    "test",
    "live",
    "ci",
    "default",
    "the",
    "config",
];

/// What may stand behind a brand in the name of a section.
const SECTION_WORDS: [&str; 16] = [
    "api",
    "account",
    "auth",
    "client",
    "conf",
    "config",
    "configuration",
    "connection",
    "credentials",
    "io",
    "options",
    "opts",
    "provider",
    "sdk",
    "service",
    "settings",
];

/// How many words may stand between a brand and its key's name.
const BETWEEN: usize = 3;

/// What a call is named that takes a key: the brand itself, or one that ends in these.
const MAKERS: &[&str] = &[
    "account",
    "api",
    "auth",
    "authenticate",
    "begin",
    "build",
    "client",
    "config",
    "configure",
    "connect",
    "connection",
    "connector",
    "create",
    "credentials",
    "from",
    "handler",
    "init",
    "initialize",
    "instance",
    "key",
    "login",
    "make",
    "new",
    "open",
    "options",
    "provider",
    "register",
    "sdk",
    "secret",
    "service",
    "session",
    "setup",
    "start",
    "token",
    "use",
    "v1",
    "v2",
    "v3",
];

/// How far down a key's name may stand, in lines.
const SECTION_LINES: usize = 5;

/// How long the front of a call may be.
const MOST_CALLEE: usize = 60;

/// How many arguments of a call are looked at.
const ARGUMENTS: usize = 4;

/// The brands of a form and what their keys are called.
pub(super) struct Brands {
    brands: Vec<VariableName>,
    keys: Cow<'static, [VariableName]>,
    ordinary: bool,
}

/// [`KEYS`], which most forms share.
static USUAL_KEYS: LazyLock<Vec<VariableName>> =
    LazyLock::new(|| KEYS.iter().filter_map(|key| VariableName::parse(key).ok()).collect());

impl Brands {
    pub(super) fn new(brands: &[String], keys: Option<&[String]>, ordinary: bool) -> Result<Self, String> {
        if brands.is_empty() || keys.is_some_and(<[String]>::is_empty) {
            return Err("it has no brands or no keys".to_owned());
        }
        let parsed = |names: &[String]| -> Result<Vec<VariableName>, String> {
            names.iter().map(|name| VariableName::parse(name)).collect()
        };
        let keys = match keys {
            Some(keys) => Cow::Owned(parsed(keys)?),
            None => Cow::Borrowed(USUAL_KEYS.as_slice()),
        };
        Ok(Self { brands: parsed(brands)?, keys, ordinary })
    }

    /// The literals to look for, each with its brand's number and the word of it that it begins with. An
    /// everyday word is looked for together with the next.
    pub(super) fn anchors(&self) -> Vec<(String, (usize, usize))> {
        let mut anchors: Vec<(String, (usize, usize))> = Vec::new();
        for (number, brand) in self.brands.iter().enumerate() {
            let texts = if self.ordinary { brand.with_first_words(&self.keys) } else { brand.spellings() };
            anchors.extend(texts.into_iter().map(|text| (text, (number, 0))));
        }
        anchors
    }

    /// The literals alone.
    pub(super) fn anchor_texts(&self) -> Vec<String> {
        self.anchors().into_iter().map(|(text, _)| text).collect()
    }

    /// Where the brand number `brand` stands, whose word `word` is the context's anchor.
    pub(super) fn locate(&self, context: &Context<'_>, brand: usize, word: usize) -> Option<Range<usize>> {
        let found = self.brands.get(brand)?.locate(context.bytes, context.anchor, word)?;
        starts_word(context.bytes, found.start).then_some(found)
    }

    /// The names at and below the brand at `brand` that a key of it may be assigned to.
    pub(super) fn names(&self, context: &Context<'_>, brand: &Range<usize>) -> Vec<Range<usize>> {
        context.take(4 * self.keys.len());
        if let Some(decided) = self.adjacent(context, brand) {
            return decided.into_iter().collect();
        }
        if self.ordinary || !is_brand(context, brand) {
            return Vec::new();
        }
        context.take(8 * self.keys.len());
        if let Some(name) = self.spread(context, brand) {
            return vec![name];
        }
        if heads_section(context, brand) {
            keys_below(context, brand, &self.keys, SECTION_LINES)
        } else {
            Vec::new()
        }
    }

    /// The name in which a key's stands right behind the brand, if it does; none in it if that name is
    /// of something else.
    fn adjacent(&self, context: &Context<'_>, brand: &Range<usize>) -> Option<Option<Range<usize>>> {
        let ends =
            self.keys.iter().filter_map(|key| Some((key.locate_behind(context.bytes, brand.end)?, key)));
        let (end, key) = ends.max_by_key(|(end, _)| *end)?;
        let full = full_name(context.bytes, &(brand.start..end), false)?.full;
        let denied = hold_any(&words_of(context.slice(end..full.end)), &DENIED);
        Some((!denied && (!self.ordinary || is_own(context, &full, brand, key))).then_some(full))
    }

    /// A name in which other words stand between the two, or the brand behind the key's.
    fn spread(&self, context: &Context<'_>, brand: &Range<usize>) -> Option<Range<usize>> {
        let is_added = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        let added = context.slice(brand.end..context.bytes.len().min(brand.end + limits::NAME_AFFIX));
        let added = added.iter().take_while(|byte| is_added(byte)).count();
        let text = context.slice(brand.end..brand.end + added);
        let text = text.trim_ascii_end();
        let marks = text.iter().rev().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let end = brand.end + text.len() - marks;
        let full = full_name(context.bytes, &(brand.start..end), false)?.full;
        let (front, behind) = (context.slice(full.start..brand.start), context.slice(brand.end..full.end));
        let behind_words = words_of(behind);
        let after =
            self.keys.iter().find_map(|key| key.position_in(&behind_words).filter(|at| *at <= BETWEEN));
        match after {
            Some(_) => (!is_denied_beside(&behind_words, &self.keys)).then_some(full),
            None => {
                let front = words_of(front);
                let named = self.keys.iter().any(|key| key.ends(&front));
                (named && !hold_any(&behind_words, &DENIED)).then_some(full)
            }
        }
    }

    /// What a call of the brand is given in quotes: `new Abstract("…")`, `abstract.Client(key='…')`.
    pub(super) fn arguments(&self, context: &Context<'_>, brand: &Range<usize>) -> Vec<Range<usize>> {
        if self.ordinary {
            return Vec::new();
        }
        let end = context.bytes.len().min(brand.end + limits::VALUE);
        let text = context.slice(brand.end..end);
        let is_callee = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:\\/'\"`)>-$".contains(byte);
        let callee = text.iter().take(MOST_CALLEE).take_while(|byte| is_callee(byte)).count();
        let called = text.get(..callee).unwrap_or_default();
        if text.get(callee) != Some(&b'(') || !makes_client(context, brand, called) {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut at = callee + 1;
        while found.len() < ARGUMENTS {
            let rest = text.get(at..).unwrap_or_default();
            let Some(open) = rest.iter().position(|byte| b"\"'`);".contains(byte)) else { break };
            let quote = rest.get(open).copied().unwrap_or(b';');
            let inside = rest.get(open + 1..).unwrap_or_default();
            let closed = memchr::memchr(quote, inside);
            let Some(length) = closed.filter(|_| b"\"'`".contains(&quote)) else { break };
            let start = brand.end + at + open + 1;
            found.push(start..start + length);
            at += open + 1 + length + 1;
        }
        found
    }
}

/// Whether what follows a brand is the name of something that is made with a key, and not of a method that
/// takes ids: it has no dots, `new` stands before it, or it says so.
fn makes_client(context: &Context<'_>, brand: &Range<usize>, called: &[u8]) -> bool {
    let is_method = called.iter().any(|byte| b".>:".contains(byte));
    let makes = words_of(called).last().is_none_or(|last| MAKERS.contains(&last.as_str()));
    !is_method || makes || context.slice(brand.start.saturating_sub(4)..brand.start) == b"new "
}

/// Whether the name that the brand begins may be that of a section, and not of a setting.
fn heads_section(context: &Context<'_>, brand: &Range<usize>) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    let behind = context.slice(brand.end..context.bytes.len().min(brand.end + limits::NAME_AFFIX));
    let behind = behind.iter().take_while(|byte| is_name(byte)).count();
    words_of(context.slice(brand.end..brand.end + behind))
        .iter()
        .all(|word| SECTION_WORDS.contains(&word.as_str()))
}

/// Whether one of the words is denied, but for those of a key's name, which counts as a whole.
fn is_denied_beside(words: &[String], keys: &[VariableName]) -> bool {
    let longest = keys
        .iter()
        .filter_map(|key| key.position_in(words).map(|at| at..at + key.word_count()))
        .max_by_key(|range| range.len())
        .unwrap_or_default();
    words
        .iter()
        .enumerate()
        .any(|(at, word)| !longest.contains(&at) && hold_any(slice::from_ref(word), &DENIED))
}

/// Whether a name with an everyday word in it is that of the brand: nothing much stands in front of it,
/// and a short key's name is written as a variable of the environment.
fn is_own(context: &Context<'_>, full: &Range<usize>, brand: &Range<usize>, key: &VariableName) -> bool {
    let front = words_of(context.slice(full.start..brand.start));
    let lead = front.iter().all(|word| LEADS.contains(&word.as_str()));
    let upper = !context.slice(full.clone()).iter().any(u8::is_ascii_lowercase);
    lead && (key.word_count() >= 2 || upper)
}

#[cfg(test)]
mod tests {
    use super::{Brands, KEYS};
    use crate::detect::context::Context;
    use crate::detect::{Place, Window};

    fn with<T>(text: &str, ordinary: bool, read: impl FnOnce(&Brands, &Context<'_>) -> T) -> T {
        let brands = Brands::new(&["ACME_PAY".to_owned()], None, ordinary).expect("valid");
        assert_eq!(brands.keys.len(), KEYS.len());
        let bytes = text.as_bytes();
        let window =
            Window { bytes, owned: 0..bytes.len(), starts: true, ends: true, place: Place::File, path: b"" };
        let anchor = text.to_ascii_lowercase().find("acme").expect("valid");
        read(&brands, &Context::around(&window, anchor))
    }

    fn names_of(text: &str, ordinary: bool) -> Vec<&str> {
        let ranges = with(text, ordinary, |brands, context| {
            brands.locate(context, 0, 0).map(|brand| brands.names(context, &brand)).unwrap_or_default()
        });
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    fn arguments_of(text: &str) -> Vec<&str> {
        let ranges = with(text, false, |brands, context| {
            brands.locate(context, 0, 0).map(|brand| brands.arguments(context, &brand)).unwrap_or_default()
        });
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn a_brand_and_a_keys_name_are_one_name() {
        for name in [
            "ACME_PAY_API_KEY",
            "acmepay-api-key",
            "acmePayApiKey",
            "acmepayapikey",
            "ACMEPAY_KEY",
            "acme.pay.secret",
            "Acme Pay API key",
            "MY_ACMEPAY_TOKEN_2",
            "ACME_PAY_LIVE_SECRET_KEY",
            "acmepay.production.api_key",
            "TOKEN_ACME_PAY",
            "apiKeyAcmePay",
            "ACMEPAY_EU_WEST_TOKEN",
        ] {
            assert_eq!(names_of(&format!("{name}=v"), false), [name], "{name}");
        }
    }

    #[test]
    fn other_names_of_the_brand_are_no_keys() {
        for name in [
            "ACME_PAY_URL",
            "ACME_PAY_API_KEY_ID",
            "acmePayKeyHash",
            "ACMEPAY_TOKEN_FILE",
            "ACMEPAY_PUBLIC_KEY",
            "xacmepay_key",
            "ACMEPAYMENTS_KEY",
            "acmepay_keyring",
            "ACME_PAY_VERSION",
        ] {
            assert!(names_of(&format!("{name}=v"), false).is_empty(), "{name}");
        }
    }

    #[test]
    fn everyday_names_below_a_brand_are_found() {
        assert_eq!(names_of("acmepay:\n  url: x\n  api_key: v\n", false), ["api_key"]);
        assert_eq!(names_of("[acme-pay]\ntoken = v\n", false), ["token"]);
        assert_eq!(names_of("acmepayConfig = {\n  token: 'v' }", false), ["token"]);
        assert!(names_of("acmepay:\n  url: x\nother:\n  api_key: v\n", false).is_empty());
        assert!(names_of("ACMEPAY_URL=x\nSECRET_KEY=v\n", false).is_empty(), "another variable's");
    }

    #[test]
    fn an_everyday_word_counts_in_one_name_only() {
        for name in ["ACME_PAY_API_KEY", "acmePayApiKey", "ACME_PAY_TOKEN", "VITE_ACME_PAY_KEY"] {
            assert_eq!(names_of(&format!("{name}=v"), true), [name]);
        }
        for text in
            ["acme_pay_token=v", "acmepay:\n  api_key: v\n", "DROP_ACME_PAY_API_KEY=v", "acmePayToken=v"]
        {
            assert!(names_of(text, true).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_call_is_given_its_key() {
        assert_eq!(arguments_of("new AcmePay('v')"), ["v"]);
        assert_eq!(arguments_of("acmepay.Client(key=\"v\", url='w')"), ["v", "w"]);
        assert_eq!(arguments_of("require('acmepay')('v')"), ["v"]);
        assert_eq!(arguments_of("AcmePay::API.new(`v`)"), ["v"]);
        assert_eq!(arguments_of("acmepay.setApiKey('v')"), ["v"]);
        assert_eq!(arguments_of("AcmePayIngest('v')"), ["v"]);
        assert_eq!(arguments_of("new acmepay.Ingest('v')"), ["v"]);
        assert!(arguments_of("acmepay.items.get('v')").is_empty());
        assert!(arguments_of("acmepay = 'v'").is_empty());
        assert!(arguments_of("acmepay(x); 'v'").is_empty());
    }
}
