//! Definitions as they are written: what stands in a file and what is left out, made whole.

use serde::Deserialize;

use super::{
    Advice, Allowed, Category, Check, Companion, CounterExample, Definition, Example, Form, Gate, Paths,
    Reject, Shape,
};
use crate::detect::fault::Fault;
use crate::detect::later::Later;
use crate::detect::{Confidence, Place, Severity};
use crate::detectors::DefinitionFile;
use crate::limits;

/// A definition file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    service: Option<String>,
    category: Option<Category>,
    #[serde(default)]
    detector: Vec<DetectorText>,
    #[serde(default)]
    advice: Vec<Advice>,
    /// Of embedded files alone: no other may have keys sent anywhere.
    #[serde(default)]
    verify: Vec<toml::Value>,
}

/// A `[[detector]]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetectorText {
    id: String,
    name: String,
    service: Option<String>,
    category: Option<Category>,
    kind: String,
    severity: Severity,
    confidence: Confidence,
    #[serde(default)]
    evidence: bool,
    #[serde(default)]
    general: bool,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    public_prefix: Vec<String>,
    console: Option<String>,
    revoke: Option<String>,
    leak_allows: Option<String>,
    #[serde(default)]
    form: Vec<FormText>,
    #[serde(default)]
    gate: Gate,
    check: Option<Check>,
    #[serde(default)]
    companion: Vec<Companion>,
    #[serde(default)]
    allow: Vec<Allowed>,
    #[serde(default)]
    paths: Paths,
    #[serde(default)]
    example: Later<Example>,
    #[serde(default)]
    counter_example: Later<CounterExample>,
}

/// A `[[detector.form]]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormText {
    anchors: Option<Vec<String>>,
    ignore_case: Option<bool>,
    pattern: Option<String>,
    before: Option<usize>,
    reach: Option<usize>,
    names: Option<Vec<String>>,
    exact: Option<bool>,
    section: Option<Vec<String>>,
    brand: Option<Vec<String>>,
    ordinary: Option<bool>,
    hosts: Option<Vec<String>>,
    keys: Option<Vec<String>>,
    lines: Option<usize>,
    value: Option<String>,
    severity: Option<Severity>,
    confidence: Option<Confidence>,
    boundary: Option<String>,
    #[serde(default)]
    places: Vec<Place>,
    gate: Option<Gate>,
}

/// Reads a definition file.
pub(in crate::detect) fn parse(text: &str, origin: &str) -> Result<Vec<Definition>, Fault> {
    if text.len() as u64 > limits::RULES_FILE {
        return Err(Fault::of_file(origin, format!("it is over the limit of {} bytes", limits::RULES_FILE)));
    }
    let file: FileText = toml::from_str(text).map_err(|error| Fault::of_toml(text, origin, &error))?;
    file.complete(text, origin)
}

/// Reads a definition file that is part of this program.
pub(in crate::detect) fn parse_embedded(file: &DefinitionFile) -> Result<Vec<Definition>, Fault> {
    let mut text: FileText = serde_json::from_str(file.definitions)
        .map_err(|error| Fault::of_file(file.name, error.to_string()))?;
    for (detector, (right, wrong)) in text.detector.iter_mut().zip(file.examples) {
        (detector.example, detector.counter_example) = (Later::of(right), Later::of(wrong));
    }
    let mut definitions = text.complete("", file.name)?;
    for definition in &mut definitions {
        (definition.advices, definition.verifies) = (Later::of(file.advice), Later::of(file.verify));
    }
    Ok(definitions)
}

impl FileText {
    fn complete(self, text: &str, origin: &str) -> Result<Vec<Definition>, Fault> {
        let (service, category) = (self.service.as_deref(), self.category);
        let ids: Vec<&str> = self.detector.iter().map(|entry| entry.id.as_str()).collect();
        for (number, advice) in self.advice.iter().enumerate() {
            let wrong = |problem| Fault::of_file(origin, format!("advice {}: {problem}", number + 1));
            advice.check(&ids).map_err(wrong)?;
        }
        if !self.verify.is_empty() {
            let problem =
                "'verify' is for the definitions that keyseam comes with: other rules never ask a service";
            return Err(Fault::of_file(origin, problem.to_owned()));
        }
        let advices: Later<Advice> = self.advice.into();
        let entries = self.detector.into_iter().enumerate();
        let complete = entries.map(|(number, entry)| {
            let entry = entry.complete(service, category, origin);
            let entry = entry.map(|definition| Definition { advices: advices.clone(), ..definition });
            entry.map_err(|problem| Fault::of_entry(text, origin, number, &problem))
        });
        complete.collect()
    }
}

