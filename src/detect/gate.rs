//! What a key must be like: lengths, counts, entropy, and the looks that give away a placeholder.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::definition::{Gate, Reject};
use super::samples;

/// Keys over this are whole documents, in which a word or a run of letters says nothing.
const SHORT: usize = 512;

/// Words of which a key that holds one was never issued. Five letters at least: shorter ones occur in
/// random text.
const PLACEHOLDERS: [&str; 26] = [
    "example",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "redacted",
    "dummy",
    "insert",
    "replace",
    "foobar",
    "sample",
    "your-",
    "your_",
    "yourapi",
    "yourkey",
    "yourtoken",
    "yoursecret",
    "yourpass",
    "youraccess",
    "xxxxx",
    "*****",
    ".....",
    "_here",
    "-here",
    "notreal",
    "fake_",
];

/// Letters of a word at most: what is longer is spoken by chance, and was not written by anybody.
const LONGEST_WORD: usize = 32;

/// What settings that are no secrets are set to.
const SETTINGS: [&str; 20] = [
    "true",
    "false",
    "none",
    "null",
    "nil",
    "undefined",
    "enabled",
    "disabled",
    "required",
    "optional",
    "default",
    "unset",
    "empty",
    "string",
    "secret",
    "password",
    "passwd",
    "token",
    "hidden",
    "unknown",
];

/// Whether the key passes all that needs nothing but itself.
pub(super) fn admits(gate: &Gate, key: &[u8], prefixes: &[String]) -> bool {
    let has = |least: usize, of: fn(&u8) -> bool| least == 0 || key.iter().filter(|b| of(b)).count() >= least;
    let body = body(key, prefixes);
    gate.length.is_none_or(|(least, most)| (least..=most).contains(&key.len()))
        && gate.min_entropy.is_none_or(|least| entropy(body) >= least)
        && has(gate.min_digits, u8::is_ascii_digit)
        && has(gate.min_upper, u8::is_ascii_uppercase)
        && has(gate.min_lower, u8::is_ascii_lowercase)
        && has(gate.min_letters, u8::is_ascii_alphabetic)
        && !gate.reject.iter().filter(|look| **look != Reject::Sequential).any(|look| looks(*look, key, body))
        && ![Reject::Placeholder, Reject::Repeated, Reject::Template].iter().any(|l| looks(*l, key, body))
}

/// Whether the key counts up or down: of no use against one that passed its check.
pub(super) fn is_sequential(key: &[u8], prefixes: &[String]) -> bool {
    looks(Reject::Sequential, key, body(key, prefixes))
}

/// The key without the prefix that all its kind have.
fn body<'a>(key: &'a [u8], prefixes: &[String]) -> &'a [u8] {
    prefixes
        .iter()
        .filter_map(|prefix| key.strip_prefix(prefix.as_bytes()))
        .min_by_key(|b| b.len())
        .unwrap_or(key)
}

fn looks(look: Reject, key: &[u8], body: &[u8]) -> bool {
    match look {
        Reject::Placeholder => key.len() <= SHORT && is_text(key) && is_placeholder(body),
        Reject::Sequential => body.len() <= SHORT && is_text(key) && counts_up_or_down(body),
        Reject::Repeated => is_repeated(body),
        Reject::Template => key.len() <= SHORT && is_text(key) && is_template(key),
        Reject::Words => is_words(body),
        Reject::Hex => key.iter().all(u8::is_ascii_hexdigit),
        Reject::Uuid => is_uuid(key),
        Reject::Path => is_path(key),
        Reject::Readable => is_readable(body),
    }
}

/// Whether somebody may have written it: among other bytes, letters stand by accident.
pub(super) fn is_text(key: &[u8]) -> bool {
    key.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte >= 0x80)
}

/// Shannon's entropy, bits per byte.
fn entropy(key: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in key {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = key.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|p| -p * p.log2())
        .sum()
}

/// One search for all of them: every key passes here.
static PLACEHOLDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let builder = &mut AhoCorasick::builder();
    builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(PLACEHOLDERS).ok()
});

