//! Who can read what an image holds, and what that makes of a leak.

use super::occurrence::Occurrence;
use crate::detect::Severity;
use crate::image::manifest::PullableBy;
use crate::report::model;

/// Raises what `occurrences` are worth where anyone can pull the image: nobody has to get in first.
pub fn weigh(occurrences: &mut [Occurrence], pullable_by: Option<PullableBy>) {
    if pullable_by == Some(PullableBy::Anyone) {
        for occurrence in occurrences {
            occurrence.found.severity = one_up(occurrence.found.severity);
        }
    }
}

/// The next severity. What is only worth knowing stays that.
fn one_up(severity: Severity) -> Severity {
    match severity {
        Severity::Info => Severity::Info,
        Severity::Low => Severity::Medium,
        Severity::Medium => Severity::High,
        Severity::High | Severity::Critical => Severity::Critical,
    }
}

/// The same for the report.
pub fn reported(pullable_by: PullableBy) -> model::PullableBy {
    match pullable_by {
        PullableBy::Anyone => model::PullableBy::Anyone,
        PullableBy::Network => model::PullableBy::Network,
        PullableBy::Credentials => model::PullableBy::Credentials,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_up_ends_at_critical_and_leaves_what_is_no_leak() {
        let all = [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
        let raised =
            [Severity::Info, Severity::Medium, Severity::High, Severity::Critical, Severity::Critical];
        assert_eq!(all.map(one_up), raised);
    }
}
