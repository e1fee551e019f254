//! `keyseam detectors import`: the configuration of another scanner as rules.

use std::io::Write;
use std::path::PathBuf;

use super::{catalogue, output, read};
use crate::cli::exit_status::ExitStatus;
use crate::cli::messages::{Messages, without_keys};
use crate::detect::import::{Fate, Import, import};
use crate::limits;
use crate::report::text::count;

/// Writes the rules that fit beside the catalogue and `rules`, and says what did not. With `new`, rules whose
/// names the catalogue has are left out.
pub(super) fn run(
    file: &str,
    new: bool,
    rules: &[PathBuf],
    stdout: &mut dyn Write,
) -> anyhow::Result<ExitStatus> {
    let known = catalogue(rules)?;
    let text = read(file, limits::IMPORT_FILE)?;
    let text = String::from_utf8(text).map_err(|_| anyhow::anyhow!("{file} is not UTF-8 text"))?;
    let imported = import(&text, &known, new).map_err(|error| anyhow::anyhow!("{file}: {error}"))?;
    output::to(stdout, |out| out.write_all(imported.rules.as_bytes()))?;
    say(&imported);
    Ok(ExitStatus::Clean)
}

/// What was left out. Nothing that a rule allows is repeated: it may be somebody's key.
fn say(imported: &Import) {
    let messages = Messages::default();
    for note in &imported.notes {
        let fate = if note.fate == Fate::Out { "not imported: " } else { "imported " };
        messages.note(&without_keys(&format!("{}: {fate}{}", note.rule, note.text)));
    }
    for remark in &imported.remarks {
        messages.note(&without_keys(remark));
    }
    let less = imported.notes.iter().filter(|note| note.fate == Fate::Part).map(|note| &note.rule);
    let less = less.collect::<std::collections::HashSet<_>>().len();
    messages.note(&format!(
        "{} of {} imported, {less} of them not in full",
        imported.written,
        count(imported.read, "rule")
    ));
}
