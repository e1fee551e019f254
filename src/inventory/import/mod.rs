//! What runs images, read from the files that other tools write: `kubectl get -o json` and Compose files. A file may
//! come from anywhere: its size, its depth and what its aliases make of it are bounded, and no value is kept.

mod compose;
mod kubernetes;

use serde_json::{Map, Value};
use serde_saphyr::{budget, options};

use super::workload::{Imported, Reference};
use crate::limits::{WORKLOAD_VALUE, WORKLOAD_VALUE_LEAST, WORKLOAD_VARIABLES, WORKLOADS, WORKLOADS_YAML};

/// Why a file is not imported. No text of it is repeated.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Neither JSON nor YAML.
    #[error("it is neither JSON nor YAML{0}")]
    Form(String),
    /// YAML that is too large.
    #[error("it is YAML of more than {WORKLOADS_YAML} bytes; write it as JSON")]
    Large,
    /// Something else.
    #[error(
        "there is no workload in it: it is read as what 'kubectl get pods -A -o json' writes, or as a Compose file"
    )]
    Nothing,
    /// Too many.
    #[error("it has more than {WORKLOADS} containers; import it in parts, each under a --name of its own")]
    Many,
}

/// Makes the fingerprints of a variable's value.
pub type Hasher<'a> = dyn FnMut(&str, &str) -> Vec<String> + 'a;

/// The workloads of a file; `origin` is the name of the cluster or stack.
///
/// # Errors
/// When the file holds none, or is something else.
pub fn workloads(bytes: &[u8], origin: &str, hasher: &mut Hasher<'_>) -> Result<Vec<Imported>, ImportError> {
    let documents = documents(bytes)?;
    let mut all = Vec::new();
    let mut reading = Reading { origin, hasher, all: &mut all };
    let mut is_known = false;
    for document in &documents {
        is_known |= match document.get("services") {
            Some(Value::Object(services)) => compose::read(document, services, &mut reading)?,
            _ => kubernetes::read(document, &mut reading)?,
        };
    }
    if is_known { Ok(all) } else { Err(ImportError::Nothing) }
}

/// The documents of a file: JSON values one after another, or YAML.
fn documents(bytes: &[u8]) -> Result<Vec<Value>, ImportError> {
    let json: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
    let begins = bytes.trim_ascii_start().first();
    match json {
        Ok(documents) => return Ok(documents),
        Err(error) if matches!(begins, Some(b'{' | b'[')) && bytes.len() > WORKLOADS_YAML => {
            return Err(ImportError::Form(format!(" (line {})", error.line())));
        }
        Err(_) => {}
    }
    if bytes.len() > WORKLOADS_YAML {
        return Err(ImportError::Large);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ImportError::Form(", and no UTF-8 text".to_owned()))?;
    let options = options! {
        budget: budget! { max_aliases: 10_000, max_depth: 64 },
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let line = error.location().map(|place| format!(" (line {})", place.line()));
        ImportError::Form(line.unwrap_or_default())
    })
}

/// A file while it is read.
struct Reading<'a, 'b> {
    origin: &'a str,
    hasher: &'a mut Hasher<'b>,
    all: &'a mut Vec<Imported>,
}

impl Reading<'_, '_> {
    fn add(&mut self, imported: Imported) -> Result<(), ImportError> {
        if self.all.len() >= WORKLOADS {
            return Err(ImportError::Many);
        }
        self.all.push(imported);
        Ok(())
    }

    /// A literal value: what is short is no key.
    fn value(&mut self, imported: &mut Imported, name: &str, value: &str) {
        let length = value.chars().take(WORKLOAD_VALUE_LEAST).count();
        let fits = length >= WORKLOAD_VALUE_LEAST && value.len() <= WORKLOAD_VALUE;
        if fits && imported.values.len() < WORKLOAD_VARIABLES {
            imported.values.push((name.to_owned(), (self.hasher)(name, value)));
        }
    }
}

fn reference(imported: &mut Imported, kind: &str, variable: &str, secret: &str, entry: &str) {
    if !secret.is_empty() && imported.references.len() < WORKLOAD_VARIABLES {
        imported.references.push(Reference {
            variable: variable.to_owned(),
            kind: kind.to_owned(),
            secret: secret.to_owned(),
            entry: entry.to_owned(),
        });
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn object<'a>(value: &'a Value, name: &str) -> Option<&'a Map<String, Value>> {
    value.get(name).and_then(Value::as_object)
}

/// A value as it becomes a variable's.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
