//! What may be shown of a key, and the cleaning of every text that others wrote.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use aho_corasick::{AhoCorasick, MatchKind};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use regex::Regex;

use super::definition::Definition;
use super::set::{DetectorSet, Scratch};
use super::traces::{Trace, Traced, Tracer};
use super::{Hit, Key, Place, Window};
use crate::encoding;

/// What stands for what is not shown.
const HIDDEN: &str = "…";

/// The last characters of a key that may be shown, and how many must stay hidden for it.
const TAIL: usize = 4;
const LEAST_HIDDEN: usize = 24;

/// Bytes of a key that may not be shown in a row, unless its detector declares them public.
const PIECE: usize = 8;

/// How many parts of a path that a user typed are looked at with all that follows them.
const TYPED_PARTS: usize = 64;

/// The shortest value that is worth hiding wherever it occurs.
const SHORTEST_LEARNED: usize = 6;

/// A key as it may be shown: the public prefix of its detector, `…`, and the last 4 characters only
/// where at least 24 stay hidden. Of passwords, connection strings and private keys, nothing.
pub fn redacted(key: &[u8], definition: &Definition) -> String {
    const SILENT: [&str; 7] =
        ["password", "passphrase", "connection", "private", "credentials", "uri", "mnemonic"];
    let kind = definition.kind.to_ascii_lowercase();
    if SILENT.iter().any(|word| kind.contains(word)) || !key.iter().all(|byte| byte.is_ascii_graphic()) {
        return HIDDEN.to_owned();
    }
    let prefixes = definition.public_prefix.iter().filter(|prefix| key.starts_with(prefix.as_bytes()));
    let prefix = prefixes.max_by_key(|prefix| prefix.len()).map_or("", String::as_str);
    let tail = key.len().saturating_sub(TAIL);
    let last = if tail >= prefix.len() + LEAST_HIDDEN { key.get(tail..).unwrap_or_default() } else { b"" };
    format!("{prefix}{HIDDEN}{}", String::from_utf8_lossy(last))
}

/// Whether a variable of this name holds a secret, by its name.
pub fn is_secret_name(name: &str) -> bool {
    const SECRET: [&str; 14] = [
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "token",
        "key",
        "apikey",
        "credential",
        "credentials",
        "auth",
        "private",
        "pass",
        "pat",
    ];
    let words = super::names::words_of(name.as_bytes());
    words.iter().any(|word| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let ends =
            |secret: &&str| secret.len() >= 5 && (word.ends_with(*secret) || word.starts_with(*secret));
        SECRET.contains(&word) || SECRET.contains(&word.trim_end_matches('s')) || SECRET.iter().any(ends)
    })
}

/// Cleans texts for display: every key that any detector of the catalogue finds, encoded ones too, every
/// value it was told, every piece of eight bytes of such a value, and every password in a URL is replaced
/// by what may be shown of it.
pub struct Redactor<'a> {
    set: &'a DetectorSet,
    scratch: Mutex<Scratch>,
    learned: BTreeMap<Vec<u8>, String>,
    pieces: HashSet<[u8; PIECE]>,
    /// Pieces that stand in ids too, which may be shown.
    public: HashSet<[u8; PIECE]>,
    /// What is known by its traces only.
    traced: Traced,
    /// Finds what was learned, and what to show for each; made when it is first needed.
    finder: OnceLock<Option<Finder>>,
}

type Finder = (AhoCorasick, Vec<String>);

impl<'a> Redactor<'a> {
    /// A redactor that knows the detectors of `set`, which should be the whole catalogue.
    pub fn new(set: &'a DetectorSet) -> Self {
        Self {
            set,
            scratch: Mutex::default(),
            learned: BTreeMap::new(),
            pieces: HashSet::new(),
            public: HashSet::new(),
            traced: Traced::default(),
            finder: OnceLock::new(),
        }
    }

