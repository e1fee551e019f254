//! The story of a finding: what it is, where it came in, where it stands, who can read it, what to do.

use super::markup::{Markup, PLAIN};
use super::{Image, Shown, guides};
use crate::report::guide::of_key;
use crate::report::model::{Finding, ImageResult, Location, SourceKind};
use crate::report::{describe, sanitize, text, words};

/// Places that are listed; the others are counted.
const PLACES_SHOWN: usize = 20;

/// Writes the story.
pub(super) fn write(details: &mut Markup, image: &Image<'_>, shown: &Shown<'_>) {
    let (finding, result) = (shown.finding, image.result);
    details.tag("div", &[("class", "story"), ("id", &shown.id)], |story| {
        story.tag("dl", PLAIN, |list| {
            advice(list, result, finding);
            entry(list, "Readable", |text| text.text(&describe::readers(result, finding)));
            used(list, result, finding);
            if let Some(known) = words::known(finding) {
                entry(list, "Known", |text| text.text(&known));
            }
            key(list, finding);
            verification(list, finding);
            match result.source {
                SourceKind::Context => instruction(list, finding),
                _ => origin(list, result, finding),
            }
            places(list, finding);
            if let Some(owner) = &finding.owner {
                entry(list, "Package", |text| text.text(&words::package(owner)));
            }
            names(list, finding);
        });
        guides::image(story, finding);
        story.tag("p", &[("class", "acts")], |acts| {
            if !of_key(&finding.remediation).is_empty() {
                let guide = format!("#{}", guides::id(&finding.detector));
                acts.put("a", &[("href", &guide)], "Misuse, rotation, restriction: all about such keys");
            }
            acts.put("a", &[("href", &format!("#{}", shown.id))], "Link to this finding");
            let is_built = result.source != SourceKind::Context;
            if let Some(layer) = words::layer_of(result, finding).filter(|_| is_built) {
                let layer = format!("#{}-layer-{}", image.id, layer.index);
                acts.put("a", &[("href", &layer)], "Its layer");
            }
            acts.literal("<button type=\"button\" class=\"close\" hidden>Close (Esc)</button>");
        });
    });
}

fn entry(list: &mut Markup, name: &'static str, inside: impl FnOnce(&mut Markup)) {
    list.put("dt", PLAIN, name);
    list.tag("dd", PLAIN, inside);
}

/// First the key, then the image: what was pulled once stays known.
fn advice(list: &mut Markup, result: &ImageResult, finding: &Finding) {
    let next = words::next(finding);
    let build = describe::build(result, finding);
    if next.is_empty() && build.is_empty() {
        return;
    }
    list.literal("<dt class=\"do\">What to do</dt>");
    list.tag("dd", &[("class", "do")], |text| {
        text.tag("ol", PLAIN, |steps| {
            if !next.is_empty() {
                steps.tag("li", PLAIN, |step| {
                    for (position, part) in next.into_iter().enumerate() {
                        if position > 0 {
                            step.literal("<br>");
                        }
                        linked(step, part);
                    }
                });
            }
            if !build.is_empty() {
                steps.tag("li", PLAIN, |step| {
                    step.literal("<b>In the build:</b> ");
                    step.text(&build);
                });
            }
        });
    });
}

/// A text, its addresses as links.
pub(super) fn linked(inside: &mut Markup, text: &str) {
    let mut rest = text;
    while let Some(start) = rest.find("https://") {
        let (before, from) = rest.split_at(start);
        let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '(' | ')' | ',' | ';');
        let end = from.find(ends).unwrap_or(from.len());
        let address = from.get(..end).unwrap_or_default().trim_end_matches('.');
        inside.text(before);
        inside.put("a", &[("href", address), ("rel", "noopener noreferrer"), ("target", "_blank")], address);
        rest = from.get(address.len()..).unwrap_or_default();
    }
    inside.text(rest);
}

/// The requests that show the key in use.
fn used(list: &mut Markup, result: &ImageResult, finding: &Finding) {
    let requests: Vec<String> = words::used(result, finding).take(PLACES_SHOWN).collect();
    if requests.is_empty() {
        return;
    }
    entry(list, "Seen in use", |text| {
        text.tag("ul", PLAIN, |items| {
            requests.iter().for_each(|request| items.tag("li", PLAIN, |item| linked(item, request)));
        });
    });
}

