//! What to do about a leaked key, as far as one place of it tells: the next thing, the key half, and the line on
//! the build. What takes the whole image, or all of them, is [`crate::advice::image`]'s.

use std::sync::Arc;

use super::occurrence::Occurrence;
use crate::advice;
use crate::detect::Place;
use crate::detect::definition::Definition;
use crate::report::model::{Guide, Remediation};

/// The advice for a key that came in at `first`; `guide` is that on its kind.
pub fn advice(
    definition: Option<&Definition>,
    guide: Arc<Guide>,
    first: &Occurrence,
    in_final_image: bool,
) -> Remediation {
    Remediation {
        next: advice::next(definition),
        console: advice::console(definition),
        revoke: definition.and_then(|definition| definition.revoke.clone()),
        image: image(first, in_final_image),
        key: Some(guide),
        ..Remediation::default()
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