    /// From now on replaces the key by `shown` wherever it stands: as it is, as it stood in the image
    /// (`raw`), URL-encoded, or escaped as in JSON; and hides its pieces, because what others wrote may
    /// hold a part of it: a name that ends at its first `=`, say. Values under 6 bytes are not learned.
    pub fn learn(&mut self, key: &Key, raw: &[u8], shown: impl Into<String>) {
        let shown = shown.into();
        let prefixes = forms_of(shown.split(HIDDEN).next().unwrap_or_default().as_bytes());
        for plain in [key.expose(), raw] {
            for (form, prefix) in forms_of(plain).into_iter().zip(&prefixes) {
                self.pieces.extend(secret_parts(&form, prefix).into_iter().flat_map(pieces_of));
                self.replace(form, &shown);
            }
        }
    }

    /// The same of a key whose value nobody kept, by the traces of its forms. Its pieces are not known.
    pub fn learn_traces(&mut self, traces: &[Trace], shown: &str) {
        traces.iter().for_each(|trace| self.traced.add(*trace, shown));
    }

    /// The forms of a key of which [`Self::learn_traces`] wants the traces.
    pub fn forms_to_hide(key: &Key, raw: &[u8]) -> BTreeSet<Vec<u8>> {
        let forms = [key.expose(), raw].into_iter().flat_map(forms_of);
        forms.filter(|form| form.len() >= SHORTEST_LEARNED).collect()
    }

    /// The same of what may be no key but words like any other: its pieces are not hidden.
    pub fn learn_guess(&mut self, key: &Key, raw: &[u8], shown: impl Into<String>) {
        let shown = shown.into();
        for form in [key.expose(), raw].into_iter().flat_map(forms_of) {
            self.replace(form, &shown);
        }
    }

    /// From now on hides a value wherever it stands as a whole. It may be no key, but words like any other
    /// (an address, say): its pieces are not hidden.
    pub fn hide(&mut self, value: &Key) {
        for form in forms_of(value.expose()) {
            if !self.learned.contains_key(&form) {
                self.replace(form, HIDDEN);
            }
        }
    }

    fn replace(&mut self, form: Vec<u8>, shown: &str) {
        if form.len() >= SHORTEST_LEARNED && self.learned.insert(form, shown.to_owned()).is_none() {
            self.finder = OnceLock::new();
        }
    }

    /// From now on hides what a user typed that is a key or a password, wherever it is repeated. The parts
    /// of a path, a reference or an assignment are looked at by themselves: what joins them belongs to the
    /// alphabet of some kinds of key, and would hide where these begin and end.
    pub fn learn_typed(&mut self, text: &str) {
        let mut secrets = Vec::new();
        let mut look_at = |part| {
            let found = self.detected_in(part).into_iter();
            secrets.extend(found.filter_map(|(range, shown)| Some((part.get(range)?, shown))));
        };
        let quoted = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
        for path in text.split(quoted) {
            // A key that has slashes itself may begin behind each of them.
            path.match_indices('/').take(TYPED_PARTS).for_each(|(at, _)| look_at(&path[at + 1..]));
        }
        let apart = |c: char| quoted(c) || c == '/';
        for word in text.split(apart) {
            let (value, target) = (word.split_once('='), word.split_once(':'));
            let (stem, name) = (word.rsplit_once('.'), word.rsplit_once(':'));
            let behind = [value, target].into_iter().flatten().map(|(_, part)| part);
            let before = [stem, name].into_iter().flatten().map(|(part, _)| part);
            behind.chain(before).chain([word]).for_each(&mut look_at);
        }
        let passwords = passwords_in_urls(text).into_iter();
        secrets.extend(passwords.filter_map(|(range, shown)| Some((text.get(range)?, shown))));
        for (secret, shown) in secrets {
            self.learn(&Key::new(secret.as_bytes().to_vec()), secret.as_bytes(), shown);
        }
    }

