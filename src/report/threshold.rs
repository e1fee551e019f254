//! Which findings count: `--fail-on` and `--min-confidence`.

use clap::ValueEnum;

use super::model::{Finding, VerificationStatus};
use crate::detect::{Confidence, Severity};

/// The least severity that fails a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum FailOn {
    /// Low and above.
    Low,
    /// Medium and above.
    #[default]
    Medium,
    /// High and above.
    High,
    /// Critical only.
    Critical,
    /// Nothing fails the scan; everything is shown.
    Never,
}

impl FailOn {
    /// The severity, or none for never.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Self::Low => Some(Severity::Low),
            Self::Medium => Some(Severity::Medium),
            Self::High => Some(Severity::High),
            Self::Critical => Some(Severity::Critical),
            Self::Never => None,
        }
    }
}

/// Tells the findings that count from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// The least severity that fails a scan.
    pub fail_on: FailOn,
    /// The least confidence that counts.
    pub min_confidence: Confidence,
    /// What services must have said of a key that fails a scan.
    pub statuses: StatusSet,
}

/// A set of [`VerificationStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusSet(u8);

impl StatusSet {
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);

    /// These; all, where there is none.
    pub fn of(statuses: &[VerificationStatus]) -> Self {
        let bits = statuses.iter().fold(0, |bits, status| bits | 1 << *status as u8);
        if bits == 0 { Self::ALL } else { Self(bits) }
    }

    /// Whether it holds one.
    pub fn holds(self, status: VerificationStatus) -> bool {
        self.0 & 1 << status as u8 != 0
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self { fail_on: FailOn::default(), min_confidence: Confidence::Medium, statuses: StatusSet::ALL }
    }
}

impl Threshold {
    /// Whether a finding fails the scan.
    pub fn fails(&self, finding: &Finding) -> bool {
        self.fail_on.severity().is_some_and(|least| finding.severity >= least)
            && self.is_sure(finding)
            && self.statuses.holds(finding.verification.status)
    }

    /// Whether the table shows a finding: what would fail the scan, and under `never` every severity.
    pub fn shows(&self, finding: &Finding) -> bool {
        self.fail_on.severity().is_none_or(|least| finding.severity >= least) && self.is_sure(finding)
    }

    /// Whether a finding is of `--min-confidence` or more.
    pub fn is_sure(&self, finding: &Finding) -> bool {
        finding.confidence >= self.min_confidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_finding_counts_only_at_both_thresholds() {
        let mut finding = fixture::finding(1);
        finding.severity = Severity::Medium;
        finding.confidence = Confidence::Medium;
        let threshold =
            |fail_on, min_confidence| Threshold { fail_on, min_confidence, ..Threshold::default() };
        assert!(Threshold::default().fails(&finding));
        assert!(!threshold(FailOn::High, Confidence::Low).fails(&finding));
        assert!(!threshold(FailOn::Low, Confidence::High).fails(&finding));
        assert!(!threshold(FailOn::Never, Confidence::Low).fails(&finding));
    }

    #[test]
    fn never_fails_nothing_and_hides_nothing_sure() {
        let mut finding = fixture::finding(1);
        finding.severity = Severity::Info;
        let never = Threshold { fail_on: FailOn::Never, ..Threshold::default() };
        assert!(never.shows(&finding) && !never.fails(&finding));
        finding.confidence = Confidence::Low;
        assert!(!never.shows(&finding));
    }
}
