//! What can be wrong with a definition, found before it is used.

use super::boundary::ByteSet;
use super::brand::Brands;
use super::catalogue::Catalogue;
use super::definition::{Definition, Example, Form, Shape};
use super::names::VariableName;
use super::paths::PathRules;
use super::pattern::Pattern;
use super::template::{self, Seed};
use super::validate;
use crate::limits;

/// Shorter anchors are everywhere.
const SHORTEST_ANCHOR: usize = 3;

/// Checks `definition`, which is in `catalogue`. The error is the text behind its id.
pub(super) fn check(definition: &Definition, catalogue: &Catalogue) -> Result<(), String> {
    check_texts(definition)?;
    if definition.forms.is_empty() {
        return Err("it has no form; add a [[detector.form]]".to_owned());
    }
    for (number, form) in definition.forms.iter().enumerate() {
        check_form(form, &definition.paths.only)
            .map_err(|problem| format!("form {}: {problem}", number + 1))?;
    }
    if let Some(check) = &definition.check {
        validate::find(&check.validator).ok_or_else(|| {
            format!(
                "there is no validator '{}'; 'keyseam detectors list --validators' names them",
                check.validator
            )
        })?;
    }
    for companion in &definition.companions {
        catalogue.find(&companion.detector).ok_or_else(|| {
            format!("its companion '{}' is no detector; name an id or an alias", companion.detector)
        })?;
    }
    PathRules::new(&definition.paths)?;
    check_examples(definition)
}

fn check_texts(definition: &Definition) -> Result<(), String> {
    let kebab = |id: &str| {
        !id.is_empty() && id.split('-').all(|word| !word.is_empty() && word.bytes().all(is_kebab_byte))
    };
    for id in std::iter::once(&definition.id).chain(&definition.aliases) {
        if !kebab(id) {
            return Err(format!("'{id}' is not kebab-case; write it like acme-api-key"));
        }
    }
    let texts = [("name", &definition.name), ("service", &definition.service), ("kind", &definition.kind)];
    for (what, text) in texts {
        if text.trim().is_empty() {
            return Err(format!("its {what} is empty; write one"));
        }
    }
    let lines = [&definition.console, &definition.revoke, &definition.leak_allows];
    if lines.into_iter().flatten().any(|line| line.contains('\n') || line.trim().is_empty()) {
        return Err("console, revoke and leak_allows are one line each".to_owned());
    }
    for allowed in &definition.allow {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if allowed.sha256.len() != 64 || !allowed.sha256.bytes().all(hex) {
            return Err("an allowed key is not the lowercase hex of a SHA-256".to_owned());
        }
    }
    Ok(())
}

fn is_kebab_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// A form without an anchor is tried at every line, and so only in the files that are named (`only`).
fn check_form(form: &Form, only: &[String]) -> Result<(), String> {
    if let Some(class) = &form.boundary {
        ByteSet::parse(class)?;
    }
    match &form.shape {
        Shape::Pattern { anchors, pattern, before, reach, .. } => {
            if *reach == 0 || *reach > limits::CONTEXT_RADIUS {
                return Err(format!("'reach' is not between 1 and {}", limits::CONTEXT_RADIUS));
            }
            if *before > limits::PATTERN_BEFORE {
                return Err(format!("'before' is over {}", limits::PATTERN_BEFORE));
            }
            let of_lines = anchors.is_empty() && !only.is_empty();
            if of_lines && *before > 0 {
                return Err("a line has nothing 'before' it".to_owned());
            }
            if !of_lines {
                check_anchors(anchors)?;
            }
            Pattern::new(pattern, 0).check().map_err(|problem| format!("its pattern: {problem}"))
        }
        Shape::Names { names, value, anchors, .. } => {
            check_names(names, anchors)?;
            Pattern::of_whole(value, 0).check().map_err(|problem| format!("its value: {problem}"))
        }
        Shape::Section { section, keys, value, .. } => {
            check_names(section, &[])?;
            if keys.is_empty() {
                return Err("it has no keys".to_owned());
            }
            keys.iter().try_for_each(|key| VariableName::parse(key).map(|_| ()))?;
            Pattern::of_whole(value, 0).check().map_err(|problem| format!("its value: {problem}"))
        }
        Shape::Brand { brands, keys, value, ordinary } => {
            check_anchors(&Brands::new(brands, keys.as_deref(), *ordinary)?.anchor_texts())?;
            Pattern::of_whole(value, 0).check().map_err(|problem| format!("its value: {problem}"))
        }
        Shape::Host { hosts, value } => {
            if let Some(host) = hosts.iter().find(|host| !host.contains('.')) {
                return Err(format!("host '{host}' has no dot"));
            }
            check_anchors(hosts)?;
            Pattern::new(value, 0).check().map_err(|problem| format!("its value: {problem}"))
        }
    }
}

