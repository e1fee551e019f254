//! What to do about a leaked key, in two halves.
//!
//! ```text
//! the key    [[advice]] of its definition file, or else general.toml  --guide-->  Guide
//! the image  places of the key, layers, names, registry               --image::tell-->  steps, in this order
//! the next   environment variable, AWS, Vault or Conjur, by language  --keep_out-->  code
//! ```
//!
//! What is known of one service stands in its file in `src/detectors/`; what its category or the kind of key
//! allows to say, in `general.toml`. A new kind of registry is a line in `registry.rs`.

mod general;
pub mod image;
pub mod keep_out;
mod registry;

use crate::detect::definition::{Advice, Definition, Shape};
use crate::report::describe::sentence;
use crate::report::model::Guide;

/// What a key is called where no definition says it: the team's own secrets.
const OWN_SECRET: &str = "secret";

/// What to do about a leaked key of `definition`; without one, about a secret that the team itself named, of
/// `service`.
pub fn guide(definition: Option<&Definition>, service: &str) -> Guide {
    let general = general::Filled::of(definition, service);
    let mut guide = match definition.and_then(Definition::advice) {
        Some(advice) => specific(advice, &general),
        None => whole(definition, &general),
    };
    guide.leaks.extend(general.list(|texts| &texts.leaks));
    guide.keep_out = keep_out(definition);
    guide
}

/// The next thing to do, one line: a key that others can read is revoked first and cleaned up after.
pub fn next(definition: Option<&Definition>) -> String {
    let console = console(definition);
    let at = console.as_ref().map_or_else(String::new, |console| format!(" ({console})"));
    let Some(definition) = definition else {
        return "change the secret where it is issued, then where it is used".to_owned();
    };
    match (definition.advice(), &definition.revoke, console) {
        (Some(advice), ..) => format!("{}{at}", advice.first),
        (None, Some(revoke), _) => format!("revoke it: {revoke}{at}"),
        (None, None, _) if definition.is_handle() => {
            "look for the key that belongs to it: an id alone opens nothing".to_owned()
        }
        (None, None, Some(console)) => format!("revoke it at {console}"),
        (None, None, None) => {
            format!("make a new key at {}, move its users over, revoke this one", definition.service)
        }
    }
}

/// Where such keys are managed.
pub fn console(definition: Option<&Definition>) -> Option<String> {
    let definition = definition?;
    definition.console.clone().or_else(|| definition.advice().and_then(|advice| advice.console.clone()))
}

/// The environment variable that usually holds such a key: what a definition says, or else made of its names.
pub fn variable(definition: &Definition) -> String {
    if let Some(advice) = definition.advice() {
        return advice.variable.clone();
    }
    let named = definition.forms.iter().find_map(|form| match &form.shape {
        Shape::Names { names, .. } => names.first().map(|name| shouted(name)),
        Shape::Brand { brands, keys, .. } => {
            let key = keys.as_ref().and_then(|keys| keys.first()).map_or("api_key", String::as_str);
            brands.first().map(|brand| format!("{}_{}", shouted(brand), shouted(key)))
        }
        _ => None,
    });
    named.unwrap_or_else(|| shouted(&definition.id))
}

/// A name as environment variables are written.
fn shouted(name: &str) -> String {
    let upper = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    let name: String = upper.collect();
    let name = name.trim_matches('_');
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("KEY_{name}") } else { name.to_owned() }
}

/// The advice of a service; what no service says of its own is general.
fn specific(advice: &Advice, general: &general::Filled<'_>) -> Guide {
    let of = |list: &[String], otherwise: Vec<String>| {
        if list.is_empty() { otherwise } else { list.to_vec() }
    };
    Guide {
        general: false,
        about: advice.about.clone(),
        docs: advice.docs.clone(),
        allows: advice.allows.clone(),
        leaks: advice.leaks.clone(),
        misuse: advice.misuse.clone(),
        make: advice.make.clone(),
        overlap: advice.overlap.clone(),
        roll_out: general.list(|texts| &texts.roll_out),
        revoke: advice.revoke.clone(),
        outlives: advice.outlives.clone(),
        breaks: advice.breaks.clone(),
        after: general.list(|texts| &texts.after),
        restrict: of(&advice.restrict, general.list(|texts| &texts.restrict)),
        report: of(&advice.report, general.list(|texts| &texts.report)),
        keep_out: Vec::new(),
    }
}

/// General advice, with what the definition knows.
fn whole(definition: Option<&Definition>, general: &general::Filled<'_>) -> Guide {
    let known = |line: Option<&String>| line.map(|line| sentence(line));
    let allows = definition.filter(|known| !known.is_handle()).and_then(|known| known.leak_allows.clone());
    let revoke = known(definition.and_then(|known| known.revoke.as_ref()));
    Guide {
        general: true,
        about: general.text(|texts| &texts.about).unwrap_or_default(),
        docs: None,
        allows: allows.map_or_else(|| general.list(|texts| &texts.allows), |allows| vec![allows]),
        leaks: Vec::new(),
        misuse: general.list(|texts| &texts.misuse),
        make: general.list(|texts| &texts.make),
        overlap: general.text(|texts| &texts.overlap),
        roll_out: general.list(|texts| &texts.roll_out),
        revoke: revoke.map_or_else(|| general.list(|texts| &texts.revoke), |revoke| vec![revoke]),
        outlives: general.text(|texts| &texts.outlives),
        breaks: general.list(|texts| &texts.breaks),
        after: general.list(|texts| &texts.after),
        restrict: general.list(|texts| &texts.restrict),
        report: general.list(|texts| &texts.report),
        keep_out: Vec::new(),
    }
}

/// How the next key stays out of source and image, with its own names.
fn keep_out(definition: Option<&Definition>) -> Vec<String> {
    let variable = definition.map_or_else(|| "SECRET".to_owned(), variable);
    let id = variable.to_ascii_lowercase();
    let code = definition.map_or_else(String::new, |definition| {
        format!(
            " `keyseam explain {} --with vault --lang python` prints the code: env, aws, vault or conjur, in python, javascript, go, java, ruby or shell.",
            definition.id
        )
    });
    vec![
        format!(
            "A container gets it when it starts, as `{variable}` (`docker run --env-file`, Compose or Kubernetes secrets), or fetches it from a store of secrets.{code}"
        ),
        format!(
            "A build step that needs it mounts it: `RUN --mount=type=secret,id={id},env={variable} ...`, built with `--secret id={id},env={variable}`. It is then in no layer and in no history."
        ),
        "Files with keys stay out of the build context: `.env`, `.git`, `.npmrc` and their like in `.dockerignore`; `keyseam context .` shows what would enter.".to_owned(),
        "Few people can read it: the store's and the service's consoles ask for a second factor, each program has a key of its own with the fewest rights, and keys are changed on a schedule, so that a leak nobody saw ends by itself.".to_owned(),
        "Nothing is pushed unseen: `keyseam push` pushes what passes, and in CI a scan stands before the push.".to_owned(),
    ]
}

#[cfg(test)]
mod tests;