impl DetectorText {
    fn complete(
        self,
        service: Option<&str>,
        category: Option<Category>,
        origin: &str,
    ) -> Result<Definition, String> {
        let id = self.id;
        let missing = |what: &str| format!("detector '{id}': it names no {what}, nor does the file");
        let service = self.service.or(service.map(str::to_owned)).ok_or_else(|| missing("service"))?;
        let category = self.category.or(category).ok_or_else(|| missing("category"))?;
        let mut forms = Vec::new();
        for (number, form) in self.form.into_iter().enumerate() {
            let complete =
                form.complete().map_err(|e| format!("detector '{id}', form {}: {e}", number + 1))?;
            forms.extend(complete);
        }
        let mut gate = self.gate;
        if forms.iter().any(|form| matches!(form.shape, Shape::Brand { .. } | Shape::Host { .. })) {
            gate.reject.extend([Reject::Words, Reject::Path]);
        }
        Ok(Definition {
            forms,
            id,
            name: self.name,
            service,
            category,
            kind: self.kind,
            severity: self.severity,
            confidence: self.confidence,
            evidence: self.evidence,
            general: self.general,
            aliases: self.aliases,
            public_prefix: self.public_prefix,
            console: self.console,
            revoke: self.revoke,
            leak_allows: self.leak_allows,
            gate,
            check: self.check,
            companions: self.companion,
            allow: self.allow,
            paths: self.paths,
            examples: self.example,
            counter_examples: self.counter_example,
            advices: Later::default(),
            verifies: Later::default(),
            origin: origin.to_owned(),
        })
    }
}

impl FormText {
    /// Which kind it is shows in `pattern`, `names`, `section`, or `brand` and `hosts`, which may stand
    /// together; a field of another kind is an error.
    fn complete(self) -> Result<Vec<Form>, String> {
        let foreign = |fields: &[(&str, bool)]| match fields.iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(format!("'{field}' does not belong to this kind of form")),
            None => Ok(()),
        };
        let pattern_only = [
            ("ignore_case", self.ignore_case.is_some()),
            ("before", self.before.is_some()),
            ("reach", self.reach.is_some()),
        ];
        let (exact, keys) = (("exact", self.exact.is_some()), ("keys", self.keys.is_some()));
        let (lines, ordinary) = (("lines", self.lines.is_some()), ("ordinary", self.ordinary.is_some()));
        let anchors = ("anchors", self.anchors.is_some());
        let value_given = ("value", self.value.is_some());
        let value = self.value.ok_or_else(|| "it needs a 'value'".to_owned());
        let branded = self.brand.is_some() || self.hosts.is_some();
        let shapes = match (self.pattern, self.names, self.section, branded) {
            (Some(pattern), None, None, false) => {
                foreign(&[exact, keys, lines, ordinary, value_given])?;
                vec![Shape::Pattern {
                    anchors: self.anchors.unwrap_or_default(),
                    ignore_case: self.ignore_case.unwrap_or(false),
                    pattern,
                    before: self.before.unwrap_or(0),
                    reach: self.reach.unwrap_or(1024),
                }]
            }
            (None, Some(names), None, false) => {
                foreign(&pattern_only)?;
                foreign(&[keys, lines, ordinary])?;
                let anchors = self.anchors.unwrap_or_default();
                vec![Shape::Names { names, value: value?, exact: self.exact.unwrap_or(false), anchors }]
            }
            (None, None, Some(section), false) => {
                foreign(&pattern_only)?;
                foreign(&[exact, anchors, ordinary])?;
                let keys = self.keys.ok_or("a form with 'section' needs 'keys'")?;
                vec![Shape::Section { section, keys, value: value?, lines: self.lines.unwrap_or(5) }]
            }
            (None, None, None, true) => {
                foreign(&pattern_only)?;
                foreign(&[exact, anchors, lines])?;
                let value = value?;
                if self.brand.is_none() {
                    foreign(&[keys, ordinary])?;
                }
                let keys = self.keys;
                let ordinary = self.ordinary.unwrap_or(false);
                let of_brand =
                    self.brand.map(|brands| Shape::Brand { brands, keys, value: value.clone(), ordinary });
                let of_hosts = self.hosts.map(|hosts| Shape::Host { hosts, value });
                of_brand.into_iter().chain(of_hosts).collect()
            }
            _ => {
                return Err("it needs one of 'pattern', 'names', 'section' and 'brand' or 'hosts'".to_owned());
            }
        };
        let form = |shape| Form {
            shape,
            severity: self.severity,
            confidence: self.confidence,
            boundary: self.boundary.clone(),
            places: self.places.clone(),
            gate: self.gate.clone(),
        };
        Ok(shapes.into_iter().map(form).collect())
    }
}