fn check_anchors(anchors: &[String]) -> Result<(), String> {
    if anchors.is_empty() {
        return Err("it has no anchor; name a literal that every match holds".to_owned());
    }
    match anchors.iter().find(|anchor| anchor.len() < SHORTEST_ANCHOR) {
        Some(anchor) => {
            Err(format!("anchor '{anchor}' has less than {SHORTEST_ANCHOR} bytes; give a longer one"))
        }
        None => Ok(()),
    }
}

fn check_names(names: &[String], wanted: &[String]) -> Result<(), String> {
    if names.is_empty() {
        return Err("it has no names; give one at least".to_owned());
    }
    let wanted: Vec<VariableName> =
        wanted.iter().map(|part| VariableName::parse(part)).collect::<Result<_, _>>()?;
    for name in names {
        let anchors = VariableName::parse(name)?.anchors(&wanted);
        let texts: Vec<String> = anchors.into_iter().map(|(text, _)| text).collect();
        check_anchors(&texts)?;
    }
    Ok(())
}

fn check_examples(definition: &Definition) -> Result<(), String> {
    if definition.examples.len() < 2 {
        return Err("it has less than two examples; add a [[detector.example]]".to_owned());
    }
    if definition.counter_examples.len() < 2 {
        return Err("it has less than two counter-examples; add a [[detector.counter_example]]".to_owned());
    }
    for (number, example) in definition.examples.iter().enumerate() {
        let wrong = |problem: String| format!("example {}: {problem}", number + 1);
        let text = expanded(example).map_err(wrong)?.to_ascii_lowercase();
        // One anchor at least must bring the example up.
        if !definition.forms.iter().flat_map(anchors_of).any(|anchor| text.contains(&anchor)) {
            return Err(wrong("its text holds no anchor, so that it cannot be found".to_owned()));
        }
    }
    for (number, counter) in definition.counter_examples.iter().enumerate() {
        let wrong = |problem: String| format!("counter-example {}: {problem}", number + 1);
        if counter.why.trim().is_empty() {
            return Err(wrong("'why' is empty; say why the text holds no key".to_owned()));
        }
        template::expand(&counter.text, "", &mut Seed(1)).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(())
}

fn expanded(example: &Example) -> Result<String, String> {
    let mut seed = Seed(1);
    let key = template::expand(&example.key, "", &mut seed).map_err(|error| error.to_string())?;
    let text = template::expand(&example.text, &key, &mut seed).map_err(|error| error.to_string())?;
    if text.contains(&key) { Ok(text) } else { Err("its text does not hold its key".to_owned()) }
}

/// The literals of a form, lowercase.
pub(super) fn anchors_of(form: &Form) -> Vec<String> {
    let of_names = |names: &[String], wanted: &[String]| {
        let wanted: Vec<VariableName> = wanted.iter().filter_map(|w| VariableName::parse(w).ok()).collect();
        let names = names.iter().filter_map(|name| VariableName::parse(name).ok());
        names.flat_map(|name| name.anchors(&wanted)).map(|(text, _)| text).collect()
    };
    match &form.shape {
        Shape::Pattern { anchors, .. } if anchors.is_empty() => vec![String::new()],
        Shape::Pattern { anchors, .. } => anchors.iter().map(|anchor| anchor.to_ascii_lowercase()).collect(),
        Shape::Names { names, anchors, .. } => of_names(names, anchors),
        Shape::Section { section, .. } => of_names(section, &[]),
        Shape::Brand { brands, keys, ordinary, .. } => Brands::new(brands, keys.as_deref(), *ordinary)
            .map(|brands| brands.anchor_texts())
            .unwrap_or_default(),
        Shape::Host { hosts, .. } => hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
    }
}
