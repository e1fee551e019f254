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
    use crate::detect::DetectorSet;
    use crate::detect::catalogue::Catalogue;
    use crate::detect::redact::Redactor;
    use crate::detect::template::{Seed, expand};
    use crate::finding::baseline::Baseline;
    use crate::finding::fingerprint::FingerprintKey;
    use crate::finding::ignore::IgnoreRules;
    use crate::finding::result::{Judge, Target};
    use crate::image::manifest::{Image, ImageKind};
    use crate::scan::Blobs;
    use crate::scan::matches::Search;

    #[test]
    fn one_up_ends_at_critical_and_leaves_what_is_no_leak() {
        let all = [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
        let raised =
            [Severity::Info, Severity::Medium, Severity::High, Severity::Critical, Severity::Critical];
        assert_eq!(all.map(one_up), raised);
    }

    /// The result of an image with a test key (low) and a live one (high) in its variables.
    fn judged(pullable_by: Option<PullableBy>) -> model::ImageResult {
        let catalogue = Catalogue::embedded().expect("the catalogue");
        let detectors = DetectorSet::new(&catalogue).expect("its detectors");
        let judge = Judge {
            subjects: None,
            catalogue: &catalogue,
            search: Search { detectors: &detectors, own_secrets: None },
            selected: &|_| true,
            fingerprints: &FingerprintKey::from_bytes([7; 32]),
            ignore: &IgnoreRules::default(),
            baseline: &Baseline::default(),
            dockerfile: None,
            dockerfile_in: None,
            skip_base: false,
            show_secrets: false,
            names: None,
        };
        let made = |prefix: &str, seed| {
            let rest = "{{chars:A-Z:2}}{{base62:20}}{{chars:0-9:2}}{{chars:a-z:1}}";
            expand(&format!("{prefix}{rest}"), "", &mut Seed(seed)).expect("a template")
        };
        let (test, live) = (made("test_", 1), made("", 2));
        let variables = [format!("MESSAGEBIRD_ACCESS_KEY={test}"), format!("MESSAGEBIRD_API_KEY={live}")];
        let config = serde_json::json!({ "config": { "Env": variables } }).to_string().into_bytes();
        let image = Image { config_json: Some(config), pullable_by, ..Image::new(ImageKind::Image) };
        let target = Target { text: "target".to_owned(), source: model::SourceKind::Registry };
        judge.judge(&target, &image, &Blobs::new(), &mut Redactor::new(&detectors))
    }

    #[test]
    fn what_anyone_can_pull_is_worse_and_nothing_else_is() {
        let severities = |pullable_by| -> Vec<Severity> {
            judged(pullable_by).findings.iter().map(|finding| finding.severity).collect()
        };
        let usual = severities(None);
        assert!(usual.len() == 2 && usual.contains(&Severity::Low), "{usual:?}");
        for others in [PullableBy::Network, PullableBy::Credentials] {
            assert_eq!(severities(Some(others)), usual);
        }
        let raised: Vec<Severity> = usual.into_iter().map(one_up).collect();
        assert_eq!(severities(Some(PullableBy::Anyone)), raised);
        let result = judged(Some(PullableBy::Anyone));
        assert_eq!(result.pullable_by, Some(model::PullableBy::Anyone));
    }
}
