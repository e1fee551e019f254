//! Keys and texts made from templates, for the examples of definitions and for tests: no key-looking
//! literal stands in the tree. `docs/adding-a-detector.md` lists the templates.
//!
//! `{{name:argument}}` is a template, and an argument may hold templates of its own. `{{` followed by
//! a blank is plain text, so that `{{ .Values.token }}` can stand in a counter-example.

mod checksummed;
mod private_keys;
mod structured;

/// Why a template cannot be expanded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("template '{template}': {problem}")]
pub struct TemplateError {
    /// The part between the braces.
    pub template: String,
    /// What is wrong with it.
    pub problem: String,
}

impl TemplateError {
    fn new(template: &str, problem: &str) -> Self {
        Self { template: template.to_owned(), problem: problem.to_owned() }
    }
}

/// A small seeded generator of random numbers: the same seed, the same keys.
#[derive(Clone, Debug)]
pub struct Seed(pub u64);

impl Seed {
    /// The next 64 bits (splitmix64).
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // The high half of a wide product: as good as unbiased for the small bounds of this module.
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| (self.next_u64() >> 56) as u8)
    }

    /// `length` bytes of `set` that look random: every class of the set occurs, nothing runs up or
    /// down, nothing repeats. A gate against placeholders must never meet a generated key.
    pub fn pick(&mut self, set: &[u8], length: usize) -> String {
        let mut text = String::new();
        for _ in 0..PICK_ATTEMPTS {
            text = (0..length)
                .filter_map(|_| set.get(self.below(set.len())))
                .map(|&byte| char::from(byte))
                .collect();
            if looks_random(text.as_bytes(), set) {
                break;
            }
        }
        text
    }
}

/// Tries to draw a text that looks random. Short texts over small sets may never do; the last try then stands.
const PICK_ATTEMPTS: usize = 500;

/// Characters of one template, at most.
const LENGTH: usize = 100_000;

/// Templates inside templates, at most.
const DEPTH: usize = 4;

const DIGITS: &[u8] = b"0123456789";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const HEX: &[u8] = b"0123456789abcdef";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The set of characters that a template names.
fn alphabet(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        "digits" => DIGITS,
        "lower" => LOWER,
        "upper" => UPPER,
        "hex" => HEX,
        "HEX" => b"0123456789ABCDEF",
        "base62" => BASE62,
        "base64" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "base64url" => BASE64URL,
        "alnum" => b"abcdefghijklmnopqrstuvwxyz0123456789",
        "ALNUM" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "base32" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        _ => return None,
    })
}

/// `text` with every `{{…}}` replaced; `{{key}}` by `key`.
pub fn expand(text: &str, key: &str, seed: &mut Seed) -> Result<String, TemplateError> {
    expand_nested(text, key, seed, DEPTH)
}

fn expand_nested(text: &str, key: &str, seed: &mut Seed, depth: usize) -> Result<String, TemplateError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, from) = rest.split_at(at);
        expanded.push_str(before);
        let inside = &from[2..];
        if inside.starts_with([' ', '\n', '\t']) {
            expanded.push_str("{{");
            rest = inside;
            continue;
        }
        let end = closing(inside).ok_or_else(|| TemplateError::new(inside, "is not closed by '}}'"))?;
        let (body, behind) = inside.split_at(end);
        expanded.push_str(&replacement(body, key, seed, depth)?);
        rest = &behind[2..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Where the `}}` stands that closes a template: the first one with balanced braces before it, so that
/// JSON may be an argument.
fn closing(inside: &str) -> Option<usize> {
    let mut open = 0usize;
    let bytes = inside.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'}' if open == 0 => return (bytes.get(at + 1) == Some(&b'}')).then_some(at),
            b'}' => open -= 1,
            b'{' => open += 1,
            _ => {}
        }
    }
    None
}

fn replacement(body: &str, key: &str, seed: &mut Seed, depth: usize) -> Result<String, TemplateError> {
    let (name, argument) = body.split_once(':').unwrap_or((body, ""));
    if let Some(set) = alphabet(name) {
        let length = parse_length(body, argument)?;
        return Ok(seed.pick(set, length));
    }
    if argument.contains("{{") {
        let deeper = depth.checked_sub(1).ok_or_else(|| TemplateError::new(body, "is nested too deep"))?;
        let argument = expand_nested(argument, key, seed, deeper)?;
        return generated(body, name, &argument, key, seed);
    }
    generated(body, name, argument, key, seed)
}

