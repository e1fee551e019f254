//! Compose files: services, their variables, and the secrets that they take.

use serde_json::{Map, Value};

use super::{ImportError, Reading, list, object, reference, scalar, text};
use crate::inventory::workload::{Imported, Workload, digest_of};

/// Reads the services of a file.
pub(super) fn read(
    document: &Value,
    services: &Map<String, Value>,
    reading: &mut Reading<'_, '_>,
) -> Result<bool, ImportError> {
    for (name, service) in services {
        let image = text(service, "image");
        let mut imported = Imported {
            workload: Workload {
                origin: reading.origin.to_owned(),
                kind: "service".to_owned(),
                name: name.clone(),
                image: image.to_owned(),
                ..Workload::default()
            },
            digest: image.contains('@').then(|| digest_of(image)).flatten(),
            ..Imported::default()
        };
        if image.is_empty() {
            imported.workload.notes.push(match service.get("build") {
                Some(_) => "is built here: no name of an image tells which one it runs".to_owned(),
                None => "names no image".to_owned(),
            });
        }
        environment(service, &mut imported, reading);
        files(service, &mut imported);
        secrets(document, service, &mut imported);
        reading.add(imported)?;
    }
    Ok(true)
}

/// A map, or a list of `NAME=value`. A name alone takes the value of the shell that starts the stack.
fn environment(service: &Value, imported: &mut Imported, reading: &mut Reading<'_, '_>) {
    let shell = "the shell or .env";
    if let Some(map) = object(service, "environment") {
        for (name, value) in map {
            match scalar(value) {
                Some(value) => literal(name, &value, imported, reading),
                None => reference(imported, "variable", name, shell, ""),
            }
        }
    }
    for entry in list(service, "environment").iter().filter_map(Value::as_str) {
        match entry.split_once('=') {
            Some((name, value)) => literal(name, value, imported, reading),
            None => reference(imported, "variable", entry, shell, ""),
        }
    }
}

/// A value, or `${NAME}`, which comes from elsewhere.
fn literal(name: &str, value: &str, imported: &mut Imported, reading: &mut Reading<'_, '_>) {
    let inner = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let outer = inner.or_else(|| value.strip_prefix('$').filter(|rest| !rest.starts_with('$')));
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let named = outer.map(|outer| outer.split([':', '-', '?', '+']).next().unwrap_or(outer));
    match named.filter(|named| is_name(named)) {
        Some(named) => {
            reference(imported, "variable", name, "the shell or .env", named);
            // What stands in for a variable that is not set is a value too.
            let behind = outer.and_then(|outer| outer.get(named.len()..)).unwrap_or_default();
            if let Some(default) = behind.trim_start_matches(':').strip_prefix('-') {
                reading.value(imported, name, default);
            }
        }
        // Two dollars are one.
        None => reading.value(imported, name, &value.replace("$$", "$")),
    }
}

fn files(service: &Value, imported: &mut Imported) {
    let one = service.get("env_file").and_then(Value::as_str);
    let several = list(service, "env_file").iter();
    let several = several.map(|file| file.as_str().unwrap_or_else(|| text(file, "path")));
    let files: Vec<String> = one.into_iter().chain(several).map(str::to_owned).collect();
    for file in files {
        imported.workload.notes.push(format!("takes variables from {file}, which was not read"));
        reference(imported, "env_file", "", &file, "");
    }
}

/// The secrets that a service takes, with where the file says they come from.
fn secrets(document: &Value, service: &Value, imported: &mut Imported) {
    for secret in list(service, "secrets") {
        let name = secret.as_str().unwrap_or_else(|| text(secret, "source"));
        let defined = document.get("secrets").and_then(|secrets| secrets.get(name));
        let from = defined.map(|defined| match (text(defined, "file"), text(defined, "environment")) {
            ("", "") => String::new(),
            ("", variable) => format!("variable {variable}"),
            (file, _) => format!("file {file}"),
        });
        reference(imported, "secrets", "", name, &from.unwrap_or_default());
    }
}
