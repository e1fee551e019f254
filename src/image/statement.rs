//! What attestations say of a build: in-toto statements (in-toto Attestation Framework, v0.1 and v1) with
//! SLSA provenance of either version in the forms that BuildKit writes, and any other JSON, as texts that
//! each say where they stand. DSSE envelopes are opened.
//!
//! Every string of the document is in some text, with its escapes decoded. What is told apart are the
//! values that have a name of their own: build arguments, variables of steps, files in base64.

mod steps;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::config::json::{Document, Json, head};
use crate::dockerfile::Dockerfile;
use crate::limits;
use steps::{StepLayers, layer_of, layers_of_steps};

pub use steps::StepLayer;

/// A document of an attestation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// All its texts.
    pub texts: Vec<StatementText>,
    /// Names and values of build arguments and of variables of steps, in order.
    pub assignments: Vec<(String, String)>,
    /// Where in the bytes strings with escapes stand, in order: what is read there as it lies is not what
    /// the document says. Empty where it is no valid JSON.
    pub escaped: Vec<Range<u64>>,
    /// The Dockerfile of the build, and what it is called, where the statement holds it.
    pub dockerfile: Option<(String, Dockerfile)>,
    /// What is wrong with the document, without anything of its content.
    pub fault: Option<String>,
}

/// A text of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementText {
    /// Where it stands: `build-arg:NAME`, `env NAME`, the name of a file, else the path of its object.
    /// `None` at the top.
    pub name: Option<String>,
    /// `NAME=value` for what has a name and a value, else the text itself.
    pub text: Vec<u8>,
    /// Where the value begins in `text`; 0 where there is none apart.
    pub value_offset: usize,
    /// How many times it stood in base64.
    pub decoded: usize,
    /// The layer that the build step made of which it is a part, where the statement says so.
    pub layer: Option<Arc<StepLayer>>,
}

impl Statement {
    /// Reads a document; `None` for bytes that do not begin as JSON does.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if !looks_like_json(bytes) {
            return None;
        }
        let mut reader = Reader::default();
        let fault = reader.document(bytes, 0);
        let escaped = if fault.is_none() { escaped_strings(bytes) } else { Vec::new() };
        let Reader { texts, assignments, dockerfile, .. } = reader;
        Some(Self { texts, assignments, escaped, dockerfile, fault })
    }
}

/// Whether bytes begin as a JSON object or array does.
pub fn looks_like_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    first.is_some_and(|byte| matches!(byte, b'{' | b'['))
}

/// The texts of a document in the making.
#[derive(Default)]
struct Reader {
    texts: Vec<StatementText>,
    assignments: Vec<(String, String)>,
    /// The first file that is one.
    dockerfile: Option<(String, Dockerfile)>,
    /// Named texts by name and text: BuildKit repeats variables in every step.
    seen: HashMap<(String, Vec<u8>), usize>,
    /// The layer that each step made.
    layers: StepLayers,
}

/// Of what a value is a part.
#[derive(Clone, Copy)]
struct Around<'a> {
    /// How often it was decoded.
    decoded: usize,
    /// The layer of its step.
    layer: Option<&'a Arc<StepLayer>>,
}

impl Reader {
    /// Reads a document, and says what is wrong with it.
    fn document(&mut self, bytes: &[u8], decoded: usize) -> Option<String> {
        let mut document = Document::read(bytes);
        let layers = std::mem::replace(&mut self.layers, layers_of_steps(&document.value));
        let around = Around { decoded, layer: None };
        self.take_named(&mut document.value, "", around);
        self.rest(&document.value, "", around);
        if let Some(stray) = document.stray {
            self.push(None, stray.into_bytes(), 0, around);
        }
        self.layers = layers;
        document.fault
    }

    /// Takes what has a name of its own out of `value`, which is called `member`.
    fn take_named(&mut self, value: &mut Json, member: &str, around: Around<'_>) {
        match value {
            Json::Array(items) => items.iter_mut().for_each(|item| self.take_named(item, member, around)),
            Json::Object(_) => {
                self.take_pairs(value, "args", "", around);
                self.take_pairs(value, "vcs", "vcs:", around);
                self.take_variables(value, around);
                self.read_encoded(value, around);
                if member.eq_ignore_ascii_case("buildConfig") {
                    self.take_steps(value, around.decoded);
                }
                if let Json::Object(members) = value {
                    members.iter_mut().for_each(|(name, value)| self.take_named(value, name, around));
                }
            }
            _ => {}
        }
    }

    /// Takes the names and values of the object called `member`, as BuildKit has those of a request.
    fn take_pairs(&mut self, value: &mut Json, member: &str, prefix: &str, around: Around<'_>) {
        for (written, mut found) in value.take(member) {
            if let Json::Object(members) = &mut found {
                for (name, value) in members.extract_if(.., |(_, value)| value.scalar().is_some()) {
                    let value = value.scalar().unwrap_or_default();
                    self.assignment(&format!("{prefix}{name}"), variable_of(&name), value, around);
                }
            }
            value.put(written, found);
        }
    }