/// The templates that are no alphabet.
fn generated(
    body: &str,
    name: &str,
    argument: &str,
    key: &str,
    seed: &mut Seed,
) -> Result<String, TemplateError> {
    match name {
        "key" => return Ok(key.to_owned()),
        "uuid" => return Ok(uuid(seed)),
        "chars" => return chars(body, argument, seed),
        "bytes" => return bytes(body, argument),
        "noise" => {
            let length = parse_length(body, argument)?;
            return Ok((0..length).map(|_| char::from(seed.bytes::<1>()[0])).collect());
        }
        "json-escaped" => return Ok(json_escaped(argument)),
        _ => {}
    }
    checksummed::generate(name, argument, seed)
        .or_else(|| structured::generate(name, argument, seed))
        .or_else(|| private_keys::generate(name, argument, seed))
        .ok_or_else(|| TemplateError::new(body, "no such template, or a wrong argument"))
}

fn parse_length(body: &str, argument: &str) -> Result<usize, TemplateError> {
    match argument.parse() {
        Ok(length) if length <= LENGTH => Ok(length),
        _ => Err(TemplateError::new(body, "the length must be a number up to 100000")),
    }
}

/// The bytes of hex digits, each as the character of its number.
fn bytes(body: &str, hex: &str) -> Result<String, TemplateError> {
    let wrong = || TemplateError::new(body, "must be bytes:HEX");
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok().map(char::from),
        _ => None,
    };
    hex.as_bytes().chunks(2).map(byte).collect::<Option<String>>().ok_or_else(wrong)
}

/// The bytes of a text whose characters stand for bytes: each character's number, as far as it is one.
pub fn to_bytes(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}

fn uuid(seed: &mut Seed) -> String {
    let variant = seed.pick(b"89ab", 1);
    let mut hex = |length| seed.pick(HEX, length);
    let (first, second, third, fourth, fifth) = (hex(8), hex(4), hex(3), hex(3), hex(12));
    format!("{first}-{second}-4{third}-{variant}{fourth}-{fifth}")
}

/// `SET:N`: `N` of the characters in the bracket `SET`.
fn chars(body: &str, argument: &str, seed: &mut Seed) -> Result<String, TemplateError> {
    let wrong = || TemplateError::new(body, "must be chars:SET:N");
    let (set, length) = argument.rsplit_once(':').ok_or_else(wrong)?;
    let set = bracket(set.as_bytes());
    if set.is_empty() {
        return Err(wrong());
    }
    Ok(seed.pick(&set, parse_length(body, length)?))
}

/// The characters that the inside of a bracket stands for: `A-F0-9_-`.
fn bracket(inside: &[u8]) -> Vec<u8> {
    let mut set = Vec::new();
    let mut rest = inside;
    while let [first, behind @ ..] = rest {
        match behind {
            [b'-', last, behind @ ..] if first <= last => {
                set.extend(*first..=*last);
                rest = behind;
            }
            _ => {
                set.push(*first);
                rest = behind;
            }
        }
    }
    set.retain(u8::is_ascii_graphic);
    set.sort_unstable();
    set.dedup();
    set
}

/// The inside of a JSON string.
fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.trim_matches('"').to_owned()
}

/// Whether a text over `set` looks as if it came from a random generator.
fn looks_random(text: &[u8], set: &[u8]) -> bool {
    !has_run(text) && has_all_classes(text, set) && has_variety(text, set)
}

/// Four bytes that climb or fall by one, three that are equal, or four that are but for their case: `xXxx`
/// stands for something else.
fn has_run(text: &[u8]) -> bool {
    let steps = |window: &[u8], step: i16| {
        window.windows(2).all(|pair| matches!(pair, [a, b] if i16::from(*b) - i16::from(*a) == step))
    };
    text.windows(4).any(|four| steps(four, 1) || steps(four, -1))
        || text.windows(3).any(|three| steps(three, 0))
        || text.to_ascii_lowercase().windows(4).any(|four| steps(four, 0))
}

/// From 12 characters on, three of each class that is a good part of the set.
fn has_all_classes(text: &[u8], set: &[u8]) -> bool {
    if text.len() < 12 {
        return true;
    }
    let classes: [fn(&u8) -> bool; 3] = [u8::is_ascii_digit, u8::is_ascii_uppercase, u8::is_ascii_lowercase];
    classes.iter().all(|&class| {
        let in_set = set.iter().filter(|byte| class(byte)).count();
        // Digits are 10 of 62: asking for three of them in 12 characters would take too many tries.
        let wanted = if text.len() < 20 { 1 } else { 3 };
        in_set * 8 < set.len() || text.iter().filter(|byte| class(byte)).count() >= wanted
    })
}

