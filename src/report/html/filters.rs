//! The filters: for the script, and hidden without it.

use std::collections::BTreeMap;

use super::Image;
use super::findings::{self, reach};
use super::markup::{Markup, PLAIN};
use crate::report::{Threshold, describe, text, words};

/// Writes the filters over the findings of all images.
pub(super) fn write(content: &mut Markup, images: &[Image<'_>], threshold: Threshold) {
    let shown = || images.iter().flat_map(|image| &image.findings);
    if shown().next().is_none() {
        return;
    }
    let form: &[_] =
        &[("id", "filters"), ("role", "search"), ("aria-label", "Filter the findings"), ("hidden", "")];
    content.tag("form", form, |form| {
        form.literal(
            "<label class=\"find\"><span class=\"unseen\">Search in the findings</span>\
             <input type=\"search\" name=\"text\" placeholder=\"Search name, path, step …\" autocomplete=\"off\" spellcheck=\"false\"></label>",
        );
        severities(form, shown().map(|shown| shown.finding.severity.word()));
        let mut reaches = BTreeMap::new();
        let mut services = BTreeMap::new();
        let mut whose = BTreeMap::new();
        let mut sure = BTreeMap::new();
        for (image, shown) in images.iter().flat_map(|image| image.findings.iter().map(move |shown| (image, shown))) {
            let finding = shown.finding;
            *reaches.entry(reach(finding)).or_insert(0) += 1;
            *services.entry(finding.service.as_str()).or_insert(0) += 1;
            *whose.entry(findings::whose(image.result, finding)).or_insert(0) += 1;
            *sure.entry(finding.confidence.word()).or_insert(0) += 1;
        }
        choice(form, ("Confidence", "any confidence"), "confidence", &sure, |word| format!("{word} confidence"));
        choice(form, ("Readable by", "readable by anyone"), "reach", &reaches, |word| match word {
            "container" => "in containers too".to_owned(),
            _ => "by pullers only".to_owned(),
        });
        choice(form, ("Layer", "any layer"), "whose", &whose, |word| match word {
            "base" => "of the base image".to_owned(),
            "own" => "of this image".to_owned(),
            "config" => "none: in the config".to_owned(),
            "new" => "new since the old image".to_owned(),
            "old" => "in the old image too".to_owned(),
            _ => "owner not known".to_owned(),
        });
        choice(form, ("Service", "any service"), "service", &services, str::to_owned);
        let below = shown().filter(|shown| !shown.counts).count();
        if below > 0 {
            let what = format!("{} below {}", text::grouped(below as u64), describe::limits(&threshold));
            tick(form, "below", &what);
        }
        let suppressed: usize = images.iter().map(|image| image.result.suppressed.len()).sum();
        if suppressed > 0 {
            tick(form, "suppressed", &format!("{} suppressed", text::grouped(suppressed as u64)));
        }
        form.literal("<output id=\"told\" aria-live=\"polite\"></output><button type=\"reset\">Clear filters</button>");
    });
}

fn severities<'a>(form: &mut Markup, of_findings: impl Iterator<Item = &'a str>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    of_findings.for_each(|word| *counts.entry(word).or_default() += 1);
    form.tag("fieldset", PLAIN, |set| {
        set.literal("<legend class=\"unseen\">Severities</legend>");
        for word in words::SEVERITIES.iter().filter(|word| counts.contains_key(**word)) {
            set.tag("label", &[("class", word)], |field| {
                field.void(
                    "input",
                    &[("type", "checkbox"), ("name", "severity"), ("value", word), ("checked", "")],
                );
                findings::shape(field, word);
                field.text(&format!("{word} {}", counts.get(word).copied().unwrap_or_default()));
            });
        }
    });
}

/// A list to choose from, where there is a choice.
fn choice(
    form: &mut Markup,
    (label, any): (&'static str, &'static str),
    name: &'static str,
    counts: &BTreeMap<&str, usize>,
    say: impl Fn(&str) -> String,
) {
    if counts.len() < 2 {
        return;
    }
    form.tag("select", &[("name", name), ("aria-label", label)], |list| {
        list.put("option", &[("value", "")], any);
        for (value, count) in counts {
            list.put("option", &[("value", value)], &format!("{} ({count})", say(value)));
        }
    });
}

/// A box to tick for what is hidden at first.
fn tick(form: &mut Markup, name: &'static str, what: &str) {
    form.tag("label", &[("class", "tick")], |field| {
        field.void("input", &[("type", "checkbox"), ("name", name)]);
        field.text(what);
    });
}