fn is_placeholder(body: &[u8]) -> bool {
    let secret = secret_part(body);
    SETTINGS.iter().any(|word| secret.eq_ignore_ascii_case(word.as_bytes()))
        || samples::is_sample(secret)
        || !is_phrase(secret) && PLACEHOLDER.as_ref().is_some_and(|words| words.is_match(secret))
}

/// Whether it is a phrase of many words, as of a wallet, in which any word may stand.
fn is_phrase(key: &[u8]) -> bool {
    key.iter().filter(|byte| byte.is_ascii_whitespace()).count() >= 11
}

/// Of a URL with a password, the user and the password: a host may be called anything.
fn secret_part(body: &[u8]) -> &[u8] {
    let user_info = memchr::memmem::find(body, b"://").and_then(|scheme| {
        let rest = body.get(scheme + 3..)?;
        let end = memchr::memrchr(b'@', rest)?;
        // Hosts that exist for examples alone (RFC 2606) say enough.
        let host = rest.get(end + 1..)?;
        let is_example = memchr::memmem::find(host, b"example.").is_some();
        (!is_example).then(|| rest.get(..end)).flatten()
    });
    user_info.unwrap_or(body)
}

fn counts_up_or_down(body: &[u8]) -> bool {
    // A run of six says enough of letters, but comes by chance among ten or sixteen characters.
    let long = if body.iter().all(u8::is_ascii_hexdigit) { 9 } else { 6 };
    let (mut up, mut down) = (1, 1);
    body.windows(2).any(|pair| {
        let [a, b] = pair else { return false };
        let wraps = (*a == b'9' && *b == b'0') || (*a == b'0' && *b == b'9');
        up = if b.wrapping_sub(*a) == 1 || (wraps && *a == b'9') { up + 1 } else { 1 };
        down = if a.wrapping_sub(*b) == 1 || (wraps && *a == b'0') { down + 1 } else { 1 };
        up >= long || down >= long
    })
}

fn is_repeated(body: &[u8]) -> bool {
    let periodic = || (1..=4).any(|period| body.iter().zip(body.iter().skip(period)).all(|(a, b)| a == b));
    body.len() >= 8 && (is_of_two(body) || periodic() || is_typed(body))
}

/// Whether it is written like `aabbccdd`, `a1b2c3d4` or `1111-2222-3333`: by hand, from a row of keys.
fn is_typed(body: &[u8]) -> bool {
    let letters: Vec<u8> = body.iter().filter(|byte| **byte != b'-').map(u8::to_ascii_lowercase).collect();
    if letters.len() < 16 {
        return false;
    }
    let climbs = |step: &[u8]| step.windows(2).all(|pair| matches!(pair, [a, b] if b.wrapping_sub(*a) == 1));
    // Eight in a row count; what comes behind may begin again.
    let front = letters.get(..16).unwrap_or_default();
    let even: Vec<u8> = front.iter().copied().step_by(2).take(6).collect();
    let odd: Vec<u8> = front.iter().copied().skip(1).step_by(2).take(6).collect();
    let mut runs: Vec<(u8, usize)> = Vec::new();
    for byte in &letters {
        match runs.last_mut() {
            Some((last, count)) if last == byte => *count += 1,
            _ => runs.push((*byte, 1)),
        }
    }
    // Four bytes and more of each, as in the groups of a UUID made by hand.
    let in_groups = runs.iter().all(|(_, count)| *count >= 4);
    in_groups || climbs(&even) && (climbs(&odd) || even == odd)
}

/// Whether its letters and digits are two at most. Of bytes that are no text, letters say nothing.
fn is_of_two(body: &[u8]) -> bool {
    let mut rest = body.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let first = rest.next();
    let second = rest.find(|byte| Some(*byte) != first);
    let third = rest.find(|byte| Some(*byte) != first && Some(*byte) != second);
    third.is_none() && body.iter().all(u8::is_ascii_graphic)
}

fn is_template(key: &[u8]) -> bool {
    let is_mark =
        |pair: &[u8]| matches!(pair, b"${" | b"{{" | b"}}" | b"<%" | b"#{" | b"$(" | b"%(" | b"%s" | b"%v");
    key.windows(2).any(is_mark)
        || matches!(
            key,
            [b'<', .., b'>'] | [b'%', .., b'%'] | [b'@', .., b'@'] | [b'_', b'_', .., b'_', b'_']
        )
        || matches!(key, [b'$', first, ..] if first.is_ascii_alphabetic() || *first == b'_')
}