/// At least four fifths of the entropy that a text of this length over this set can have.
fn has_variety(text: &[u8], set: &[u8]) -> bool {
    if text.len() < 8 {
        return true;
    }
    let length = text.len() as f64;
    let mut counts = [0u32; 256];
    for &byte in text {
        counts[usize::from(byte)] += 1;
    }
    let share = |&count: &u32| f64::from(count) / length;
    let entropy: f64 = counts.iter().filter(|count| **count > 0).map(share).map(|p| -p * p.log2()).sum();
    entropy >= 0.8 * length.min(set.len() as f64).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        expand(text, "THEKEY", &mut Seed(7)).expect("the template is right")
    }

    #[test]
    fn alphabets_give_the_asked_length_in_their_characters() {
        for (name, pattern) in [
            ("base62", "^[0-9A-Za-z]{36}$"),
            ("base64", "^[0-9A-Za-z+/]{36}$"),
            ("base64url", "^[0-9A-Za-z_-]{36}$"),
            ("hex", "^[0-9a-f]{36}$"),
            ("HEX", "^[0-9A-F]{36}$"),
            ("digits", "^[0-9]{36}$"),
            ("lower", "^[a-z]{36}$"),
            ("upper", "^[A-Z]{36}$"),
            ("alnum", "^[0-9a-z]{36}$"),
            ("ALNUM", "^[0-9A-Z]{36}$"),
            ("base32", "^[A-Z2-7]{36}$"),
        ] {
            let regex = regex::Regex::new(pattern).expect("a pattern");
            for seed in 0..50 {
                let text = expand(&format!("{{{{{name}:36}}}}"), "", &mut Seed(seed)).expect("an alphabet");
                assert!(regex.is_match(&text), "{name} with seed {seed}");
            }
        }
    }

    #[test]
    fn text_around_templates_stays() {
        assert_eq!(expanded("a={{key}};b={{key}}"), "a=THEKEY;b=THEKEY");
        assert_eq!(expanded("{\"k\":\"{{key}}\"}"), "{\"k\":\"THEKEY\"}");
        assert_eq!(expanded("{\"k\":{{key}}}"), "{\"k\":THEKEY}");
        assert_eq!(expanded("x: {{ .Values.token }}"), "x: {{ .Values.token }}");
        assert_eq!(expanded("none"), "none");
    }

    #[test]
    fn the_same_seed_gives_the_same_text_and_another_one_another() {
        let with = |seed| expand("{{base62:40}}", "", &mut Seed(seed)).expect("an alphabet");
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
    }

    #[test]
    fn a_bracket_may_end_with_a_dash_and_hold_a_colon() {
        assert_eq!(bracket(b"A-C0-1_-"), b"-01ABC_");
        assert_eq!(expanded("{{chars:::3}}"), ":::");
    }

    #[test]
    fn wrong_templates_are_named() {
        for wrong in
            ["{{base62}}", "{{base62:x}}", "{{nothing:4}}", "{{chars:4}}", "{{key", "{{base62:1000000000}}"]
        {
            assert!(expand(wrong, "", &mut Seed(1)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn templates_nest() {
        use base64::Engine;
        let text = expanded("{{base64of:tok:{{digits:8}}}}");
        let decoded = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
        assert!(decoded.starts_with(b"tok:"));
        assert_eq!(decoded.len(), 12);
    }

    #[test]
    fn an_argument_may_be_json() {
        assert_eq!(expanded("{{json-escaped:{\"a\":{\"b\":1}}}}"), "{\\\"a\\\":{\\\"b\\\":1}}");
    }

    #[test]
    fn random_text_has_every_class_and_no_runs() {
        for seed in 0..300 {
            let text = Seed(seed).pick(BASE62, 24);
            assert!(text.bytes().any(|byte| byte.is_ascii_digit()), "seed {seed}");
            assert!(text.bytes().any(|byte| byte.is_ascii_uppercase()), "seed {seed}");
            assert!(!has_run(text.as_bytes()), "seed {seed}");
        }
        assert!(has_run(b"xabcdx") && has_run(b"x4321") && has_run(b"aaa") && !has_run(b"abdacba1"));
    }
}
