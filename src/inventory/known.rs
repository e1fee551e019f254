//! What was recorded of a key before this run: that it was there under an older tag, that a workload has it.

use super::Inventory;
use super::database::Cells;
use super::day;
use super::record::{Name, digest};
use super::schema::{VALUE, WORKLOAD};
use super::workload::Workload;
use crate::limits::KNOWN_WORKLOADS;
use crate::report::model::{ImageResult, Known};

/// What is known of each finding of each result, in their order.
pub(super) type KnownOf = Vec<Vec<Option<Known>>>;

impl Inventory {
    pub(super) fn known(&self, results: &[ImageResult]) -> rusqlite::Result<KnownOf> {
        results.iter().map(|result| self.known_of(result)).collect()
    }

    fn known_of(&self, result: &ImageResult) -> rusqlite::Result<Vec<Option<Known>>> {
        let name = Name::of(result).filter(|name| !name.repository.is_empty());
        let image = digest(result).map(|digest| self.image_id(digest));
        let digests = [&result.manifest_digest, &result.index_digest, &result.config_digest];
        let mut running = Vec::new();
        for digest in digests.into_iter().flatten().filter(|_| !result.findings.is_empty()) {
            running.extend(self.running(self.image_id(digest))?);
        }
        let mut all = Vec::new();
        for finding in &result.findings {
            let key = self.key_id(&finding.fingerprint, &finding.detector);
            let oldest = name.as_ref().map(|name| self.oldest(key, self.repository_id(&name.repository)));
            let is_other = |(tag, held_by, _): &(String, i64, i64)| {
                name.as_ref().is_some_and(|name| *tag != name.tag) && image != Some(*held_by)
            };
            let oldest = oldest.transpose()?.flatten().filter(is_other);
            let mut workloads = self.having(&finding.fingerprint)?;
            workloads.extend(running.iter().cloned());
            workloads.sort();
            workloads.dedup();
            workloads.truncate(KNOWN_WORKLOADS);
            let (since, first_seen) = oldest.map(|(tag, _, at)| (tag, day(at))).unzip();
            let known = Known { since, first_seen, workloads };
            all.push((known != Known::default()).then_some(known));
        }
        Ok(all)
    }

    /// Workloads that run this image.
    fn running(&self, image: i64) -> rusqlite::Result<Vec<String>> {
        let label = |cells: &Cells<'_>| Some(Workload::of(cells)?.label());
        self.database.rows(&WORKLOAD, "WHERE image_id = ?1", &[&image], label)
    }

    /// Workloads that have this key as a variable's value.
    fn having(&self, fingerprint: &str) -> rusqlite::Result<Vec<String>> {
        let mut all = Vec::new();
        let from =
            "value CROSS JOIN workload ON workload.id = value.workload WHERE value.fingerprint_id = ?1";
        let id = self.fingerprint_id(fingerprint);
        self.database.joined(&[&VALUE, &WORKLOAD], from, &[&id], |cells| {
            if let Some(workload) =
                cells.get(1).and_then(Workload::of).filter(|_| all.len() < KNOWN_WORKLOADS)
            {
                all.push(workload.label());
            }
        })?;
        Ok(all)
    }
}

/// Gives the findings what is known of them.
pub(super) fn tell(results: &mut [ImageResult], known: KnownOf) {
    for (result, known) in results.iter_mut().zip(known) {
        for (finding, known) in result.findings.iter_mut().zip(known) {
            finding.known = known;
        }
    }
}
