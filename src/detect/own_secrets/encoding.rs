//! The forms in which a value may stand in content, and the exact check of a form that shares bits with
//! its neighbours.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::limits;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A value, encoded.
pub(super) struct Form {
    /// The encoding's word in reports.
    pub(super) encoding: &'static str,
    /// What to search for.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// What the characters around it must hold, in base64.
    edges: Option<Edges>,
}

/// Bits of the value in the base64 characters before and behind those that it fills.
struct Edges {
    alphabet: &'static [u8; 64],
    /// Mask and value of the character in front; none where the value begins with a character.
    before: Option<(u8, u8)>,
    /// The same for the character behind.
    behind: Option<(u8, u8)>,
}

impl Form {
    fn new(encoding: &'static str, bytes: Vec<u8>) -> Self {
        Self { encoding, bytes: Zeroizing::new(bytes), edges: None }
    }

    /// The whole place of a match in `content`, if the characters around it hold the value's bits.
    pub(super) fn span(&self, content: &[u8], found: Range<usize>) -> Option<Range<usize>> {
        let Some(edges) = &self.edges else { return Some(found) };
        let holds = |at: Option<usize>, (mask, bits): (u8, u8)| {
            let char = content.get(at?)?;
            let value = edges.alphabet.iter().position(|letter| letter == char)?;
            (value as u8 & mask == bits).then_some(())
        };
        let mut span = found;
        if let Some(before) = edges.before {
            let at = span.start.checked_sub(1);
            holds(at, before)?;
            span.start -= 1;
        }
        if let Some(behind) = edges.behind {
            holds(Some(span.end), behind)?;
            span.end += 1;
        }
        Some(span)
    }
}

/// All forms of a value, no two alike. Of a value longer than [`limits::OWN_SECRET`] its first bytes
/// count: every form then lies within the context radius.
pub(super) fn forms(value: &[u8]) -> Vec<Form> {
    let value = &value[..value.len().min(limits::OWN_SECRET)];
    let mut forms = vec![Form::new("raw", value.to_vec())];
    // Variables often hold a key of several lines with `\n` for the line ends.
    if let Some(lines) = unescaped_lines(value) {
        forms.push(Form::new("raw", lines.clone()));
        forms.extend(base64_forms(&lines));
    }
    forms.extend(base64_forms(value));
    let hex = |upper: bool| {
        let digits = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        value.iter().map(digits).collect::<String>().into_bytes()
    };
    forms.push(Form::new("hex", hex(false)));
    forms.push(Form::new("hex", hex(true)));
    for upper in [true, false] {
        forms.push(Form::new("url", percent_encoded(value, upper, false)));
        forms.push(Form::new("form", percent_encoded(value, upper, true)));
    }
    if let Ok(text) = std::str::from_utf8(value) {
        forms.extend(json_forms(text).into_iter().map(|form| Form::new("json", form)));
    }
    let mut unlike: Vec<Form> = Vec::new();
    for form in forms {
        // Base64 at different alignments is never the same form, even where the inner text is.
        if form.edges.is_some() || unlike.iter().all(|other| other.bytes != form.bytes) {
            unlike.push(form);
        }
    }
    unlike
}

fn unescaped_lines(value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value).ok()?;
    text.contains("\\n").then(|| text.replace("\\r\\n", "\n").replace("\\n", "\n").into_bytes())
}

/// The characters that the value alone fills, at each of the three alignments to the encoder's groups
/// of three bytes, with the bits that it leaves in the characters around them.
fn base64_forms(value: &[u8]) -> Vec<Form> {
    let mut forms = Vec::new();
    for (encoding, alphabet) in [("base64", STANDARD), ("base64url", URL_SAFE)] {
        for alignment in 0..3_usize {
            let form = base64_form(value, alignment, encoding, alphabet);
            let standard = encoding == "base64" || form.bytes.iter().any(|byte| b"-_".contains(byte));
            // Without a letter of its own, the URL alphabet's form differs at most in the edges: one of
            // them decides there, so it is kept where an edge could be such a letter.
            if standard || form.edge_may_differ() {
                forms.push(form);
            }
        }
    }
    forms
}

fn base64_form(value: &[u8], alignment: usize, encoding: &'static str, alphabet: &'static [u8; 64]) -> Form {
    let bit = |index: usize| value[index / 8] >> (7 - index % 8) & 1;
    let bits = |range: Range<usize>| range.fold(0, |bits, index| bits << 1 | bit(index));
    let total = value.len() * 8;
    // Bits of the value in the character in front: what 8, 16 or 0 bits leave free in groups of 6.
    let lead = [0, 4, 2][alignment];
    let whole = (total - lead) / 6;
    let tail = (total - lead) % 6;
    let bytes = (0..whole).map(|char| alphabet[usize::from(bits(lead + 6 * char..lead + 6 * char + 6))]);
    let before = (lead > 0).then(|| ((1 << lead) - 1, bits(0..lead)));
    let free = 6 - tail;
    let behind = (tail > 0).then(|| (0x3f_u8 >> free << free, bits(total - tail..total) << free));
    let edges = Some(Edges { alphabet, before, behind });
    Form { encoding, bytes: Zeroizing::new(bytes.collect()), edges }
}

impl Form {
    /// Whether a character at an edge may be one of the two in which the alphabets differ.
    fn edge_may_differ(&self) -> bool {
        let may = |edge: Option<(u8, u8)>| {
            edge.is_some_and(|(mask, bits)| [62, 63].iter().any(|v| v & mask == bits))
        };
        self.edges.as_ref().is_some_and(|edges| may(edges.before) || may(edges.behind))
    }
}

/// RFC 3986 (all but unreserved characters as `%XX`), or the form encoding of the URL standard.
fn percent_encoded(value: &[u8], upper: bool, form: bool) -> Vec<u8> {
    let mut encoded = String::with_capacity(value.len());
    for &byte in value {
        match byte {
            b' ' if form => encoded.push('+'),
            b'~' if form => encoded.push_str(if upper { "%7E" } else { "%7e" }),
            b'*' if form => encoded.push('*'),
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => encoded.push(char::from(byte)),
            byte if upper => encoded.push_str(&format!("%{byte:02X}")),
            byte => encoded.push_str(&format!("%{byte:02x}")),
        }
    }
    encoded.into_bytes()
}

/// As JSON strings hold it: with the least escapes, with `\/`, and with Go's escapes for HTML.
fn json_forms(text: &str) -> Vec<Vec<u8>> {
    let Ok(quoted) = serde_json::to_string(text) else { return Vec::new() };
    let inside = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let least = inside.unwrap_or(text);
    let html = least.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let ascii: String = least
        .chars()
        .map(|char| match char {
            char if char.is_ascii() => char.to_string(),
            char => char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        })
        .collect();
    let slashes = least.replace('/', "\\/");
    [least.to_owned(), html, ascii, slashes].map(String::into_bytes).into()
}
