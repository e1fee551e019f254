//! `keyseam inventory plan`: the order in which a key is replaced everywhere.

use std::io::Write;

use serde::Serialize;

use super::steps::{self, Step};
use super::wanted::fingerprint;
use super::{Opened, VERSION, days, style, write_json};
use crate::cli::args::{PlanArguments, PlanFormat};
use crate::cli::explain::page::Page;
use crate::cli::{detectors, output};
use crate::inventory::holders::Holders;

/// Entries of one step that are written; JSON has all.
const ENTRIES: usize = 50;

/// Images that are looked at for what is written; JSON has all.
const IMAGES: usize = 1_000;

#[derive(Serialize)]
struct Answer<'a> {
    version: &'static str,
    fingerprint: &'a str,
    plans: Vec<Plan<'a>>,
}

#[derive(Serialize)]
struct Plan<'a> {
    detector: &'a str,
    name: &'a str,
    service: &'a str,
    status: &'a str,
    /// Whether it is revoked before all else.
    revoke_first: bool,
    steps: &'a [Step],
}

/// Runs the command.
pub(super) fn run(arguments: &PlanArguments, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let opened = Opened::new(&arguments.common)?;
    let fingerprint = fingerprint(&arguments.fingerprint, &opened.key)?;
    let catalogue = detectors::catalogue(&[])?;
    let imports = opened.imports()?;
    let most = if arguments.format == PlanFormat::Json { usize::MAX } else { IMAGES };
    let mut plans: Vec<(Holders, Vec<Step>)> = Vec::new();
    if let Some(inventory) = &opened.inventory {
        for holders in inventory.holders(&fingerprint, most)? {
            let definition = catalogue.find(&holders.key.detector).and_then(|index| catalogue.get(index));
            let steps = steps::of(inventory, &holders, definition, &imports)?;
            plans.push((holders, steps));
        }
    }
    let nothing = match opened.inventory {
        Some(_) => format!("no image is known to hold {fingerprint}: there is nothing to plan"),
        None => opened.nothing(),
    };
    // Whoever reads the answer may take long, and nobody shall wait for that.
    drop(opened);
    if arguments.format == PlanFormat::Json {
        let plans = plans.iter().map(|(holders, steps)| Plan {
            detector: &holders.key.detector,
            name: &holders.key.name,
            service: &holders.key.service,
            status: &holders.key.status,
            revoke_first: steps::is_urgent(holders),
            steps,
        });
        let answer = Answer { version: VERSION, fingerprint: &fingerprint, plans: plans.collect() };
        return write_json(&answer, stdout);
    }
    if plans.is_empty() {
        return Ok(output::to(stdout, |out| writeln!(out, "{nothing}"))?);
    }
    let mut page = Page::default();
    plans.iter().for_each(|(holders, steps)| of_key(holders, steps, &mut page));
    let style = style(&arguments.common);
    Ok(output::to(stdout, |out| match arguments.format {
        PlanFormat::Markdown => page.write_markdown(out),
        _ => page.write_text(&style, out),
    })?)
}

fn of_key(holders: &Holders, steps: &[Step], page: &mut Page) {
    let key = &holders.key;
    match key.detector.as_str() {
        "" => page.title("How to replace a key that workloads have, and no image is known to hold"),
        detector => page.title(&format!(
            "How to replace the {} ({detector}), severity {}",
            key.name,
            key.severity.word()
        )),
    }
    page.fact("Key", &key.fingerprint);
    let seen = match key.last_seen {
        0 => String::new(),
        last => format!("; seen {}", days(key.first_seen, last)),
    };
    let mut facts = super::holders::facts(holders);
    facts.push(super::list::workloads(holders.workloads.len()));
    let reach = format!("{}{seen}", facts.join(", "));
    page.fact("Holds", &reach);
    if steps::is_urgent(holders) {
        page.fact(
            "First",
            "revoke it at once (step 5): it is live, and anyone can pull an image that holds it",
        );
    }
    for (number, step) in steps.iter().enumerate() {
        let mut entries: Vec<String> = step.entries.iter().take(ENTRIES).cloned().collect();
        let more = step.entries.len() - entries.len();
        if more > 0 {
            entries.push(format!("and {more} more; `--format json` lists them all"));
        }
        page.step(number + 1, step.title, entries);
    }
}