    /// From now on traces are those that `tracer` makes.
    pub fn trace_with(&mut self, tracer: Tracer) {
        self.traced = Traced::new(tracer);
    }

    /// From now on `id` may be shown, also where it is a piece of a key.
    pub fn publish(&mut self, id: &str) {
        self.public.extend(pieces_of(id.as_bytes()));
    }

    fn finder(&self) -> Option<&Finder> {
        let make = || {
            let forms = self.learned.keys();
            let automaton =
                AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms).ok()?;
            Some((automaton, self.learned.values().cloned().collect()))
        };
        self.finder.get_or_init(make).as_ref()
    }

    /// `text` without its secrets.
    pub fn clean(&self, text: &str) -> String {
        self.clean_and_hide(text, Vec::new())
    }

    /// `text` without its secrets, and without what stands in `hidden`. Both are looked for in the text as
    /// it is: a key that is hidden in part would no longer be known by the rest.
    pub fn clean_and_hide(&self, text: &str, hidden: Vec<Range<usize>>) -> String {
        cover(text, self.found(text, hidden))
    }

    /// Where in `text` something is hidden, and what is shown instead: in order and apart.
    pub fn covers(&self, text: &str, hidden: Vec<Range<usize>>) -> Vec<(Range<usize>, String)> {
        merged(self.found(text, hidden)).into_iter().map(|(range, _, shown)| (range, shown)).collect()
    }

    fn found(&self, text: &str, hidden: Vec<Range<usize>>) -> Vec<(Range<usize>, String)> {
        let Some(mut covers) = self.traced.find_in(text.as_bytes()) else {
            return vec![(0..text.len(), HIDDEN.to_owned())];
        };
        covers.extend(self.learned_in(text));
        covers.extend(self.pieces_in(text));
        covers.extend(self.detected_in(text));
        covers.extend(passwords_in_urls(text));
        // What is hidden as a whole shows no prefix and no tail of a key in it.
        let is_hidden = |range: &Range<usize>| {
            hidden.iter().any(|hidden| hidden.start < range.end && range.start < hidden.end)
        };
        for (_, shown) in covers.iter_mut().filter(|(range, _)| is_hidden(range)) {
            HIDDEN.clone_into(shown);
        }
        covers.extend(hidden.into_iter().map(|range| (range, HIDDEN.to_owned())));
        covers
    }

    /// The value of a variable or label as it may be shown: nothing if its name says that it is secret,
    /// else cleaned, its name taken into account.
    pub fn mask_assignment(&self, name: &str, value: &str) -> String {
        if value.is_empty() {
            return String::new();
        }
        if is_secret_name(name) {
            return HIDDEN.to_owned();
        }
        let cleaned = self.clean(&format!("{name}={value}"));
        match cleaned.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
            Some(value) => self.clean(value),
            None => HIDDEN.to_owned(),
        }
    }

    fn learned_in(&self, text: &str) -> Vec<(Range<usize>, String)> {
        if self.learned.is_empty() {
            return Vec::new();
        }
        let Some((automaton, shown)) = self.finder() else {
            // Without the search nothing of the text is known to be safe.
            return vec![(0..text.len(), HIDDEN.to_owned())];
        };
        let hits = automaton.find_iter(text);
        hits.filter_map(|hit| Some((hit.range(), shown.get(hit.pattern().as_usize())?.clone()))).collect()
    }

    /// Stretches of which every eight bytes are a piece of a key.
    fn pieces_in(&self, text: &str) -> Vec<(Range<usize>, String)> {
        let mut found: Vec<(Range<usize>, String)> = Vec::new();
        if self.pieces.is_empty() {
            return found;
        }
        for (start, piece) in text.as_bytes().windows(PIECE).enumerate() {
            if !self.pieces.contains(piece) || self.public.contains(piece) {
                continue;
            }
            match found.last_mut() {
                Some((last, _)) if start <= last.end => last.end = start + PIECE,
                _ => found.push((start..start + PIECE, HIDDEN.to_owned())),
            }
        }
        found
    }

    fn detected_in(&self, text: &str) -> Vec<(Range<usize>, String)> {
        let mut hits = Vec::new();
        // What a panic in another thread left behind is only cached states.
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        // What another text left over is not this one's.
        scratch.take_given_up();
        self.set.scan_text(text.as_bytes(), &mut scratch, &mut hits);
        let shown = |hit: Hit| {
            let definition = self.set.definition(hit.detector);
            if definition.is_handle() {
                return None;
            }
            let shown = redacted(text.as_bytes().get(hit.span.clone())?, definition);
            Some((hit.span, shown))
        };
        let mut found: Vec<_> = hits.drain(..).filter_map(shown).collect();
        let (bytes, owned) = (text.as_bytes(), 0..text.len());
        let window = Window { bytes, owned, starts: true, ends: true, place: Place::History, path: b"" };
        encoding::each(&window, 0, |decoded| {
            self.set.scan_text(decoded.bytes(), &mut scratch, &mut hits);
            let keys = hits.drain(..).filter(|hit| !self.set.definition(hit.detector).is_handle());
            found.extend(keys.filter_map(|hit| Some((decoded.locate(&hit.span)?.span, HIDDEN.to_owned()))));
        });
        if scratch.take_given_up() > 0 {
            // Of what was not searched nothing is known to be safe.
            found.push((0..text.len(), HIDDEN.to_owned()));
        }
        found
    }
}