    /// Takes the `NAME=value` words of `env`, as an LLB exec step has them.
    fn take_variables(&mut self, value: &mut Json, around: Around<'_>) {
        for (written, mut found) in value.take("env") {
            if let Json::Array(words) = &mut found {
                let is_pair = |word: &mut Json| word.scalar().is_some_and(|word| word.contains('='));
                for word in words.extract_if(.., is_pair) {
                    let (name, value) =
                        word.scalar().and_then(|word| word.split_once('=')).unwrap_or_default();
                    self.assignment(&format!("env {name}"), name, value, around);
                }
            }
            value.put(written, found);
        }
    }

    /// The steps of the build, each with the layer that it made.
    fn take_steps(&mut self, value: &mut Json, decoded: usize) {
        for (written, mut found) in value.take("llbDefinition") {
            let Json::Array(steps) = &mut found else {
                value.put(written, found);
                continue;
            };
            for (index, step) in steps.iter_mut().enumerate() {
                let layer = layer_of(step, &self.layers).cloned();
                let around = Around { decoded, layer: layer.as_ref() };
                self.take_named(step, "", around);
                self.rest(step, &format!("llbDefinition[{index}]"), around);
            }
            value.put(written, Json::Array(Vec::new()));
        }
    }

    /// Files and envelopes in base64. The base64 itself stays where it is.
    fn read_encoded(&mut self, value: &Json, around: Around<'_>) {
        let around = Around { decoded: around.decoded + 1, ..around };
        let decoded = |name| value.members(name).filter_map(Json::scalar).filter_map(from_base64);
        for bytes in decoded("data") {
            let names = ["filename", "path"].into_iter().filter_map(|name| member(value, name)?.scalar());
            let name = names.into_iter().find(|name| !name.is_empty());
            let name = head(name.unwrap_or("data")).to_owned();
            // BuildKit's source map: the file that its instructions' lines are lines of.
            if self.dockerfile.is_none() && member(value, "filename").is_some() {
                let dockerfile = Dockerfile::parse(&bytes);
                let has_stages = !dockerfile.stages().is_empty();
                self.dockerfile = has_stages.then(|| (name.clone(), dockerfile));
            }
            self.push(Some(name), bytes, 0, around);
        }
        let is_envelope = member(value, "payloadType").is_some();
        for bytes in decoded("payload").filter(|_| is_envelope) {
            if looks_like_json(&bytes) && around.decoded <= limits::STATEMENT_ENVELOPES {
                self.document(&bytes, around.decoded);
            } else {
                self.push(Some("payload".to_owned()), bytes, 0, around);
            }
        }
    }

    /// What is left of a value, at `path`.
    fn rest(&mut self, value: &Json, path: &str, around: Around<'_>) {
        for block in value.blocks() {
            let dot = if path.is_empty() || block.path.is_empty() { "" } else { "." };
            let name = format!("{path}{dot}{}", block.path);
            self.push(Some(name).filter(|name| !name.is_empty()), block.text.into_bytes(), 0, around);
        }
    }

    /// A value with its name. What was seen under the same name before is the same fact, which the first
    /// step with a layer tells best.
    fn assignment(&mut self, name: &str, variable: &str, value: &str, around: Around<'_>) {
        let text = format!("{variable}={value}").into_bytes();
        let name = head(name).to_owned();
        if let Some(known) = self.seen.get(&(name.clone(), text.clone())) {
            if let Some(known) = self.texts.get_mut(*known).filter(|known| known.layer.is_none()) {
                known.layer = around.layer.cloned();
            }
            return;
        }
        self.seen.insert((name.clone(), text.clone()), self.texts.len());
        self.assignments.push((variable.to_owned(), value.to_owned()));
        self.push(Some(name), text, variable.len() + 1, around);
    }

    fn push(&mut self, name: Option<String>, text: Vec<u8>, value_offset: usize, around: Around<'_>) {
        let (decoded, layer) = (around.decoded, around.layer.cloned());
        self.texts.push(StatementText { name, text, value_offset, decoded, layer });
    }
}

/// The variable in the name of a frontend's argument: `build-arg:NAME`.
fn variable_of(name: &str) -> &str {
    const KINDS: [&str; 4] = ["build-arg:", "label:", "context:", "vcs:"];
    KINDS.iter().find_map(|kind| name.strip_prefix(kind)).unwrap_or(name)
}

fn member<'j>(value: &'j Json, name: &'j str) -> Option<&'j Json> {
    value.members(name).next()
}

/// The bytes of base64 in either alphabet, padded or not; nothing of a text that is none or empty.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const ALPHABETS: [GeneralPurpose; 2] = [
        GeneralPurpose::new(&alphabet::STANDARD, LENIENT),
        GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT),
    ];
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = ALPHABETS.iter().find_map(|alphabet| alphabet.decode(&text).ok())?;
    (!bytes.is_empty()).then_some(bytes)
}

/// Where strings with a backslash in them stand in valid JSON, quotes included.
fn escaped_strings(bytes: &[u8]) -> Vec<Range<u64>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) =
        bytes.get(at..).and_then(|rest| memchr::memchr(b'"', rest)).map(|quote| at + quote)
    {
        let mut end = start + 1;
        let mut escaped = false;
        while let Some(next) = bytes.get(end..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            end += next;
            if bytes.get(end) == Some(&b'"') {
                break;
            }
            escaped = true;
            end += 2;
        }
        at = end + 1;
        if escaped {
            found.push(start as u64..at as u64);
        }
    }
    found
}

#[cfg(test)]
mod tests;
