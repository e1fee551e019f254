//! What was read of an image and what was not: the errors that make a scan incomplete, the oddities that
//! do not, the contents that could not be opened, and the sizes.

use std::collections::BTreeSet;

use super::result::View;
use super::verify;
use crate::limits::{CONFIG_MATCHES, ERRORS_LISTED, OPAQUE_LISTED, WARNINGS_LISTED};
use crate::report::model;
use crate::scan::blob::{BlobError, JsonReading};
use crate::scan::unsearched;

impl View<'_> {
    /// All that was not read: of the image, of its blobs, and bytes that are not what they should be.
    pub(super) fn errors(&self) -> Vec<model::ScanError> {
        let (mut errors, mut more) = (Vec::new(), 0_usize);
        let mut add = |layer, path: Option<&[u8]>, reason, message: &str| {
            // To redact a line costs more than to count it.
            if errors.len() < ERRORS_LISTED {
                errors.push(self.error(layer, path, reason, message));
            } else {
                more += 1;
            }
        };
        for error in &self.image.errors {
            add(error.layer, None, error.reason, &error.message);
        }
        if self.too_many {
            let message = format!("config and manifest hold more than {CONFIG_MATCHES} keys");
            add(None, None, "limit", &format!("{message}; the rest is not reported"));
        }
        if self.unsearched > 0 {
            add(
                None,
                None,
                "limit",
                &format!("config and manifest: {}", unsearched::message(self.unsearched)),
            );
        }
        let told: BTreeSet<usize> = self.image.errors.iter().filter_map(|error| error.layer).collect();
        let layers = self.image.layers.iter().enumerate().map(|(index, blob)| (Some(index), blob));
        let attestations = self.image.attestations.iter().map(|blob| (None, blob));
        for (layer, blob) in layers.chain(attestations) {
            let Some(scan) = self.blobs.get(&blob.key) else {
                let is_left_out = layer.is_some_and(|layer| layer < self.left_out());
                if !is_left_out && layer.is_none_or(|layer| !told.contains(&layer)) {
                    add(layer, None, "missing", &format!("{} was not found", verify::name(blob)));
                }
                continue;
            };
            let judged = verify::errors(self.image, blob, scan, layer.is_some());
            let is_told = layer.is_some_and(|layer| told.contains(&layer));
            let known = |error: &&BlobError| error.reason == "missing" && is_told;
            for error in scan.errors.iter().filter(|error| !known(error)).chain(&judged) {
                add(layer, error.path.as_deref(), error.reason, &error.message);
            }
        }
        if more > 0 {
            errors.push(self.error(None, None, "more", &format!("{more} more errors")));
        }
        errors
    }

    fn error(
        &self,
        layer: Option<usize>,
        path: Option<&[u8]>,
        reason: &str,
        message: &str,
    ) -> model::ScanError {
        model::ScanError {
            layer,
            path: path.map(|path| self.clean(&String::from_utf8_lossy(path))),
            reason: reason.to_owned(),
            message: self.clean(message),
        }
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = self.image.warnings.clone();
        match self.left_out() {
            0 => {}
            1 => warnings.push("layer 0 is the base image's, and left out (--skip-base)".to_owned()),
            layers => warnings.push(format!(
                "layers 0 to {} are the base image's, and left out (--skip-base)",
                layers.saturating_sub(1)
            )),
        }
        warnings.extend(self.config.warnings.iter().cloned());
        for (index, blob) in self.image.layers.iter().enumerate() {
            let Some(scan) = self.blobs.get(&blob.key) else { continue };
            let odd = verify::warnings(blob, scan);
            warnings
                .extend(scan.warnings.iter().chain(&odd).map(|warning| format!("layer {index}: {warning}")));
        }
        for blob in &self.image.attestations {
            let Some(scan) = self.blobs.get(&blob.key) else { continue };
            let name = verify::name(blob);
            warnings.extend(scan.warnings.iter().map(|warning| format!("{name}: {warning}")));
        }
        let more = warnings.len().saturating_sub(WARNINGS_LISTED);
        warnings.truncate(WARNINGS_LISTED);
        if more > 0 {
            warnings.push(format!("{more} more warnings"));
        }
        warnings.iter().map(|warning| self.clean(warning)).collect()
    }

    pub(super) fn opaque(&self) -> model::Opaque {
        let mut all = model::Opaque::default();
        for blob in &self.image.layers {
            let Some(scan) = self.blobs.get(&blob.key) else { continue };
            for (reason, count) in &scan.opaque.by_reason {
                *all.by_reason.entry((*reason).to_owned()).or_default() += count;
            }
            let room = OPAQUE_LISTED.saturating_sub(all.paths.len());
            let paths = scan.opaque.paths.iter().take(room);
            all.paths.extend(paths.map(|path| self.clean(&String::from_utf8_lossy(path))));
        }
        let attestations = self.image.attestations.iter().filter_map(|blob| self.blobs.get(&blob.key));
        let unread = attestations.filter(|scan| scan.json == Some(JsonReading::AsItLies)).count();
        if unread > 0 {
            *all.by_reason.entry("attestation".to_owned()).or_default() += unread as u64;
        }
        all
    }

    pub(super) fn stats(&self) -> model::Stats {
        let mut stats = model::Stats { layers: self.image.layers.len(), ..model::Stats::default() };
        let mut seen = BTreeSet::new();
        for blob in self.image.layers.iter().chain(&self.image.attestations) {
            let Some(scan) = self.blobs.get(&blob.key).filter(|_| seen.insert(&blob.key)) else { continue };
            stats.layers_cached += usize::from(scan.cached);
            stats.files = stats.files.saturating_add(scan.files);
            stats.bytes_compressed = stats.bytes_compressed.saturating_add(scan.stored);
            stats.bytes_scanned = stats.bytes_scanned.saturating_add(scan.bytes);
            // A manifest may say any size of a layer that is not there.
            stats.bytes_skipped = stats.bytes_skipped.saturating_add(scan.skipped);
        }
        for document in [&self.image.config_json, &self.image.manifest_json].into_iter().flatten() {
            stats.bytes_scanned = stats.bytes_scanned.saturating_add(document.len() as u64);
        }
        stats
    }
}
