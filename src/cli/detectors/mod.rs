//! `keyseam detectors`: the catalogue for people, and its detectors on a text.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::args::{CatalogueArguments, DetectorsCommand};
use super::exit_status::ExitStatus;
use super::messages::Messages;
use super::output::to_stdout;
use super::terminal;
use crate::detect::validate::VALIDATORS;
use crate::detect::{Confidence, Severity};
use crate::limits;
use crate::report::{Style, Threshold};

mod list;
mod page;
mod trial;

/// A detector as these commands show it.
#[derive(Clone, Debug)]
pub struct DetectorCard {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What its keys open.
    pub service: String,
    /// Its category.
    pub category: String,
    /// What kind of secret it finds.
    pub kind: String,
    /// By what a leak allows.
    pub severity: Severity,
    /// By what a match proves.
    pub confidence: Confidence,
    /// Other ids that select it.
    pub aliases: Vec<String>,
    /// The ways in which a key appears, a sentence each.
    pub forms: Vec<String>,
    /// What a match must pass beyond its form, a sentence each.
    pub gates: Vec<String>,
    /// Name of the offline check, and what a failure means: `drop`, `lower` or `info`.
    pub check: Option<(String, &'static str)>,
    /// What is looked for beside a key: role, detector, lines, whether required.
    pub companions: Vec<(String, String, usize, bool)>,
    /// Where keys are managed.
    pub console: Option<String>,
    /// How to revoke one.
    pub revoke: Option<String>,
    /// What a leak allows.
    pub leak_allows: Option<String>,
    /// What a redacted key shows of its front.
    pub public_prefix: Vec<String>,
    /// The file that defines it.
    pub origin: String,
}

/// What a detector found in a text that was tried. Everything in it is redacted.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The detector's id.
    pub detector: String,
    /// The detector's name.
    pub name: String,
    /// Of this key.
    pub severity: Severity,
    /// Of this key.
    pub confidence: Confidence,
    /// Whether the offline check proved it.
    pub verified: bool,
    /// The key, redacted.
    pub secret: String,
    /// Where it stands in the text, in bytes.
    pub offset: usize,
    /// What may stand in clear, and what was found beside it: name and value.
    pub beside: Vec<(String, String)>,
}

/// The catalogue as these commands use it.
pub trait Detectors {
    /// Every detector, in the catalogue's order.
    fn cards(&self) -> Vec<DetectorCard>;

    /// Ids of the detectors that an id, an alias, a service or a category selects, in any case of its
    /// letters; none where nothing is called so.
    fn matching(&self, selector: &str) -> Vec<String>;

    /// Runs detectors (all, where `only` is none) over a text. `path` is what path rules see.
    fn try_on(&self, only: Option<&str>, path: &str, text: &[u8]) -> anyhow::Result<Vec<Trial>>;
}

/// Loads the embedded catalogue and the user's rule files.
pub type LoadDetectors = fn(rules: &[PathBuf]) -> anyhow::Result<Box<dyn Detectors>>;

/// Runs a command.
pub fn run(command: DetectorsCommand, load: LoadDetectors) -> ExitStatus {
    match carry_out(command, load) {
        Ok(status) => status,
        Err(error) => {
            Messages::default().error(&format!("{error:#}"));
            ExitStatus::Failed
        }
    }
}

fn carry_out(command: DetectorsCommand, load: LoadDetectors) -> anyhow::Result<ExitStatus> {
    match command {
        DetectorsCommand::List { validators: true, .. } => {
            to_stdout(|out| VALIDATORS.iter().try_for_each(|(name, _)| writeln!(out, "{name}")))?;
            Ok(ExitStatus::Clean)
        }
        DetectorsCommand::List { selectors, common, .. } => {
            let chosen = list::choose(&*load(&common.rules)?, &selectors)?;
            to_stdout(|out| list::write(&chosen, &style(&common), out))?;
            Ok(ExitStatus::Clean)
        }
        DetectorsCommand::Show { id, common } => {
            let detectors = load(&common.rules)?;
            let card = find(&*detectors, &id)?;
            to_stdout(|out| page::write(&card, &style(&common), out))?;
            Ok(ExitStatus::Clean)
        }
        DetectorsCommand::Test { id_and_file, common } => test(&id_and_file, &common, load),
    }
}

fn test(
    id_and_file: &[String],
    common: &CatalogueArguments,
    load: LoadDetectors,
) -> anyhow::Result<ExitStatus> {
    let detectors = load(&common.rules)?;
    let (id, file) = match id_and_file {
        [] => (None, "-"),
        [id, file] => (Some(id.as_str()), file.as_str()),
        [only] if only != "-" && !Path::new(only).exists() => (Some(only.as_str()), "-"),
        [only, ..] => (None, only.as_str()),
    };
    let id = id.map(|id| find(&*detectors, id)).transpose()?.map(|card| card.id);
    let text = read(file)?;
    let path = if file == "-" { "" } else { file };
    let mut trials = detectors.try_on(id.as_deref(), path, &text)?;
    trials.sort_by(|a, b| (a.offset, &a.detector).cmp(&(b.offset, &b.detector)));
    to_stdout(|out| trial::write(&trials, file, &text, &style(common), out))?;
    Ok(if trials.is_empty() { ExitStatus::Clean } else { ExitStatus::Found })
}

/// The detector with this id or alias.
fn find(detectors: &dyn Detectors, id: &str) -> anyhow::Result<DetectorCard> {
    let cards = detectors.cards();
    let called = |card: &&DetectorCard| card.id == id || card.aliases.iter().any(|alias| alias == id);
    if let Some(card) = cards.iter().find(called) {
        return Ok(card.clone());
    }
    let alike: Vec<&str> =
        cards.iter().map(|card| card.id.as_str()).filter(|known| known.contains(id)).take(5).collect();
    match alike.as_slice() {
        [] => anyhow::bail!("there is no detector '{id}'; keyseam detectors list names them all"),
        alike => anyhow::bail!("there is no detector '{id}'; there are {}", alike.join(", ")),
    }
}

fn read(file: &str) -> anyhow::Result<Vec<u8>> {
    let failed = |error: io::Error| anyhow::anyhow!("cannot read {file}: {error}");
    let input: Box<dyn Read> = match file {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).map_err(failed)?),
    };
    let mut text = Vec::new();
    input.take(limits::TRIED_TEXT + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > limits::TRIED_TEXT {
        anyhow::bail!(
            "{file} is larger than {} MiB; put it into an image and scan that",
            limits::TRIED_TEXT >> 20
        );
    }
    Ok(text)
}

fn style(common: &CatalogueArguments) -> Style {
    terminal::style(common.color, Threshold::default())
}

#[cfg(test)]
mod tests;
