//! The report as a page to look at: one file with its style and script in it, which loads nothing. It can
//! be read without the script, and printed. No text of an image is markup in it (see [`markup`]), and its
//! policy lets the browser run this script and use this style only.

mod coverage;
mod filters;
mod findings;
mod guides;
mod head;
mod lanes;
mod markup;
mod story;
mod strata;

use std::collections::HashSet;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use self::markup::Markup;
use super::model::{Finding, ImageResult, SourceKind};
use super::{Report, Style};

const SKELETON: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Findings of a whole report that are shown one by one; a browser is slow with many more.
const FINDINGS_SHOWN: usize = 2_000;

/// Findings that each image may show, however many images there are.
const LEAST_SHOWN: usize = 20;

/// Writes the page.
pub fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let images = images(report, style);
    let mut content = Markup::default();
    head::write(&mut content, report, &images);
    if !images.is_empty() {
        filters::write(&mut content, &images, style.threshold);
        content.tag("main", &[("id", "main"), ("tabindex", "-1")], |main| {
            images.iter().for_each(|image| write_image(main, image, report, style));
            guides::write(main, &images);
        });
    }
    foot(&mut content, report);
    let mut title = Markup::default();
    title.text(&format!("{} – keyseam", head::verdict(report, &images)));
    let policy = policy();
    let mut rest = SKELETON;
    while let Some((before, after)) = rest.split_once("{{") {
        let (slot, after) = after.split_once("}}").unwrap_or((after, ""));
        out.write_all(before.as_bytes())?;
        let filling = match slot {
            "policy" => &policy,
            "title" => title.as_str(),
            "style" => STYLE,
            "script" => SCRIPT,
            _ => content.as_str(),
        };
        out.write_all(filling.as_bytes())?;
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// What the browser may do: run this script, use this style, draw pictures that stand in the page.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

/// An image with those of its findings that are shown.
struct Image<'a> {
    result: &'a ImageResult,
    /// Its name in the page.
    id: String,
    /// Those that count first.
    findings: Vec<Shown<'a>>,
    /// All that count, shown or not.
    counting: Vec<&'a Finding>,
    left_out: usize,
}

/// A finding that is shown.
struct Shown<'a> {
    finding: &'a Finding,
    /// From 1, in its image.
    number: usize,
    /// Its name in the page: the place, and of a place that several images have, the image's number too.
    id: String,
    /// Whether it is at or above the thresholds.
    counts: bool,
}

fn images<'a>(report: &'a Report, style: &Style) -> Vec<Image<'a>> {
    let with_findings = report.results.iter().filter(|result| !result.findings.is_empty()).count();
    let each = (FINDINGS_SHOWN / with_findings.max(1)).max(LEAST_SHOWN);
    let mut taken = HashSet::new();
    let image = |(position, result): (usize, &'a ImageResult)| {
        let (counting, below): (Vec<_>, Vec<_>) =
            result.findings.iter().partition(|finding| style.threshold.shows(finding));
        let mut number = 0;
        let mut shown = |finding: &'a Finding| {
            number += 1;
            let mut id = finding.place.clone();
            let mut copy = position + 1;
            while !taken.insert(id.clone()) {
                id = format!("{}.{copy}", finding.place);
                copy += 1;
            }
            Shown { finding, number, id, counts: number <= counting.len() }
        };
        Image {
            result,
            id: format!("image-{}", position + 1),
            findings: counting.iter().copied().chain(below).take(each).map(&mut shown).collect(),
            left_out: result.findings.len().saturating_sub(each),
            counting,
        }
    };
    report.results.iter().enumerate().map(image).collect()
}

fn write_image(main: &mut Markup, image: &Image<'_>, report: &Report, style: &Style) {
    let name = format!("{}-name", image.id);
    main.tag("section", &[("class", "image"), ("id", &image.id), ("aria-labelledby", &name)], |section| {
        head::of_image(section, image, &name, report);
        section.tag("div", &[("class", "look")], |look| {
            // What is not built yet has no layers.
            if image.result.source != SourceKind::Context {
                strata::write(look, image);
            }
            findings::write(look, image, style.threshold);
        });
        coverage::write(section, image);
    });
}

fn foot(content: &mut Markup, report: &Report) {
    content.tag("footer", markup::PLAIN, |footer| {
        footer.text(&format!("Made by {} {} with the rules ", report.tool.name, report.tool.version));
        footer.put("code", markup::PLAIN, &report.tool.ruleset);
        footer.literal(". Keys are redacted in this page; it loads nothing and sends nothing.");
    });
}

#[cfg(test)]
mod tests;
