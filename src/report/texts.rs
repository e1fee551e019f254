//! The texts of a report that others wrote, for one more cleaning when all its images are known: a key
//! that only the second image gives away may stand in a name of the first.

use super::model::{Finding, ImageResult, Location, Report};

impl Report {
    /// Replaces every text that comes from an image, a target or an error by what `clean` makes of it.
    /// Digests, ids, places and the redacted keys themselves stay.
    pub fn clean_texts(&mut self, clean: &dyn Fn(&str) -> String) {
        for error in &mut self.errors {
            each(clean, [&mut error.target, &mut error.message]);
        }
        each(clean, self.diff.iter_mut().map(|diff| &mut diff.old));
        for result in &mut self.results {
            clean_result(result, clean);
        }
    }
}

fn each<'a>(clean: &dyn Fn(&str) -> String, texts: impl IntoIterator<Item = &'a mut String>) {
    for text in texts {
        *text = clean(text);
    }
}

fn clean_result(result: &mut ImageResult, clean: &dyn Fn(&str) -> String) {
    each(clean, [&mut result.target]);
    each(clean, result.reference.iter_mut().chain(&mut result.platform).chain(&mut result.repo_digests));
    each(clean, result.base_image.iter_mut().map(|base| &mut base.name));
    each(clean, result.warnings.iter_mut().chain(&mut result.opaque.paths));
    each(clean, result.suppressed.iter_mut().map(|suppressed| &mut suppressed.by));
    for layer in &mut result.layers {
        each(clean, layer.media_type.iter_mut().chain(&mut layer.created_by));
    }
    for error in &mut result.errors {
        each(clean, error.path.iter_mut().chain([&mut error.message]));
    }
    for used in &mut result.evidence {
        each(clean, [&mut used.url]);
        used.locations.iter_mut().for_each(|location| clean_location(location, clean));
    }
    for finding in &mut result.findings {
        clean_finding(finding, clean);
    }
}

fn clean_finding(finding: &mut Finding, clean: &dyn Fn(&str) -> String) {
    each(clean, finding.handles.values_mut().chain(&mut finding.introduced_by.created_by));
    each(clean, finding.introduced_by.dockerfile.iter_mut().map(|line| &mut line.path));
    each(clean, finding.verification.reason.iter_mut().chain(finding.verification.facts.values_mut()));
    // The rest of the advice is the program's own.
    each(clean, &mut finding.remediation.rewrite);
    each(clean, finding.companions.iter_mut().map(|companion| &mut companion.value));
    let beside = finding.companions.iter_mut().flat_map(|companion| &mut companion.locations);
    for location in finding.locations.iter_mut().chain(beside) {
        clean_location(location, clean);
    }
}

fn clean_location(location: &mut Location, clean: &dyn Fn(&str) -> String) {
    each(clean, location.inner.iter_mut().chain(&mut location.name));
    if let Some(path) = &mut location.path {
        let cleaned = clean(path);
        if cleaned != *path {
            // Its bytes hold what the text must not.
            location.path_base64 = None;
            *path = cleaned;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::fixture;

    #[test]
    fn no_text_is_forgotten() {
        let mut report = fixture::rich();
        report.clean_texts(&|_| "cleaned".to_owned());
        let text = serde_json::to_value(&report).expect("a report").to_string();
        let rewrite = |report: &super::Report| report.results[0].findings[0].remediation.rewrite.clone();
        assert!(rewrite(&fixture::rich()).is_some_and(|rewrite| rewrite.starts_with("--- a/Dockerfile")));
        assert_eq!(rewrite(&report).as_deref(), Some("cleaned"));
        let before = serde_json::to_value(fixture::rich()).expect("a report");
        // What may stay: hashes, and words of the format, the catalogue and the program.
        let fixed = [
            "version",
            "tool",
            "by_severity",
            "source",
            "kind",
            "manifest_digest",
            "index_digest",
            "config_digest",
            "digest",
            "diff_id",
            "fingerprint",
            "place",
            "detector",
            "name",
            "service",
            "category",
            "severity",
            "confidence",
            "secret",
            "exposed_to",
            "pullable_by",
            "also",
            "role",
            "near",
            "how",
            "reason",
            "status",
            "decoded",
            "remediation",
            "by_reason",
            "owner",
        ];
        let mut texts = Vec::new();
        collect(&before, &fixed, &mut texts);
        assert!(texts.len() > 20);
        for kept in texts.iter().filter(|kept| kept.len() > 3) {
            let quoted = serde_json::to_string(kept).expect("a text");
            assert!(!text.contains(&quoted), "{quoted} was not cleaned");
        }
    }

    /// The texts of a report but for those under the keys of `fixed`.
    fn collect(value: &serde_json::Value, fixed: &[&str], texts: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => texts.push(text.clone()),
            serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, fixed, texts)),
            serde_json::Value::Object(members) => {
                for (_, member) in members.iter().filter(|(name, _)| !fixed.contains(&name.as_str())) {
                    collect(member, fixed, texts);
                }
            }
            _ => {}
        }
    }
}