/// A value as it is, URL-encoded, and escaped as in JSON.
fn forms_of(plain: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![plain.to_vec(), percent_encode(plain, NON_ALPHANUMERIC).to_string().into_bytes()];
    if let Ok(text) = std::str::from_utf8(plain) {
        forms.push(text.escape_default().to_string().into_bytes());
        forms.extend(serde_json::to_string(text).map(|json| json.trim_matches('"').as_bytes().to_vec()));
    }
    forms
}

/// What of a key nobody may see a piece of: without the public prefix; of an address, the password; of
/// PEM, what stands between the marks. A file of other facts around a PEM key is no secret itself.
fn secret_parts<'k>(key: &'k [u8], prefix: &[u8]) -> Vec<&'k [u8]> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let Ok(text) = std::str::from_utf8(key) else { return Vec::new() };
    if memchr::memmem::find(key, BEGIN).is_some() {
        let bodies = text.split("-----BEGIN ").skip(1).filter_map(|block| {
            let body = block.split_once("-----")?.1;
            Some(body.split("-----END").next().unwrap_or(body).as_bytes())
        });
        return bodies.collect();
    }
    let passwords = passwords_in_urls(text);
    if !passwords.is_empty() {
        return passwords.into_iter().filter_map(|(range, _)| key.get(range)).collect();
    }
    // A piece may begin in the prefix, as long as it ends behind it.
    let start = if key.starts_with(prefix) { prefix.len().saturating_sub(PIECE - 1) } else { 0 };
    key.get(start..).into_iter().collect()
}

/// Every eight bytes in a row, but for one byte again and again, which tells nothing.
fn pieces_of(secret: &[u8]) -> impl Iterator<Item = [u8; PIECE]> {
    let pieces = secret.windows(PIECE).filter_map(|piece| <[u8; PIECE]>::try_from(piece).ok());
    pieces.filter(|piece| piece.iter().any(|byte| *byte != piece[0]))
}

/// `user:password@` behind a scheme. The password may hold anything but what ends it.
static URL_PASSWORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"[A-Za-z][A-Za-z0-9+.-]{1,31}://[^\s/:@"'<>]*:([^\s/"'<>]+)@"#).ok());

fn passwords_in_urls(text: &str) -> Vec<(Range<usize>, String)> {
    if memchr::memmem::find(text.as_bytes(), b"://").is_none() {
        return Vec::new();
    }
    let found = URL_PASSWORD.iter().flat_map(|regex| regex.captures_iter(text));
    found.filter_map(|captures| Some((captures.get(1)?.range(), HIDDEN.to_owned()))).collect()
}

