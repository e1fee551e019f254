//! Keys that were laid out to be used: whoever asks about one tells its issuer.

use super::subject::Subject;
use crate::detect::validate;

/// Whose canary a key is, where it shows.
pub(super) fn issuer(subject: &Subject) -> Option<String> {
    let own = subject.handles.get("canary").cloned();
    own.or_else(|| subject.companions.values().find_map(|value| validate::canary(value)))
}
