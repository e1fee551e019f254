//! Markdown for a comment on a pull request, or for the summary of a workflow's step: the verdict, a table
//! of the keys, and the rest folded up.

mod words;

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::model::{Finding, ImageResult};
use super::{Report, Style, describe, guide, text};

pub(crate) use words::{code, fenced, prose, rich};

/// Characters of a comment that GitHub takes. A step's summary may have a MiB, but what the report is for
/// is not known here. Bytes are counted: there are no more characters than those.
const ROOM: usize = 65_536;

/// Bytes that stay free for the lines on what was cut.
const RESERVE: usize = 600;

/// The most of the room that the table of keys takes.
const TABLE_ROOM: usize = ROOM * 3 / 5;

/// Characters of a cell.
const CELL: usize = 120;

/// Errors and suppressing rules that are listed.
const LISTED: usize = 20;

/// A finding with its image.
type Shown<'a> = (&'a ImageResult, &'a Finding);

/// Writes the report.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(rendered(report, style).as_bytes())
}

fn rendered(report: &Report, style: &Style) -> String {
    let shown: Vec<Shown<'_>> = report
        .results
        .iter()
        .flat_map(|result| result.findings.iter().map(move |finding| (result, finding)))
        .filter(|(_, finding)| style.threshold.shows(finding))
        .collect();
    let mut page = Page { text: format!("### {}\n\n", verdict(report, style)), room: ROOM - RESERVE };
    page.lines(heads(report));
    let listed = table(&mut page, &shown);
    details(&mut page, &shown);
    guides(&mut page, &shown);
    coverage(&mut page, report);
    let hidden = report.results.iter().map(|result| result.findings.len()).sum::<usize>() - shown.len();
    if hidden > 0 {
        let limits = describe::limits(&style.threshold);
        page.text.push_str(&format!(
            "\nNot shown: {} below {limits}; the JSON report lists them.\n",
            text::count(hidden, "finding")
        ));
    }
    if listed < shown.len() || page.is_cut() {
        page.text.push_str(&format!(
            "\n**Cut:** this is as much as a comment on GitHub holds (65,536 characters); {} left out of the table. \
             The JSON report has everything.\n",
            match shown.len() - listed {
                0 => "no key is".to_owned(),
                1 => "1 key is".to_owned(),
                more => format!("{} keys are", text::grouped(more as u64)),
            }
        ));
    }
    page.text
}

/// The text so far and the room that it has.
struct Page {
    text: String,
    /// None is left once something did not fit.
    room: usize,
}

impl Page {
    /// Whether something did not fit.
    fn is_cut(&self) -> bool {
        self.room == 0
    }

    /// Adds `text` if all of it fits into `room`.
    fn add_within(&mut self, text: &str, room: usize) -> bool {
        let fits = self.text.len() + text.len() <= room;
        if fits {
            self.text.push_str(text);
        }
        fits
    }

    /// Adds `text` if it fits, and nothing more once something did not.
    fn add(&mut self, text: &str) -> bool {
        let fits = self.add_within(text, self.room);
        if !fits {
            self.room = 0;
        }
        fits
    }

    fn lines(&mut self, lines: impl IntoIterator<Item = String>) {
        lines.into_iter().all(|line| self.add(&line));
    }

    /// A folded part, of as many lines as fit.
    fn folded(&mut self, title: &str, lines: impl IntoIterator<Item = String>) {
        const END: &str = "\n</details>\n";
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_none() || !self.add(&format!("\n<details>\n<summary>{title}</summary>\n\n")) {
            return;
        }
        // The end always fits: the reserve is larger.
        self.lines(lines);
        self.text.push_str(END);
    }
}

/// What the report says, in one line.
fn verdict(report: &Report, style: &Style) -> String {
    let findings = report.results.iter().flat_map(|result| &result.findings);
    let keys = findings.filter(|finding| style.threshold.shows(finding)).count();
    let images = text::count(report.results.len(), "image");
    let added = if report.diff.is_some() { "added" } else { "found" };
    let found = match keys {
        0 => format!("no keys {added}"),
        keys => format!("{} {added}", text::count(keys, "leaked key")),
    };
    let mark = if keys > 0 {
        "❌"
    } else if report.summary.complete {
        "✅"
    } else {
        "⚠️"
    };
    let whole = if report.summary.complete { "" } else { ", but not everything could be scanned" };
    format!("{mark} keyseam: {found} in {images}{whole}")
}

/// The images, or those of them that a page has room for.
fn heads(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report
        .results
        .iter()
        .take(LISTED)
        .map(|result| {
            let digest = result.manifest_digest.as_ref().or(result.config_digest.as_ref());
            let digest = digest.map(|digest| format!(", {}", code(text::short_digest(digest), CELL)));
            let whole = if result.complete { "" } else { ", **incomplete**" };
            let keys = text::count(result.findings.len(), "finding");
            format!(
                "- {}{}: {keys}{whole}\n",
                code(&describe::image(result), CELL),
                digest.unwrap_or_default()
            )
        })
        .collect();
    if let Some(more) = report.results.len().checked_sub(LISTED).filter(|more| *more > 0) {
        lines.push(format!("- and {}\n", text::count(more, "more image")));
    }
    lines.extend(report.diff.iter().map(|diff| format!("- compared with {}\n", code(&diff.old, CELL))));
    lines.push("\n".to_owned());
    lines
}

