//! `keyseam inventory import`: what runs images.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;

use super::{Opened, folder};
use crate::cli::args::ImportArguments;
use crate::cli::messages::without_keys;
use crate::cli::{detectors, input, output};
use crate::detect::redact::Redactor;
use crate::detect::set::DetectorSet;
use crate::inventory::workload::{Import, Imported};
use crate::inventory::{Fingerprints, Inventory, import};
use crate::limits::WORKLOADS_JSON;
use crate::report::sanitize;
use crate::report::text::count;

/// Runs the command.
pub(super) fn run(arguments: &ImportArguments, stdout: &mut dyn Write) -> anyhow::Result<()> {
    if arguments.name.is_some() && arguments.files.len() > 1 {
        anyhow::bail!("--name names one file: an import takes the place of what its name had before");
    }
    let catalogue = detectors::catalogue(&[])?;
    let detectors = DetectorSet::new(&catalogue)?;
    let key = Opened::key(&arguments.common)?;
    let folder = folder(&arguments.common.place)?;
    let mut lines = Vec::new();
    for file in &arguments.files {
        let name = arguments.name.clone().unwrap_or_else(|| name_of(file));
        let shown = without_keys(file);
        let bytes = match file.as_str() {
            "-" => input::read(&mut io::stdin(), WORKLOADS_JSON),
            path => input::file(path.as_ref(), WORKLOADS_JSON),
        };
        let bytes = bytes.with_context(|| format!("cannot read {shown}"))?;
        let mut fingerprints = Fingerprints::new(&detectors, &key);
        let mut hasher =
            |name: &str, value: &str| fingerprints.of_variable(name, value).into_iter().collect();
        let mut all =
            import::workloads(&bytes, &without_keys(&name), &mut hasher).with_context(|| shown.clone())?;
        let mut redactor = Redactor::new(&detectors);
        all.iter_mut().for_each(|imported| clean(imported, &mut redactor));
        let at = time::OffsetDateTime::now_utc().unix_timestamp();
        let workloads = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let made = Import { name: without_keys(&name), file: shown, at, workloads };
        let Some(inventory) = Inventory::to_record(&folder, &key)? else {
            anyhow::bail!(
                "nothing can be recorded under a hashing key of this run only; name one with --fingerprint-key-file"
            );
        };
        inventory.import(&made, &all)?;
        let values = all.iter().map(|one| one.values.len()).sum();
        let references = all.iter().map(|one| one.references.len()).sum();
        lines.push(format!(
            "{}: {}, {} of variables as fingerprints, {} to secrets",
            sanitize::inline(&made.name),
            count(all.len(), "container"),
            count(values, "value"),
            count(references, "reference"),
        ));
    }
    Ok(output::to(stdout, |out| lines.iter().try_for_each(|line| writeln!(out, "{line}")))?)
}

/// The file's name without folder and ending.
fn name_of(file: &str) -> String {
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str());
    stem.filter(|_| file != "-").unwrap_or("standard input").to_owned()
}

/// Names may hold keys, as everything may.
fn clean(imported: &mut Imported, redactor: &mut Redactor<'_>) {
    let Imported { workload, values, references, .. } = imported;
    let own = [
        &mut workload.namespace,
        &mut workload.kind,
        &mut workload.name,
        &mut workload.container,
        &mut workload.image,
    ];
    let notes = workload.notes.iter_mut();
    let variables = values.iter_mut().map(|(variable, _)| variable);
    let others = references.iter_mut().flat_map(|one| [&mut one.variable, &mut one.secret, &mut one.entry]);
    for text in own.into_iter().chain(notes).chain(variables).chain(others) {
        redactor.learn_typed(text);
        *text = redactor.clean(text);
    }
}
