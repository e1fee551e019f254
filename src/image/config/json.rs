//! JSON as it was written: every value of a key that stands twice, in order. Readers that keep the
//! last value would let a key hide in the first. What is no JSON at all still yields its strings.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::limits;

/// A JSON value with all its members.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// A number, `true` or `false`, as text.
    Bare(String),
    /// A string, its escapes decoded.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object: members in order, equal names included.
    Object(Vec<(String, Json)>),
}

/// A document: its value, and what else stood in the bytes.
pub(crate) struct Document {
    /// The value; `Null` where the bytes hold no JSON.
    pub(crate) value: Json,
    /// Text that the value does not hold: behind it, or all of it where it is no JSON.
    pub(crate) stray: Option<String>,
    /// What is wrong with the document, without anything of its content.
    pub(crate) fault: Option<String>,
}

impl Document {
    /// Reads `bytes`. Like Go's reader, it takes invalid UTF-8 and lone surrogates for U+FFFD.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let text = replace_lone_surrogates(&String::from_utf8_lossy(bytes));
        if count_values(&text) > limits::JSON_VALUES {
            let fault = format!("it holds more than {} values, and was read as text", limits::JSON_VALUES);
            let stray = Some([text.as_str(), &decoded_strings(&text)].concat());
            return Self { value: Json::Null, stray, fault: Some(fault) };
        }
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Json>();
        let (value, rest, fault) = match values.next() {
            Some(Ok(value)) => {
                let rest = text.get(values.byte_offset()..).unwrap_or_default().trim();
                let fault = (!rest.is_empty()).then(|| "more text stands behind its end".to_owned());
                (value, rest, fault)
            }
            Some(Err(error)) => {
                let fault = format!("line {}, column {}", error.line(), error.column());
                (Json::Null, text.as_str(), Some(format!("it is not valid JSON ({fault})")))
            }
            None => (Json::Null, "", Some("it is empty".to_owned())),
        };
        let stray = (!rest.is_empty()).then(|| [rest, &decoded_strings(rest)].concat());
        Self { value, stray, fault }
    }
}

impl Json {
    /// Takes the members called `name` out of an object, in order. Case is ignored, as engines do.
    pub(crate) fn take(&mut self, name: &str) -> Vec<(String, Json)> {
        match self {
            Self::Object(members) => {
                members.extract_if(.., |member| member.0.eq_ignore_ascii_case(name)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The values of the members called `name`, in order. Case is ignored, as engines do.
    pub(crate) fn members<'j>(&'j self, name: &'j str) -> impl Iterator<Item = &'j Json> {
        let members = if let Self::Object(members) = self { members.as_slice() } else { &[] };
        members.iter().filter(move |member| member.0.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Puts a member back into an object.
    pub(crate) fn put(&mut self, name: String, value: Json) {
        if let Self::Object(members) = self {
            members.push((name, value));
        }
    }

    /// The text of a string, a number or a boolean.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Bare(text) => Some(text),
            _ => None,
        }
    }

    /// All text in the value, as one block for each object or top-level array: its path, and a line
    /// `name=value` for each scalar in it. The members of one object stay together, because an id
    /// stands beside its secret there.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut text = String::new();
        self.collect("", "", &mut text, &mut blocks);
        push_block("", text, &mut blocks);
        blocks
    }

    fn collect(&self, path: &str, name: &str, text: &mut String, blocks: &mut Vec<Block>) {
        match self {
            Self::Null => push_line(text, name, ""),
            Self::Bare(value) | Self::Text(value) => push_line(text, name, value),
            // A name is context for each item, but repeated beside tiny ones it would make the text
            // many times as long as the document.
            Self::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    match item {
                        Self::Object(_) => {
                            item.collect(head(&format!("{path}[{index}]")), name, text, blocks)
                        }
                        Self::Array(_) => item.collect(path, name, text, blocks),
                        Self::Null => {}
                        Self::Bare(value) | Self::Text(value) => {
                            let near = if name.len() <= 2 * value.len() { name } else { "" };
                            push_line(text, near, value);
                        }
                    }
                }
            }
            Self::Object(members) => {
                let mut own = String::new();
                for (member, value) in members {
                    let dot = if path.is_empty() { "" } else { "." };
                    let below = format!("{}{dot}{}", head(path), head(member));
                    if matches!(value, Self::Object(_) | Self::Array(_)) {
                        push_line(&mut own, member, "");
                    }
                    value.collect(&below, member, &mut own, blocks);
                }
                push_block(path, own, blocks);
            }
        }
    }
}

/// Text of one object that no field of ours holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The object's path in the document, such as `config.Extra[2]`; empty at the top.
    pub path: String,
    /// A line `name=value` for each string, number and boolean; a line `name` for anything else.
    pub text: String,
}

fn push_block(path: &str, text: String, blocks: &mut Vec<Block>) {
    if !text.is_empty() {
        blocks.push(Block { path: head(path).to_owned(), text });
    }
}

/// As much of a name or path as is repeated elsewhere.
pub(crate) fn head(name: &str) -> &str {
    let end = name.char_indices().map(|(at, _)| at).find(|at| *at >= limits::JSON_NAME);
    &name[..end.unwrap_or(name.len())]
}

fn push_line(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    if !name.is_empty() && !value.is_empty() {
        text.push('=');
    }
    text.push_str(value);
    text.push('\n');
}

