//! `keyseam detectors`: the catalogue for people, and its detectors on a text.

use std::io::{self, Write};
use std::path::PathBuf;

use super::args::{CatalogueArguments, DetectorsCommand, ListFormat};
use super::exit_status::ExitStatus;
use super::messages::Messages;
use super::{input, output, terminal};
use crate::detect::DetectorIndex;
use crate::detect::catalogue::Catalogue;
use crate::detect::definition::Definition;
use crate::detect::set::DetectorSet;
use crate::detect::validate::VALIDATORS;
use crate::limits;
use crate::report::{Style, Threshold};
use crate::scan::unsearched;

mod alphabet;
mod check;
mod form;
mod import;
mod list;
mod markdown;
mod nearest;
mod page;
mod trial;

/// Detectors that are named where an id is unknown.
const SUGGESTED: usize = 5;

/// Runs a command.
pub fn run(command: DetectorsCommand, stdout: &mut dyn Write) -> ExitStatus {
    match carry_out(command, stdout) {
        Ok(status) => status,
        Err(error) => {
            Messages::default().error(&format!("{error:#}"));
            ExitStatus::Failed
        }
    }
}

/// The embedded catalogue, and the detectors of rule files behind it.
pub fn catalogue(rules: &[PathBuf]) -> anyhow::Result<Catalogue> {
    let mut catalogue = Catalogue::embedded()?;
    for path in rules {
        let name = path.to_string_lossy();
        let text = read(&name, limits::RULES_FILE)?;
        let text = String::from_utf8(text).map_err(|_| anyhow::anyhow!("{name} is not UTF-8 text"))?;
        catalogue.add_rules(&text, &name)?;
    }
    Ok(catalogue)
}

fn carry_out(command: DetectorsCommand, stdout: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    match command {
        DetectorsCommand::List { validators: true, .. } => {
            output::to(stdout, |out| VALIDATORS.iter().try_for_each(|(name, _)| writeln!(out, "{name}")))?;
            Ok(ExitStatus::Clean)
        }
        DetectorsCommand::List { selectors, format, common, .. } => {
            let catalogue = catalogue(&common.rules)?;
            let chosen = list::choose(&catalogue, &selectors)?;
            output::to(stdout, |out| match format {
                ListFormat::Text => list::write(&chosen, &style(&common), out),
                ListFormat::Markdown => markdown::write(&chosen, out),
            })?;
            Ok(ExitStatus::Clean)
        }
        DetectorsCommand::Show { id, common } => {
            let catalogue = catalogue(&common.rules)?;
            let (_, definition) = find(&catalogue, &id)?;
            output::to(stdout, |out| page::write(definition, &id, &style(&common), out))?;
            Ok(ExitStatus::Clean)
        }
        DetectorsCommand::Import { file, new, common } => import::run(&file, new, &common.rules, stdout),
        DetectorsCommand::Check { files, common } => {
            let known = catalogue(&common.rules)?.definitions().len();
            let rules: Vec<PathBuf> = common.rules.iter().chain(&files).cloned().collect();
            let catalogue = catalogue(&rules)?;
            let checked = check::Checked::new(&catalogue, known)?;
            output::to(stdout, |out| checked.write(out))?;
            Ok(if checked.has_faults() { ExitStatus::Found } else { ExitStatus::Clean })
        }
        DetectorsCommand::Test { id_and_file, common } => test(&id_and_file, &common, stdout),
    }
}

fn test(
    id_and_file: &[String],
    common: &CatalogueArguments,
    stdout: &mut dyn Write,
) -> anyhow::Result<ExitStatus> {
    let catalogue = catalogue(&common.rules)?;
    let (id, file) = match id_and_file {
        [] => (None, "-"),
        [id, file, ..] => (Some(id.as_str()), file.as_str()),
        // One word is an id where it can be: `./NAME` is a file of the same name.
        [word] if catalogue.find(word).is_some() => (Some(word.as_str()), "-"),
        [file] => (None, file.as_str()),
    };
    let only = id.map(|id| find(&catalogue, id)).transpose()?.map(|(index, _)| index);
    let text = read(file, limits::TRIED_TEXT)?;
    let (tried, unsearched) = trial::tried(&DetectorSet::new(&catalogue)?, only, file, &text);
    output::to(stdout, |out| trial::write(&catalogue, &tried, file, &text, &style(common), out))?;
    if unsearched > 0 {
        output::to(stdout, |out| writeln!(out, "incomplete: {}", unsearched::message(unsearched)))?;
    }
    Ok(match (tried.is_empty(), unsearched) {
        (false, _) => ExitStatus::Found,
        (true, 0) => ExitStatus::Clean,
        (true, _) => ExitStatus::Incomplete,
    })
}

/// The detector with this id or alias.
pub(super) fn find<'a>(
    catalogue: &'a Catalogue,
    id: &str,
) -> anyhow::Result<(DetectorIndex, &'a Definition)> {
    let found = catalogue.find(id).and_then(|index| Some((index, catalogue.get(index)?)));
    if let Some(found) = found {
        return Ok(found);
    }
    let definitions = catalogue.definitions().iter();
    let ids = definitions.flat_map(|definition| std::iter::once(&definition.id).chain(&definition.aliases));
    match nearest::nearest(id, ids.map(String::as_str), SUGGESTED).as_slice() {
        [] => anyhow::bail!("there is no detector '{id}'; keyseam detectors list names them all"),
        alike => anyhow::bail!("there is no detector '{id}'; there are {}", alike.join(", ")),
    }
}

/// A whole file of at most `most` bytes; `-` is standard input.
fn read(file: &str, most: u64) -> anyhow::Result<Vec<u8>> {
    let text = match file {
        "-" => input::read(&mut io::stdin(), most),
        path => input::file(path.as_ref(), most),
    };
    text.map_err(|error| anyhow::anyhow!("cannot read {file}: {error}"))
}

fn style(common: &CatalogueArguments) -> Style {
    terminal::style(common.look.color, Threshold::default())
}

#[cfg(test)]
mod tests;