/// The table; how many rows of it fit.
fn table(page: &mut Page, shown: &[Shown<'_>]) -> usize {
    if shown.is_empty() {
        return 0;
    }
    page.add(
        "| Severity | Key | Where | Layer and build step | What to do | Image |\n|---|---|---|---|---|---|\n",
    );
    shown.iter().take_while(|(result, finding)| page.add_within(&row(result, finding), TABLE_ROOM)).count()
}

fn row(result: &ImageResult, finding: &Finding) -> String {
    let step = describe::step(finding).map(|step| format!(" {}", code(&step, CELL))).unwrap_or_default();
    let next = describe::advice(result, finding).into_iter().next().unwrap_or_default();
    let cells = [
        format!("**{}**", finding.severity.word()),
        format!("{} {}", prose(&text::start(&finding.name, CELL, "…")), code(&finding.detector, CELL)),
        code(&describe::first_place(finding), CELL),
        format!("{}{step}", describe::layer(finding)),
        prose(&text::start(&next, 2 * CELL, "…")),
        code(&describe::image(result), CELL),
    ];
    format!("| {} |\n", cells.map(|cell| words::cell(&cell)).join(" | "))
}

fn details(page: &mut Page, shown: &[Shown<'_>]) {
    let lines = shown.iter().enumerate().flat_map(|(number, (result, finding))| {
        let title = format!("\n**{}. {}**\n\n", number + 1, bold(&finding.name));
        let places = finding.locations.iter().take(LISTED).map(describe::place);
        let mut lines: Vec<String> =
            places.map(|place| format!("- in {}\n", code(&place, 2 * CELL))).collect();
        if finding.locations.len() > LISTED {
            let more = finding.locations.len() - LISTED;
            lines.push(format!("- and in {}\n", text::count(more, "more place")));
        }
        if finding.secret != "…" {
            lines.push(format!("- key {}\n", code(&finding.secret, CELL)));
        }
        lines.extend(
            super::words::verification(&finding.verification, &finding.service)
                .map(|line| format!("- works: {}\n", prose(&line))),
        );
        lines.extend(
            super::words::used(result, finding)
                .take(LISTED)
                .map(|used| format!("- seen in use: {}\n", code(&used, 2 * CELL))),
        );
        lines.extend(super::words::known(finding).map(|known| format!("- {}\n", prose(&known))));
        lines.push(format!("- readable {}\n", prose(&describe::readers(result, finding))));
        lines.extend(describe::advice(result, finding).iter().map(|line| format!("- {}\n", prose(line))));
        lines.extend(finding.remediation.image_steps.iter().map(|step| format!("- {}\n", rich(step))));
        if let Some(rewrite) = &finding.remediation.rewrite {
            lines.push(format!("\n{}\n\n", fenced("diff", rewrite)));
        }
        lines.push(format!("- to set it aside: {}\n", code(&finding.place, CELL)));
        [title].into_iter().chain(lines)
    });
    page.folded("Each key", lines);
}

/// What is to be done about the keys themselves, once for all of a detector.
fn guides(page: &mut Page, shown: &[Shown<'_>]) {
    let mut told = BTreeSet::new();
    for (_, finding) in shown {
        if told.insert(&finding.detector) {
            let lines = guide::of_key(&finding.remediation).into_iter().flat_map(|part| {
                let entry = move |(number, entry): (usize, &String)| match part.ordered {
                    true => format!("{}. {}\n", number + 1, rich(entry)),
                    false => format!("- {}\n", rich(entry)),
                };
                let entries: Vec<String> = part.entries.iter().enumerate().map(entry).collect();
                [format!("\n**{}**\n\n", part.heading)].into_iter().chain(entries)
            });
            page.folded(&format!("What to do: {}", words::summary(&finding.name)), lines);
        }
    }
}

/// A name as it may stand between asterisks.
fn bold(name: &str) -> String {
    prose(&text::start(name, CELL, "…"))
}

/// What was not read, what was not opened, what was suppressed.
fn coverage(page: &mut Page, report: &Report) {
    let failed = report.errors.iter().map(|error| (&error.target, error.message.clone()));
    let unread = report
        .results
        .iter()
        .flat_map(|result| result.errors.iter().map(move |error| (&result.target, describe::error(error))));
    let total = report.errors.len() + report.results.iter().map(|result| result.errors.len()).sum::<usize>();
    let lines = failed.chain(unread).take(LISTED).map(|(target, message)| {
        format!("- {}: {}\n", code(target, CELL), prose(&text::start(&message, 4 * CELL, "…")))
    });
    page.folded("Not scanned", lines.chain(more(total)));
    let suppressed = || report.results.iter().flat_map(|result| &result.suppressed);
    let lines = suppressed().take(LISTED).map(|one| {
        format!("- {} by {}\n", code(&one.detector, CELL), prose(&text::start(&one.by, 2 * CELL, "…")))
    });
    page.folded(
        &format!("Suppressed: {}", text::count(suppressed().count(), "finding")),
        lines.chain(more(suppressed().count())),
    );
}

fn more(total: usize) -> Option<String> {
    let more = total.checked_sub(LISTED).filter(|more| *more > 0)?;
    Some(format!("- and {} more\n", text::grouped(more as u64)))
}

#[cfg(test)]
mod tests;