/// Roughly how many values a document holds. Small ones take fifty times their bytes in memory.
fn count_values(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    let mut count = 0;
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// `\ud800` with no second half is valid JSON that no Rust string can hold.
fn replace_lone_surrogates(text: &str) -> String {
    let escape_at = |at: usize| -> Option<u32> {
        let digits = text.get(at..at.checked_add(6)?)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut fixed = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let escape = at + found;
        fixed.push_str(&text[at..escape]);
        let high = escape_at(escape).is_some_and(|unit| (0xd800..0xdc00).contains(&unit));
        let low = |at| escape_at(at).is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
        let taken = if high && low(escape + 6) {
            12
        } else if high || low(escape) {
            fixed.push('\u{fffd}');
            at = escape + 6;
            continue;
        } else {
            // A backslash escapes whatever follows it, another backslash too.
            1 + text[escape + 1..].chars().next().map_or(0, char::len_utf8)
        };
        fixed.push_str(&text[escape..escape + taken]);
        at = escape + taken;
    }
    fixed.push_str(&text[at..]);
    fixed
}

/// The strings of a broken document that hold escapes, decoded, a line each.
fn decoded_strings(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        rest = &rest[start + 1..];
        let (inside, end) = string_end(rest);
        if inside.contains('\\')
            && let Ok(string) = serde_json::from_str::<String>(&format!("\"{inside}\""))
        {
            decoded.push('\n');
            decoded.push_str(&string);
        }
        rest = &rest[end..];
    }
    decoded
}

/// What stands in a string whose opening quote was read, and where to read on: behind the closing
/// quote, or where the string can only be broken.
fn string_end(text: &str) -> (&str, usize) {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return (&text[..at], at + 1),
            0..0x20 => return (&text[..at], at),
            _ => {}
        }
    }
    (text, text.len())
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bare(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Bare(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Bare(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Bare(value.to_string()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<(String, String)> {
        let blocks = Document::read(text.as_bytes()).value.blocks();
        blocks.into_iter().map(|block| (block.path, block.text)).collect()
    }

    #[test]
    fn keeps_every_value_of_a_repeated_key() {
        let mut value = Document::read(br#"{"Env":["a"],"x":1,"env":["b"]}"#).value;
        let taken = value.take("ENV");
        let values: Vec<Json> = taken.into_iter().map(|(_, value)| value).collect();
        let text = |text: &str| Json::Array(vec![Json::Text(text.to_owned())]);
        assert_eq!(values, [text("a"), text("b")]);
        assert_eq!(value, Json::Object(vec![("x".to_owned(), Json::Bare("1".to_owned()))]));
    }

    #[test]
    fn blocks_hold_every_name_and_value_and_keep_objects_together() {
        let text =
            r#"{"top":"v","a":{"id":"1","secret":"s\u0041"},"list":[{"k":true},["xx","y"],null],"e":{}}"#;
        let found = blocks(&text.replace("\\\\", "\\"));
        let block = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        assert!(found.contains(&block("a", "id=1\nsecret=sA\n")), "{found:?}");
        assert!(found.contains(&block("list[0]", "k=true\n")), "{found:?}");
        let top = "top=v\na\nlist\nlist=xx\ny\ne\n";
        assert!(found.contains(&block("", top)), "{found:?}");
    }

    #[test]
    fn broken_documents_yield_their_raw_text_and_decoded_strings() {
        let broken = Document::read(br#"{"a":"x\u0041y", "b": "\"quoted\"" "c"#);
        assert_eq!(broken.value, Json::Null);
        assert!(broken.fault.is_some_and(|fault| fault.contains("not valid JSON")));
        let stray = broken.stray.expect("text");
        assert!(stray.contains("\nxAy") && stray.contains("\n\"quoted\""), "{stray}");
        let tail = Document::read(b"{\"a\":1} tail");
        assert!(matches!(tail.value, Json::Object(_)));
        assert_eq!(tail.stray.as_deref(), Some("tail"));
        assert!(Document::read(b"").fault.is_some());
    }

    #[test]
    fn lone_surrogates_and_invalid_utf_8_do_not_hide_the_rest() {
        let mut value =
            Document::read(b"{\"a\":\"\\ud800x\",\"b\":\"\\\\ud800\",\"c\":\"\\ud83d\\ude00\xff\"}").value;
        let mut text = |name: &str| value.take(name)[0].1.scalar().map(str::to_owned);
        assert_eq!(text("a").as_deref(), Some("\u{fffd}x"));
        assert_eq!(text("b").as_deref(), Some("\\ud800"));
        assert_eq!(text("c").as_deref(), Some("\u{1f600}\u{fffd}"));
        for cut in [r"\u", r"\ud8", r"\ud800\u", r"\"] {
            assert!(Document::read(cut.as_bytes()).fault.is_some(), "{cut}");
        }
    }

    #[test]
    fn hostile_names_do_not_multiply() {
        let name = "n".repeat(100_000);
        let items = vec!["{\"k\":1}"; 2_000].join(",");
        let text = format!("{{\"{name}\":[{items},{}]}}", vec!["1"; 2_000].join(","));
        let total: usize = blocks(&text).iter().map(|(path, text)| path.len() + text.len()).sum();
        assert!(total < 10 * text.len(), "{total}");
        let escaped_quotes = format!("{}\n", "\"\\".repeat(400_000));
        assert!(Document::read(escaped_quotes.as_bytes()).fault.is_some());
        let arrays = format!("{{\"{}\":[{}]}}", "n".repeat(200), vec!["1,null"; 90_000].join(","));
        let total: usize = blocks(&arrays).iter().map(|(_, text)| text.len()).sum();
        assert!(total < 3 * arrays.len(), "{total}");
        let many = format!("[{}\"\\u0041,,\"]", "{},".repeat(limits::JSON_VALUES));
        let many = Document::read(many.as_bytes());
        assert!(many.fault.is_some() && many.stray.is_some_and(|stray| stray.ends_with("A,,")));
        let deep = "[".repeat(100_000);
        assert!(Document::read(deep.as_bytes()).fault.is_some());
    }
}