/// Replaces the ranges; where some overlap, all that they cover goes, and the longest says by what.
fn cover(text: &str, covers: Vec<(Range<usize>, String)>) -> String {
    if covers.is_empty() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, _, shown) in merged(covers) {
        out.push_str(&String::from_utf8_lossy(text.as_bytes().get(done..range.start).unwrap_or_default()));
        out.push_str(&shown);
        done = range.end;
    }
    out.push_str(&String::from_utf8_lossy(text.as_bytes().get(done..).unwrap_or_default()));
    out
}

/// Ranges in order and apart, with the length of the longest that each is made of, and what that says.
fn merged(mut covers: Vec<(Range<usize>, String)>) -> Vec<(Range<usize>, usize, String)> {
    covers.sort_by_key(|(range, _)| (range.start, usize::MAX - range.end));
    let mut merged: Vec<(Range<usize>, usize, String)> = Vec::new();
    for (range, shown) in covers {
        match merged.last_mut() {
            Some((last, longest, text)) if range.start < last.end => {
                if range.len() > *longest {
                    *longest = range.len();
                    *text = shown;
                }
                last.end = last.end.max(range.end);
            }
            _ => merged.push((range.clone(), range.len(), shown)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Catalogue;
    use crate::detect::template::{Seed, expand};

    fn every() -> DetectorSet {
        DetectorSet::new(&Catalogue::embedded().expect("valid")).expect("valid")
    }

    fn definition(kind: &str, prefix: &str) -> Definition {
        let mut definition = Catalogue::embedded().expect("valid").definitions()[0].clone();
        definition.kind = kind.to_owned();
        definition.public_prefix = vec![prefix.to_owned()];
        definition
    }

    fn made(template: &str) -> String {
        expand(template, "", &mut Seed(7)).expect("valid")
    }

    #[test]
    fn a_redacted_key_shows_no_more_than_its_prefix_and_tail() {
        let token = definition("access token", "abc_");
        assert_eq!(redacted(b"abc_0123456789012345678901234567", &token), "abc_…4567");
        assert_eq!(redacted(b"abc_012345678901234567890123456", &token), "abc_…");
        assert_eq!(redacted(b"0123456789012345678901234567", &token), "…4567");
        assert_eq!(redacted(b"abc_ 0123456789012345678901234567", &token), "…");
        for kind in ["password", "connection string", "private key"] {
            assert_eq!(redacted(b"abc_0123456789012345678901234567", &definition(kind, "abc_")), "…");
        }
    }

    #[test]
    fn names_tell_secrets() {
        for name in
            ["DB_PASSWORD", "apiKey", "TOKEN2", "AUTH_TOKENS", "client-secret", "GITHUB_PAT", "mypassword"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["PATH", "LANG", "KEYBOARD", "AUTHOR", "COMPASS", "NODE_VERSION", "MONKEY"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_text_loses_its_keys_and_nothing_else() {
        let set = every();
        let redactor = Redactor::new(&set);
        let key = made("{{hex:36}}{{digits:4}}");
        let cleaned = redactor.clean(&format!("RUN CLOCKWORK_API_KEY={key} make é"));
        assert!(cleaned.starts_with("RUN CLOCKWORK_API_KEY=…") && cleaned.ends_with(" make é"));
        assert!(!cleaned.contains(&key[..8]));
        assert_eq!(redactor.clean("apt-get install -y curl"), "apt-get install -y curl");
        let password = made("{{lower:6}}");
        let cleaned = redactor.clean(&format!("https://me:{password}@host/x"));
        assert_eq!(cleaned, "https://me:…@host/x");
    }

    #[test]
    fn a_text_that_is_not_searched_to_its_end_is_not_shown() {
        let set = every();
        let token = made("{{github:ghp_}}");
        let cleaned = Redactor::new(&set).clean(&format!("{}{token}", "curl -s ".repeat(2000)));
        assert_eq!(cleaned, HIDDEN);
    }

    #[test]
    fn values_that_it_was_told_go_in_every_spelling() {
        let set = every();
        let mut redactor = Redactor::new(&set);
        let value = format!("{}/+\"{}", made("{{lower:4}}"), made("{{lower:4}}"));
        redactor.learn(&Key::new(value.clone().into_bytes()), value.as_bytes(), "…".to_owned());
        let encoded = value.replace('/', "%2F").replace('+', "%2B").replace('"', "%22");
        for spelled in [value.clone(), encoded, value.replace('"', "\\\"")] {
            assert_eq!(redactor.clean(&format!("<{spelled}>")), "<…>");
        }
    }

    #[test]
    fn an_assignment_is_masked_by_its_name() {
        let set = every();
        let redactor = Redactor::new(&set);
        assert_eq!(redactor.mask_assignment("DB_PASSWORD", "x"), "…");
        assert_eq!(redactor.mask_assignment("LANG", "C.UTF-8"), "C.UTF-8");
        assert_eq!(redactor.mask_assignment("DB_PASSWORD", ""), "");
    }

    fn with_redactor(check: impl FnOnce(&mut Redactor<'_>)) {
        let catalogue = Catalogue::embedded().expect("the catalogue");
        let set = DetectorSet::new(&catalogue).expect("a set");
        check(&mut Redactor::new(&set));
    }

    #[test]
    fn pieces_of_what_was_learned_are_hidden_and_ids_are_not() {
        with_redactor(|redactor| {
            let key = ["AcN773YaWYnq", ".", "MueI6zc9pwX0"].concat();
            redactor.learn(&Key::new(key.clone().into_bytes()), key.as_bytes(), "…");
            redactor.publish("AcN773YaWYnq");
            assert_eq!(redactor.clean(&format!("a{}b", &key[14..23])), "a…b");
            assert_eq!(redactor.clean("id AcN773YaWYnq"), "id AcN773YaWYnq");
            assert_eq!(redactor.clean(&key), "…");
            assert_eq!(redactor.clean("Yn7"), "Yn7");
        });
    }

    #[test]
    fn what_is_public_of_an_address_or_a_key_file_stays() {
        let address = ["postgres", "://app:", "q8Zr2mX9", "@db.acme.io"].concat();
        assert_eq!(secret_parts(address.as_bytes(), b""), [b"q8Zr2mX9"]);
        let file = [
            "{\"type\": \"x\", \"k\": \"-----BEGIN ",
            "PRIVATE KEY-----\\nabc\\n-----END ",
            "PRIVATE KEY-----\"}",
        ];
        assert_eq!(secret_parts(file.concat().as_bytes(), b""), [b"\\nabc\\n"]);
        assert_eq!(secret_parts(b"sk_live_12345678", b"sk_live_"), [b"k_live_12345678"]);
    }

    #[test]
    fn a_value_that_is_hidden_is_hidden_as_a_whole() {
        with_redactor(|redactor| {
            redactor.hide(&Key::new(b"https://corp.net/a b".to_vec()));
            assert_eq!(
                redactor.clean("see https://corp.net/a b, https://corp.net/c"),
                "see …, https://corp.net/c"
            );
            assert_eq!(redactor.clean("u=https%3A%2F%2Fcorp%2Enet%2Fa%20b"), "u=…");
        });
    }

    #[test]
    fn what_is_hidden_does_not_hide_the_key_beside_it() {
        with_redactor(|redactor| {
            let text = ["ARG A=", "https", "://u:", "secret pass@host"].concat();
            let hidden = std::iter::once(6..10).collect();
            assert_eq!(redactor.clean_and_hide(&text, hidden), format!("ARG A=…{}", &text[10..]));
        });
    }
}
