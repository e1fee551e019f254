//! `keyseam explain`: what to do about a leaked key, offline. Of a detector: what is true of all its keys. Of a
//! finding in a report: that, and what is to be done about the very image.

mod leaks;
pub(super) mod page;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use self::leaks::{Leak, Leaks};
use self::page::Page;
use super::args::{ExplainArguments, PageFormat};
use super::exit_status::ExitStatus;
use super::messages::Messages;
use super::{detectors, output, terminal};
use crate::advice::{self, keep_out};
use crate::detect::catalogue::Catalogue;
use crate::detect::definition::Definition;
use crate::detect::own_secrets;
use crate::finding::fingerprint::FINGERPRINT;
use crate::report::Threshold;
use crate::report::guide;
use crate::report::model::Remediation;

/// Runs the command.
pub(super) fn run(arguments: &ExplainArguments, stdout: &mut dyn Write) -> ExitStatus {
    match carry_out(arguments, stdout) {
        Ok(()) => ExitStatus::Clean,
        Err(error) => {
            Messages::default().error(&format!("{error:#}"));
            ExitStatus::Failed
        }
    }
}

fn carry_out(arguments: &ExplainArguments, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let catalogue = detectors::catalogue(&arguments.common.rules)?;
    let what = arguments.what.as_str();
    let mut page = Page::default();
    if what.starts_with(FINGERPRINT) {
        let piped = || (!io::stdin().is_terminal()).then_some("-");
        let Some(report) = arguments.report.as_deref().or_else(piped) else {
            anyhow::bail!("name the JSON report that it stands in: keyseam explain {what} report.json");
        };
        let leaks = Leaks::read(report)?.of(what);
        anyhow::ensure!(!leaks.is_empty(), "there is no finding {what} in {report}");
        of_leaks(&leaks, &catalogue, arguments, &mut page);
    } else if what == "-" || (catalogue.find(what).is_none() && std::path::Path::new(what).is_file()) {
        let leaks = Leaks::read(what)?.all();
        if leaks.is_empty() {
            page.title(&format!("No keys were found in the images of {what}."));
        }
        of_leaks(&leaks, &catalogue, arguments, &mut page);
    } else if what == own_secrets::DETECTOR_ID {
        page.title(&format!("{}: a value that --secrets-from named", own_secrets::DETECTOR_NAME));
        of_key(None, &mut page);
    } else {
        let (_, definition) = detectors::find(&catalogue, what)?;
        let severity = definition.severity.word();
        page.title(&format!("{} ({}), severity {severity}", definition.name, definition.id));
        if arguments.with.is_some() || arguments.lang.is_some() {
            page.fact("Next", &advice::next(Some(definition)));
            code(definition, arguments, &mut page);
        } else {
            of_key(Some(definition), &mut page);
        }
    }
    let style = terminal::style(arguments.common.look.color, Threshold::default());
    output::to(stdout, |out| match arguments.format {
        PageFormat::Text => page.write_text(&style, out),
        PageFormat::Markdown => page.write_markdown(out),
    })?;
    Ok(())
}

/// All about the keys of a detector; without one, about the secrets that a team itself named.
fn of_key(definition: Option<&Definition>, page: &mut Page) {
    let next = advice::next(definition);
    page.fact("Next", &next);
    page.fact(
        "Then",
        "build the image anew without it, and delete the old one: a later step that removes the key hides it only",
    );
    let service = definition.map_or("its system", |definition| definition.service.as_str());
    let remediation = Remediation {
        next,
        console: advice::console(definition),
        key: Some(Arc::new(advice::guide(definition, service))),
        ..Remediation::default()
    };
    page.parts(guide::whole(&remediation, advice::image::in_general()));
    definition.iter().for_each(|definition| page.code_hint(&definition.id));
}

/// What is to be done about findings: each one's image, and once for each detector what is true of all its keys.
fn of_leaks(leaks: &[Leak], catalogue: &Catalogue, arguments: &ExplainArguments, page: &mut Page) {
    let mut told: Vec<&str> = Vec::new();
    for leak in leaks {
        let detector = leak.finding.detector.as_str();
        if told.contains(&detector) {
            continue;
        }
        told.push(detector);
        let alike: Vec<&Leak> = leaks.iter().filter(|other| other.finding.detector == detector).collect();
        let definition = catalogue.find(detector).and_then(|index| catalogue.get(index));
        let mut remediation = leak.finding.remediation.clone();
        let guide = || Arc::new(advice::guide(definition, &leak.finding.service));
        remediation.key.get_or_insert_with(guide);
        for leak in &alike {
            of_leak(leak, page);
        }
        match definition {
            Some(definition) if arguments.with.is_some() || arguments.lang.is_some() => {
                code(definition, arguments, page);
            }
            Some(definition) => {
                page.parts(guide::of_key(&remediation));
                page.code_hint(&definition.id);
            }
            None => page.parts(guide::of_key(&remediation)),
        }
    }
}

fn of_leak(leak: &Leak, page: &mut Page) {
    let finding = &leak.finding;
    page.title(&format!("{} in {}, {}", finding.name, leak.image, leak.place()));
    page.fact("Next", &finding.remediation.next);
    page.fact("Then", &leak.build());
    page.fact("Key", &format!("{} ({})", finding.fingerprint, finding.detector));
    page.fact("Works", &leak.works().unwrap_or_default());
    for used in &leak.used {
        page.fact("Used", used);
    }
    if let Some(rewrite) = &finding.remediation.rewrite {
        page.code("The instruction without it", "diff", rewrite);
    }
    page.parts(guide::of_image(&finding.remediation));
}

/// The code that keeps the next key out of source and image.
fn code(definition: &Definition, arguments: &ExplainArguments, page: &mut Page) {
    let store = arguments.with.unwrap_or(keep_out::Store::Env);
    let language = arguments.lang.unwrap_or(keep_out::Language::Python);
    let names = keep_out::Names::new(&advice::variable(definition), &definition.service);
    let mut snippets = vec![keep_out::setup(store, &names), keep_out::snippet(store, language, &names)];
    if store == keep_out::Store::Env {
        snippets.extend(keep_out::containers(&names));
    }
    for snippet in snippets {
        page.heading(&snippet.title);
        for needed in &snippet.needs {
            page.fact("Needs", needed);
        }
        page.code(&snippet.file_name, snippet.fence, &snippet.text);
    }
}

#[cfg(test)]
mod tests;
