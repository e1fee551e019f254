//! What to do about the keys, once for all of a detector, and the image half of a single finding.

use super::Image;
use super::markup::{Markup, PLAIN};
use super::story::linked;
use crate::report::guide::{Part, of_image, of_key, spans};
use crate::report::model::Finding;

/// The name of a detector's part in the page.
pub(super) fn id(detector: &str) -> String {
    format!("guide-{detector}")
}

/// Writes a part for each detector of the findings that are shown.
pub(super) fn write(main: &mut Markup, images: &[Image<'_>]) {
    let mut told: Vec<&Finding> = Vec::new();
    for finding in images.iter().flat_map(|image| &image.findings).map(|shown| shown.finding) {
        if !told.iter().any(|known| known.detector == finding.detector) {
            told.push(finding);
        }
    }
    let told: Vec<(&Finding, Vec<Part>)> = told
        .into_iter()
        .map(|finding| (finding, of_key(&finding.remediation)))
        .filter(|(_, parts)| !parts.is_empty())
        .collect();
    if told.is_empty() {
        return;
    }
    main.tag("section", &[("class", "guides"), ("aria-labelledby", "guides-name")], |section| {
        section.put("h2", &[("id", "guides-name")], "What to do about the keys");
        for (finding, parts) in &told {
            section.tag("details", &[("class", "guide")], |guide| {
                guide.tag("summary", PLAIN, |summary| {
                    summary.put("b", PLAIN, &finding.name);
                    summary.put("small", PLAIN, &format!(" {}", finding.detector));
                });
                // Inside, so that a link to it opens the part.
                guide.tag("div", &[("id", &id(&finding.detector))], |body| {
                    body.tag("p", &[("class", "first")], |first| linked(first, &finding.remediation.next));
                    parts.iter().for_each(|one| part(body, "h3", one));
                });
            });
        }
    });
}

/// The steps for the image of one finding, and the instruction rewritten.
pub(super) fn image(story: &mut Markup, finding: &Finding) {
    let steps = of_image(&finding.remediation);
    let rewrite = finding.remediation.rewrite.as_deref();
    if steps.is_none() && rewrite.is_none() {
        return;
    }
    story.tag("div", &[("class", "image-steps")], |div| {
        steps.iter().for_each(|steps| part(div, "h4", steps));
        if let Some(rewrite) = rewrite {
            div.put("h4", PLAIN, "The instruction without the key");
            div.tag("pre", &[("class", "diff")], |pre| {
                for line in rewrite.lines() {
                    let class = match line.as_bytes().first() {
                        Some(b'+') => "added",
                        Some(b'-') => "gone",
                        _ => "same",
                    };
                    pre.put("code", &[("class", class)], line);
                    pre.literal("\n");
                }
            });
        }
    });
}

fn part(inside: &mut Markup, level: &'static str, part: &Part) {
    inside.put(level, PLAIN, part.heading);
    inside.tag(if part.ordered { "ol" } else { "ul" }, PLAIN, |list| {
        for text in &part.entries {
            list.tag("li", PLAIN, |item| {
                for (is_code, text) in spans(text) {
                    if is_code { item.put("code", PLAIN, text) } else { linked(item, text) }
                }
            });
        }
    });
}