/// Whether it is words as people write them: every run of letters is in one case, perhaps with a
/// capital, can be spoken, and digits only count them.
fn is_words(body: &[u8]) -> bool {
    let counted = body.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    // Four letters of a number in hex may be spoken by chance, and the rest of it be digits.
    if counted >= 4 && body.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let body = body.get(..body.len() - counted).unwrap_or_default();
    let digits = body.iter().filter(|byte| byte.is_ascii_digit()).count();
    let words = super::names::words_of(body);
    let letters: usize = words.iter().map(|word| word.bytes().filter(u8::is_ascii_alphabetic).count()).sum();
    letters >= 4
        && digits == 0
        && words.len() * 4 <= letters
        && words.iter().filter(|word| is_spoken(word)).map(String::len).sum::<usize>() * 10 >= body.len() * 8
}

/// Whether half of it is words of four letters and more.
fn is_readable(body: &[u8]) -> bool {
    let words = body.split(|byte| !byte.is_ascii_alphabetic()).flat_map(super::names::words_of);
    let spoken: usize = words.filter(|word| word.len() >= 4 && is_spoken(word)).map(|word| word.len()).sum();
    spoken * 2 >= body.len()
}

fn is_spoken(word: &str) -> bool {
    let is_vowel = |byte: u8| b"aeiouy".contains(&byte);
    let vowels = word.bytes().filter(|byte| is_vowel(*byte)).count();
    let hardest = word.as_bytes().split(|byte| is_vowel(*byte)).map(<[u8]>::len).max().unwrap_or(0);
    (3..=LONGEST_WORD).contains(&word.len())
        && vowels * 5 >= word.len()
        && vowels * 3 <= word.len() * 2
        && hardest <= 4
}

