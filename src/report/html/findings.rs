//! The list of an image's findings: a row each, its story below it, and what was suppressed.

use super::markup::{Markup, PLAIN};
use super::{Image, Shown, story};
use crate::report::model::{Finding, ImageResult, SourceKind, Suppressed};
use crate::report::{Threshold, describe, text, words};

/// Columns of a path in a row; the story has it whole.
const PATH_SHOWN: usize = 160;

/// Suppressed findings of an image that are listed; the others are counted.
const SUPPRESSED_SHOWN: usize = 200;

/// The mark of a severity: a shape and a letter, for those who see no colours.
pub(super) fn shape(inside: &mut Markup, severity: &str) {
    inside.tag("svg", &[("class", "shape"), ("viewBox", "0 0 20 20"), ("aria-hidden", "true")], |svg| {
        svg.tag("use", &[("href", &format!("#shape-{severity}"))], |_| ());
    });
}

/// Whose layer brought a key, in a word.
pub(super) fn whose(result: &ImageResult, finding: &Finding) -> &'static str {
    match words::layer_of(result, finding) {
        Some(layer) => words::owner(layer),
        None => "config",
    }
}

/// Whether containers see a key.
pub(super) fn reach(finding: &Finding) -> &'static str {
    if finding.in_final_image { "container" } else { "puller" }
}

/// Writes the list.
pub(super) fn write(look: &mut Markup, image: &Image<'_>, threshold: Threshold) {
    let suppressed = &image.result.suppressed;
    if image.findings.is_empty() && suppressed.is_empty() {
        return;
    }
    let id = format!("{}-findings", image.id);
    look.tag("section", &[("class", "found"), ("aria-labelledby", &id)], |found| {
        found.put("h3", &[("id", &id)], "Findings");
        if !image.findings.is_empty() {
            found.tag("ol", &[("class", "findings")], |list| {
                for shown in &image.findings {
                    row(list, image, shown, threshold);
                }
            });
        }
        found.literal("<p class=\"none-passes\" hidden>No finding of this image passes the filters.</p>");
        if image.left_out > 0 {
            let left_out = text::count(image.left_out, "more finding");
            found.put(
                "p",
                &[("class", "left-out")],
                &format!("Left out of this page: {left_out} of this image; -o json has all."),
            );
        }
        set_aside(found, suppressed);
    });
}

/// What was suppressed, hidden until it is asked for; how much it is stands with the coverage as well.
fn set_aside(found: &mut Markup, suppressed: &[Suppressed]) {
    if suppressed.is_empty() {
        return;
    }
    found.tag("ul", &[("class", "suppressed")], |list| {
        for one in suppressed.iter().take(SUPPRESSED_SHOWN) {
            list.tag("li", PLAIN, |item| {
                item.literal("<b>Suppressed</b> ");
                item.put("code", PLAIN, &one.detector);
                item.put("span", PLAIN, &format!(" by {}", one.by));
                item.literal("<br>");
                item.put("code", PLAIN, &one.fingerprint);
            });
        }
        let more = suppressed.len().saturating_sub(SUPPRESSED_SHOWN);
        if more > 0 {
            list.put("li", PLAIN, &format!("and {} more; -o json lists them", text::grouped(more as u64)));
        }
    });
}

fn row(list: &mut Markup, image: &Image<'_>, shown: &Shown<'_>, threshold: Threshold) {
    let (finding, result) = (shown.finding, image.result);
    let severity = finding.severity.word();
    let attributes: &[_] = &[
        ("class", "finding"),
        ("data-of", &shown.id),
        ("data-severity", severity),
        ("data-confidence", finding.confidence.word()),
        ("data-reach", reach(finding)),
        ("data-whose", whose(result, finding)),
        ("data-service", &finding.service),
        ("data-counts", if shown.counts { "yes" } else { "no" }),
    ];
    list.tag("li", attributes, |item| {
        item.tag("details", PLAIN, |details| {
            details.tag("summary", PLAIN, |summary| {
                summary.tag("span", &[("class", &format!("mark {severity}"))], |mark| {
                    shape(mark, severity);
                    mark.put("span", &[("class", "unseen")], severity);
                    mark.text(&format!(" {}", shown.number));
                });
                summary.tag("span", &[("class", "what")], |what| {
                    what.put("b", PLAIN, &finding.name);
                    if let Some(first) = finding.locations.first() {
                        let name = text::middle(&describe::container(first), PATH_SHOWN, "…");
                        what.put("code", PLAIN, &(name + &describe::position(first)));
                    }
                    what.put("small", PLAIN, &facts(result, shown, threshold));
                });
            });
            story::write(details, image, shown);
        });
    });
}

/// What a reader sorts findings by, in one line.
fn facts(result: &ImageResult, shown: &Shown<'_>, threshold: Threshold) -> String {
    let finding = shown.finding;
    let layer = match finding.introduced_by.layer {
        _ if result.source == SourceKind::Context => None,
        Some(layer) => Some(format!("layer {layer}")),
        None => Some("no layer".to_owned()),
    };
    let whose = match whose(result, finding) {
        "base" => Some("base image"),
        _ => None,
    };
    let removed = finding.locations.iter().find_map(|location| location.removed_by.as_ref());
    let reach = match (finding.in_final_image, removed) {
        (true, _) => "in containers too".to_owned(),
        (false, Some(removed)) => format!("gone in layer {}, pullers still read it", removed.layer),
        (false, None) => "pullers only".to_owned(),
    };
    let places = match finding.locations.len() {
        0 | 1 => None,
        more => Some(format!("{more} places")),
    };
    let below = (!shown.counts).then(|| format!("below {}", describe::limits(&threshold)));
    let sure = format!("confidence {}{}", finding.confidence.word(), words::verified(finding));
    let facts = [layer, whose.map(str::to_owned), places, Some(reach), Some(sure), below];
    facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}
