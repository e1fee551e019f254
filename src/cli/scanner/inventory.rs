//! What a scan tells the inventory, and the inventory a report.

use crate::cli::settings::Settings;
use crate::inventory::record::Recording;
use crate::inventory::{Inventory, InventoryError};
use crate::report::Report;
use crate::scan::progress::Progress;

use super::rules::Rules;

/// Whether a scan with these settings is recorded.
pub(super) fn is_wanted(settings: &Settings) -> bool {
    settings.inventory_folder.is_some()
}

/// Tells the findings of `report` what was known of them, and records it, or `whole` in its place: a diff leaves out
/// of its report what the images hold. What cannot be recorded is a note: the report is what was asked for.
pub(super) fn record(
    rules: &Rules,
    settings: &Settings,
    report: &mut Report,
    whole: Option<Report>,
    progress: &dyn Progress,
) {
    let Some(folder) = settings.inventory_folder.as_deref() else { return };
    let how = Recording {
        at: report.times.finished.unix_timestamp(),
        narrowed: settings.skip_base || !settings.only.is_empty() || !settings.skip.is_empty(),
        catalogue: &rules.catalogue,
    };
    let work = |inventory: Inventory| -> Result<(), InventoryError> {
        let recorded = whole.as_ref().map(|whole| whole.results.as_slice());
        inventory.tell_and_record(&mut report.results, recorded, &how)
    };
    let done = Inventory::to_record(folder, &rules.fingerprints);
    if let Err(error) = done.and_then(|inventory| inventory.map_or(Ok(()), work)) {
        progress.note(&format!("this scan is not in the inventory: {error}"));
    }
}