fn is_uuid(key: &[u8]) -> bool {
    key.len() == 36
        && key.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether it is a path of readable parts; random base64 holds slashes as well.
fn is_path(key: &[u8]) -> bool {
    let parts: Vec<&[u8]> = key.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    let changes = |part: &[u8]| {
        let class = |byte: &u8| (byte.is_ascii_uppercase(), byte.is_ascii_digit(), byte.is_ascii_lowercase());
        part.windows(2).filter(|pair| matches!(pair, [a, b] if class(a) != class(b))).count()
    };
    let all: usize = parts.iter().map(|part| changes(part)).sum();
    let rooted = key.starts_with(b"/") || key.starts_with(b"./") || key.starts_with(b"~/");
    (parts.len() >= 2 || rooted && !parts.is_empty()) && key.contains(&b'/') && all * 4 <= key.len()
}

#[cfg(test)]
mod tests {
    use super::{Reject, admits, counts_up_or_down, entropy, is_sequential, looks};
    use crate::detect::definition::Gate;
    use crate::detect::template::{Seed, expand};

    fn has(look: Reject, key: &str) -> bool {
        looks(look, key.as_bytes(), key.as_bytes())
    }

    #[test]
    fn entropy_is_in_bits_per_byte() {
        assert!(entropy(b"aaaa").abs() < 1e-9);
        assert!((entropy(b"abcd") - 2.0).abs() < 1e-9);
        assert!((entropy(&(0..=255).collect::<Vec<u8>>()) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn looks_are_told_apart() {
        for key in ["xxxxxxxxxx", "YOUR_API_KEY_1", "my-example-1f", "changeme12"] {
            assert!(has(Reject::Placeholder, key));
        }
        assert!(has(Reject::Placeholder, "amqp://u:h7Kq2pLm@mq.example.com"));
        assert!(!has(Reject::Placeholder, "amqp://u:h7Kq2pLm@sample-insert.internal"));
        for key in ["${KEY}", "{{ .Values.key }}", "<your key>", "%s", "$KEY", "%KEY%"] {
            assert!(has(Reject::Template, key));
        }
        assert!(!has(Reject::Template, "p%40ss%2Fword"));
        assert!(has(Reject::Repeated, "0000000000") && has(Reject::Repeated, "abababababab"));
        for typed in ["a1b2c3d4e5f6a7b8c9d0", "aabbccddeeff00112233", "11111111-2222-3333-4444-555555555555"]
        {
            assert!(has(Reject::Repeated, typed), "{typed}");
        }
        assert!(has(Reject::Repeated, "abcabcabcabc") && !has(Reject::Repeated, "h7Kq2pLm"));
        assert!(has(Reject::Words, "my_database_password") && has(Reject::Words, "correctHorseBattery"));
        assert!(!has(Reject::Words, "tR7kQ2bXz9LmW4vN"));
        assert!(has(Reject::Words, "backup20261130") && has(Reject::Words, "facade01"));
        assert!(!has(Reject::Words, &["fcfe", "8985330749"].concat()));
        assert!(!has(Reject::Words, &"ABHIFEDOM".repeat(4)));
        assert!(
            has(Reject::Path, "/usr/share/zoneinfo/Europe/Berlin") && has(Reject::Path, "src/main/java/app")
        );
        assert!(!has(Reject::Path, "kJ8/xQ2mZ7+vR4/tY9pL3"));
        assert!(has(Reject::Readable, "my-service2-account") && has(Reject::Readable, "Winter-Garden-47"));
        assert!(!has(Reject::Readable, "tR7kQ2bXz9LmW4vN") && !has(Reject::Readable, "x7-hammer-q9Zk2-1"));
        assert!(has(Reject::Hex, "00ffAA") && !has(Reject::Hex, "00fg"));
        assert!(has(Reject::Uuid, "123e4567-e89b-12d3-a456-426614174000"));
    }

    #[test]
    fn every_placeholder_is_found_in_any_case_and_nothing_else_is() {
        for word in super::PLACEHOLDERS {
            for text in [format!("h7Kq{word}2pLm"), word.to_uppercase(), format!("{}{word}", &word[1..])] {
                assert!(has(Reject::Placeholder, &text), "{text}");
            }
            assert!(!has(Reject::Placeholder, &word[1..]), "{word}");
        }
    }

    #[test]
    fn few_letters_are_counted_among_other_characters() {
        for key in ["aaaa-bbb", "a-b_a-b_x", "--------", "0101-1001", "aB\u{0}aBaBaBaB"] {
            let letters: std::collections::BTreeSet<u8> =
                key.bytes().filter(u8::is_ascii_alphanumeric).collect();
            let is_text = key.bytes().all(|byte| byte.is_ascii_graphic());
            assert_eq!(super::is_of_two(key.as_bytes()), is_text && letters.len() <= 2, "{key}");
        }
    }

    #[test]
    fn random_keys_have_no_looks() {
        let looks = [
            Reject::Placeholder,
            Reject::Sequential,
            Reject::Repeated,
            Reject::Template,
            Reject::Words,
            Reject::Path,
        ];
        let mut seed = Seed(20_261_122);
        for _ in 0..4_000 {
            for template in ["{{base62:25}}", "{{base62:40}}", "{{base64:40}}", "{{hex:40}}"] {
                let key = expand(template, "", &mut seed).expect("valid");
                assert_eq!(looks.iter().find(|look| has(**look, &key)), None, "{template}");
            }
        }
    }

    #[test]
    fn runs_are_sequential() {
        assert!(counts_up_or_down(b"xx1234567890") && counts_up_or_down(b"zyxwvuq"));
        assert!(!counts_up_or_down(b"12345x") && !counts_up_or_down(b"12345678"));
        assert!(is_sequential(b"test_abcdefgh", &["test_".to_owned()]));
    }

    #[test]
    fn a_gate_asks_only_for_what_is_given() {
        assert!(admits(&Gate::default(), b"h7Kq2pLm", &[]));
        let gate =
            Gate { length: Some((8, 8)), min_digits: 2, min_upper: 2, min_lower: 2, ..Gate::default() };
        assert!(admits(&gate, b"h7Kq2pLm", &[]));
        assert!(!admits(&gate, b"h7Kq2pLm1", &[]));
        assert!(!admits(&gate, b"h7kq2plm", &[]));
    }
}
