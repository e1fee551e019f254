//! What to do about a leaked key, in two halves: the key at its service, and the image that holds it.

use super::occurrence::Occurrence;
use crate::detect::Place;
use crate::detect::definition::Definition;
use crate::report::model::Remediation;

/// The advice for a key that came in at `first`.
pub fn advice(definition: Option<&Definition>, first: &Occurrence, in_final_image: bool) -> Remediation {
    let revoke = definition.and_then(|definition| definition.revoke.clone());
    let console = definition.and_then(|definition| definition.console.clone());
    Remediation {
        next: next(definition, revoke.as_deref(), console.as_deref()),
        console,
        revoke,
        image: image(first, in_final_image),
        ..Remediation::default()
    }
}

/// The next thing to do, one line: a key that others can read is revoked first and cleaned up after.
fn next(definition: Option<&Definition>, revoke: Option<&str>, console: Option<&str>) -> String {
    match (revoke, console) {
        (Some(revoke), Some(console)) => format!("revoke it: {revoke} ({console})"),
        (Some(revoke), None) => format!("revoke it: {revoke}"),
        (None, Some(console)) => format!("revoke it at {console}"),
        (None, None) => match definition {
            Some(definition) => {
                format!("make a new key at {}, move its users over, revoke this one", definition.service)
            }
            None => "change the secret where it is issued, then where it is used".to_owned(),
        },
    }
}

/// What to change in the build.
fn image(first: &Occurrence, in_final_image: bool) -> String {
    let change = match first.place {
        Place::Env => {
            "take it out of ENV: give it to the container when it starts, or to the build with RUN --mount=type=secret"
        }
        Place::Arg | Place::History => {
            "build arguments and commands stay in the history: use RUN --mount=type=secret"
        }
        Place::Label | Place::Annotation => "take it out of the label or annotation",
        Place::Attestation => "the build's provenance records it: pass it as a secret, not as an argument",
        _ => "keep it out of the build context (.dockerignore), or mount it with RUN --mount=type=secret",
    };
    if in_final_image {
        return change.to_owned();
    }
    format!("{change}; removing it in a later step does not help, the layer is still served")
}
