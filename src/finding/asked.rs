//! What is remembered of a finding for the question whether its key works (`--verify`).

use std::cell::RefCell;

use super::group::Group;
use super::pair::Partner;
use super::result::View;
use crate::detect::Confidence;
use crate::detect::definition::Definition;
use crate::report::model;
use crate::scan::matches::Finder;
use crate::verify::{Subject, Subjects};

/// The keys of a run that services are asked about.
#[derive(Debug)]
pub struct Asked {
    /// The least confidence with which a key is asked about.
    pub min_confidence: Confidence,
    /// The keys.
    pub known: RefCell<Subjects>,
}

impl View<'_> {
    /// Takes note of a finding's key, where keys are to be asked about and this one may be: a guess of low
    /// confidence may be another service's secret, and is sent to nobody.
    pub(super) fn remember(&self, finding: &model::Finding, group: &Group, partners: &[Partner]) {
        let (Some(subjects), Finder::Detector(detector)) = (self.judge.subjects, group.finder) else {
            return;
        };
        let catalogue = self.judge.catalogue;
        let Some(definition) = catalogue.get(detector) else { return };
        let is_sure = finding.confidence >= subjects.min_confidence;
        let Some(key) = group.secret().and_then(|secret| secret.key()).filter(|_| is_sure) else { return };
        // Another secret beside it is not this request's to send.
        let is_id = |partner: &&Partner| {
            let named = definition.companions.iter().filter(|companion| companion.role == partner.role);
            let known = named.filter_map(|companion| catalogue.get(catalogue.find(&companion.detector)?));
            let mut known = known.peekable();
            known.peek().is_some() && known.all(Definition::is_handle)
        };
        let companions = partners.iter().filter(is_id);
        let subject = Subject {
            detector,
            key: key.clone(),
            companions: companions.map(|one| (one.role.clone(), one.value.clone())).collect(),
            handles: group.handles.clone(),
        };
        subjects.known.borrow_mut().add(&finding.detector, &finding.fingerprint, subject);
    }
}
