//! What the program's exit status says; `docs/exit-status.md` tells users.

use crate::report::{Report, Threshold};

/// The exit status of a run that no signal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything was read, and nothing at or above the thresholds was found.
    Clean,
    /// Keys at or above the thresholds were found.
    Found,
    /// Something could not be done: usage, no such image, no access, a report that cannot be written.
    Failed,
    /// Nothing at or above the thresholds was found, but not everything was read.
    Incomplete,
}

impl ExitStatus {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Found => 1,
            Self::Failed => 2,
            Self::Incomplete => 3,
        }
    }
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

/// What happened in a run, over all its images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Keys at or above the thresholds were found.
    pub found: bool,
    /// A target gave no result, or a report could not be written.
    pub failed: bool,
    /// Not everything was read.
    pub incomplete: bool,
}

impl Outcome {
    /// What `report` says. With `strict`, contents that could not be opened make a scan incomplete.
    pub fn of(report: &Report, threshold: &Threshold, strict: bool) -> Self {
        let results = &report.results;
        Self {
            found: results.iter().flat_map(|result| &result.findings).any(|finding| threshold.fails(finding)),
            failed: !report.errors.is_empty(),
            incomplete: results
                .iter()
                .any(|result| !result.complete || (strict && !result.opaque.by_reason.is_empty())),
        }
    }

    /// The worst of all that happened: found, failed, incomplete, clean, in this order. With
    /// `exit_zero`, keys that were found do not count; what failed or was not read still does.
    pub fn status(self, exit_zero: bool) -> ExitStatus {
        match self {
            Self { found: true, .. } if !exit_zero => ExitStatus::Found,
            Self { failed: true, .. } => ExitStatus::Failed,
            Self { incomplete: true, .. } => ExitStatus::Incomplete,
            _ => ExitStatus::Clean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Confidence;
    use crate::report::{FailOn, fixture, model::TargetError};

    #[test]
    fn the_worst_of_all_combinations() {
        // found, failed, incomplete, --exit-zero: the status.
        let expected = [
            (false, false, false, false, 0),
            (false, false, false, true, 0),
            (false, false, true, false, 3),
            (false, false, true, true, 3),
            (false, true, false, false, 2),
            (false, true, false, true, 2),
            (false, true, true, false, 2),
            (false, true, true, true, 2),
            (true, false, false, false, 1),
            (true, false, false, true, 0),
            (true, false, true, false, 1),
            (true, false, true, true, 3),
            (true, true, false, false, 1),
            (true, true, false, true, 2),
            (true, true, true, false, 1),
            (true, true, true, true, 2),
        ];
        for (found, failed, incomplete, exit_zero, code) in expected {
            let outcome = Outcome { found, failed, incomplete };
            assert_eq!(outcome.status(exit_zero).code(), code, "{outcome:?}, exit zero {exit_zero}");
        }
    }

    /// The status of two images and perhaps a failed target, as a user sees it.
    fn code(found: bool, failed: bool, incomplete: bool, fail_on: FailOn) -> u8 {
        let mut first = fixture::image("a.tar");
        let mut second = fixture::image("b.tar");
        second.findings.extend(found.then(|| fixture::finding(1)));
        first.complete = !incomplete;
        let error = TargetError { target: "c.tar".into(), message: "no such file".into() };
        let report = fixture::report(vec![first, second], Vec::from_iter(failed.then_some(error)));
        let threshold = Threshold { fail_on, ..Threshold::default() };
        Outcome::of(&report, &threshold, false).status(false).code()
    }

    #[test]
    fn several_images_give_the_worst_of_them() {
        for bits in 0..8 {
            let (found, failed, incomplete) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
            let otherwise = match (failed, incomplete) {
                (true, _) => 2,
                (false, true) => 3,
                (false, false) => 0,
            };
            let expected = if found { 1 } else { otherwise };
            assert_eq!(code(found, failed, incomplete, FailOn::Medium), expected);
            assert_eq!(code(found, failed, incomplete, FailOn::Never), otherwise);
        }
    }

    #[test]
    fn a_key_below_the_threshold_does_not_count() {
        let mut image = fixture::image("a.tar");
        image.findings.push(fixture::finding(1));
        image.findings[0].confidence = Confidence::Low;
        let report = fixture::report(vec![image], Vec::new());
        assert_eq!(Outcome::of(&report, &Threshold::default(), false), Outcome::default());
    }

    #[test]
    fn opaque_contents_count_when_strict() {
        let mut image = fixture::image("a.tar");
        image.opaque.by_reason.insert("encrypted-zip".into(), 1);
        let report = fixture::report(vec![image], Vec::new());
        let threshold = Threshold::default();
        assert_eq!(Outcome::of(&report, &threshold, false).status(false), ExitStatus::Clean);
        assert_eq!(Outcome::of(&report, &threshold, true).status(false), ExitStatus::Incomplete);
    }
}