fn key(list: &mut Markup, finding: &Finding) {
    entry(list, "Key", |text| {
        text.put("code", PLAIN, words::secret(finding));
        let service = Some(&finding.service).filter(|service| !finding.name.contains(service.as_str()));
        let handles = finding.handles.iter().map(|(name, value)| format!("{name} {value}"));
        let companions = finding.companions.iter().map(words::beside);
        for more in service.cloned().into_iter().chain(handles).chain(companions) {
            text.text(&format!(" · {more}"));
        }
        text.literal("<br>");
        text.text(&format!("confidence {}{}", finding.confidence.word(), words::verified(finding)));
    });
}

/// What its service said.
fn verification(list: &mut Markup, finding: &Finding) {
    if let Some(line) = words::verification(&finding.verification, &finding.service) {
        entry(list, "Does it work", |text| text.text(&line));
    }
}

fn origin(list: &mut Markup, result: &ImageResult, finding: &Finding) {
    let origin = &finding.introduced_by;
    entry(list, "Came in with", |text| {
        match origin.layer {
            Some(index) => {
                let mut facts = vec![format!("layer {index}")];
                let layer = words::layer_of(result, finding);
                facts.extend(layer.and_then(words::whose).map(str::to_owned));
                facts.extend(layer.map(|layer| text::size(layer.size)));
                text.text(&facts.join(" · "));
                if let Some(digest) = origin.digest.as_ref().or(origin.diff_id.as_ref()) {
                    text.literal("<br>");
                    text.put("code", PLAIN, digest);
                }
            }
            None => text.text(&format!("layer {}", words::no_layer(finding))),
        }
        text.literal("<br>");
        match &origin.created_by {
            Some(step) => text.put("code", &[("class", "whole")], &sanitize::step(step)),
            None => text.literal("The step is not recorded in the image's history."),
        }
        if let Some(line) = &origin.dockerfile {
            text.literal("<br>");
            text.put("code", PLAIN, &format!("{}:{}", line.path, line.line));
        }
    });
}

/// Where in the Dockerfile of an image that is not built yet.
fn instruction(list: &mut Markup, finding: &Finding) {
    if let Some(line) = &finding.introduced_by.dockerfile {
        entry(list, "Instruction", |text| text.put("code", PLAIN, &format!("{}:{}", line.path, line.line)));
    }
}

fn places(list: &mut Markup, finding: &Finding) {
    entry(list, "Where", |text| {
        text.tag("ul", PLAIN, |places| {
            for location in finding.locations.iter().take(PLACES_SHOWN) {
                places.tag("li", PLAIN, |place| {
                    place.put("code", PLAIN, &describe::place(location));
                    if let Some(column) = location.column {
                        place.put("small", PLAIN, &format!(" column {column}"));
                    }
                    place.put("small", PLAIN, &fate(location));
                });
            }
        });
        match finding.locations.len().saturating_sub(PLACES_SHOWN) {
            0 => {}
            more => text.text(&format!("and {}; -o json lists them", text::count(more, "more place"))),
        }
    });
}

/// The layer of a place, and what took it away there.
fn fate(location: &Location) -> String {
    let layer = location.layer.map(|layer| format!("layer {layer}"));
    let removed = location.removed_by.as_ref().map(|removed| {
        let keeps = location.layer.map(|layer| format!(", layer {layer} keeps it")).unwrap_or_default();
        format!("layer {} {}{keeps}", removed.layer, describe::what_was_done(&removed.how))
    });
    let facts: Vec<String> = layer.into_iter().chain(removed).collect();
    if facts.is_empty() { String::new() } else { format!(" {}", facts.join("; ")) }
}

/// What identifies it, elsewhere too.
fn names(list: &mut Markup, finding: &Finding) {
    entry(list, "Detector", |text| {
        text.put("code", PLAIN, &finding.detector);
        if !finding.also.is_empty() {
            text.text(&format!("; also fits: {}", finding.also.join(", ")));
        }
    });
    for (name, value) in [("Fingerprint", &finding.fingerprint), ("Place", &finding.place)] {
        entry(list, name, |text| {
            text.put("code", &[("class", "copied")], value);
            text.literal(" <button type=\"button\" class=\"copy\" hidden>Copy</button>");
        });
    }
}
