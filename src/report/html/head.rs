//! The top of the page: the answer, what is missing to it, and an index of several images; and the top of
//! each image.

use std::collections::{BTreeMap, HashMap};

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::markup::{Markup, PLAIN};
use super::{Image, findings};
use crate::detect::Severity;
use crate::report::model::{PullableBy, SourceKind};
use crate::report::{Report, text, words};

/// The answer in a few words.
pub(super) fn verdict(report: &Report, images: &[Image<'_>]) -> String {
    let added = report.diff.is_some();
    let leaking = images.iter().filter(|image| !image.counting.is_empty()).count();
    if images.is_empty() {
        return "Nothing was scanned".to_owned();
    }
    if leaking == 0 {
        let nothing = if added { "No keys added" } else { "No keys found" };
        return if report.summary.complete { nothing.to_owned() } else { format!("{nothing} so far") };
    }
    let verb = match images {
        // Nothing has leaked of what is not built yet.
        [one] if one.result.source == SourceKind::Context => "in the build context",
        _ if added => "added",
        _ => "leaked",
    };
    let keys = format!("{} {verb}", text::count(counts_by_severity(images).values().sum(), "key"));
    match images.len() {
        1 => keys,
        several => format!("{keys} in {leaking} of {several} images"),
    }
}

/// How many keys count, by severity: of one image its findings, as below; of several images distinct keys,
/// each at its highest severity.
fn counts_by_severity(images: &[Image<'_>]) -> BTreeMap<Severity, usize> {
    let counting = || images.iter().flat_map(|image| &image.counting);
    let mut counts = BTreeMap::new();
    if images.len() == 1 {
        counting().for_each(|finding| *counts.entry(finding.severity).or_default() += 1);
        return counts;
    }
    let mut distinct: HashMap<&str, Severity> = HashMap::new();
    for finding in counting() {
        let highest = distinct.entry(&finding.fingerprint).or_insert(finding.severity);
        *highest = (*highest).max(finding.severity);
    }
    distinct.values().for_each(|severity| *counts.entry(*severity).or_default() += 1);
    counts
}

/// Writes the top of the page.
pub(super) fn write(content: &mut Markup, report: &Report, images: &[Image<'_>]) {
    let leaks = images.iter().any(|image| !image.counting.is_empty());
    let state = match (leaks, report.summary.complete) {
        (true, _) => "top bad",
        (false, false) => "top unsure",
        (false, true) => "top good",
    };
    if !images.is_empty() {
        content.literal("<a class=\"skip\" href=\"#main\">Skip to the layers and findings</a>");
    }
    content.tag("header", &[("class", state)], |header| {
        header.tag("p", &[("class", "brand")], |brand| {
            brand.literal("keyseam ");
            brand.put("time", PLAIN, &finished(report));
        });
        header.put("h1", PLAIN, &verdict(report, images));
        lead(header, report, images);
        tally(header, images);
        diff(header, report);
    });
    incomplete(content, report, images);
    if report.results.len() + report.errors.len() > 1 {
        index(content, report, images);
    }
}

/// When the last image was read.
fn finished(report: &Report) -> String {
    const MINUTE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    report.times.finished.format(MINUTE).unwrap_or_default()
}

/// Who can read the keys; where there are none, what was read.
fn lead(header: &mut Markup, report: &Report, images: &[Image<'_>]) {
    let leaking: Vec<&Image<'_>> = images.iter().filter(|image| !image.counting.is_empty()).collect();
    let line = match leaking.as_slice() {
        [] => match images {
            [one] if report.errors.is_empty() => words::read(one.result),
            _ => return,
        },
        [one] if images.len() == 1 => {
            let mut line = words::read_by(one.result, one.counting.len());
            line.get_mut(..1).map(str::make_ascii_uppercase);
            line + "."
        }
        several if several.iter().any(|image| image.result.pullable_by == Some(PullableBy::Anyone)) => {
            "Anyone on the internet can pull at least one of these images, and read every key in it."
                .to_owned()
        }
        _ => "Everyone who can pull an image can read every key in it, those that a later layer deletes too."
            .to_owned(),
    };
    header.put("p", &[("class", "lead")], &line);
}

/// How many of each severity.
fn tally(header: &mut Markup, images: &[Image<'_>]) {
    let counts = counts_by_severity(images);
    if counts.is_empty() {
        return;
    }
    header.tag("ul", &[("class", "tally")], |list| {
        for (severity, count) in counts.iter().rev() {
            let word = severity.word();
            list.tag("li", &[("class", word)], |item| {
                findings::shape(item, word);
                item.text(&format!("{} {word}", text::grouped(*count as u64)));
            });
        }
    });
}

/// With what the images were compared.
fn diff(header: &mut Markup, report: &Report) {
    let Some(diff) = &report.diff else { return };
    header.tag("p", &[("class", "since")], |line| {
        line.literal("New since ");
        line.put("code", PLAIN, &diff.old);
        if let Some(digest) = diff.manifest_digest.as_ref().or(diff.index_digest.as_ref()) {
            line.literal(" ");
            line.put("code", PLAIN, text::short_digest(digest));
        }
        line.text(&format!(". {}", words::compared(diff.known, diff.gone)));
        if !diff.complete {
            line.literal(" The old image was not read whole: what it has may be shown as added.");
        }
    });
}

/// What keeps the answer from being the whole one, for nobody to overlook.
fn incomplete(content: &mut Markup, report: &Report, images: &[Image<'_>]) {
    if report.summary.complete {
        return;
    }
    content.tag("section", &[("class", "alarm"), ("aria-labelledby", "incomplete")], |alarm| {
        alarm.literal("<h2 id=\"incomplete\">Incomplete: not everything was read</h2>");
        alarm.literal("<p>There may be more keys than this page shows.</p>");
        alarm.tag("ul", PLAIN, |list| {
            for image in images.iter().filter(|image| !image.result.complete) {
                list.tag("li", PLAIN, |item| {
                    item.put("a", &[("href", &format!("#{}-coverage", image.id))], &image.result.target);
                    let what = words::not_read(image.result).unwrap_or_default();
                    item.text(&format!(": {}", what.trim_start_matches("Incomplete: ")));
                });
            }
            for error in &report.errors {
                list.tag("li", PLAIN, |item| {
                    item.literal("Not scanned: ");
                    item.put("code", PLAIN, &error.target);
                    item.text(&format!(" – {}", error.message));
                });
            }
        });
    });
}

fn index(content: &mut Markup, report: &Report, images: &[Image<'_>]) {
    content.tag("nav", &[("aria-labelledby", "images")], |nav| {
        nav.literal("<h2 id=\"images\">Images</h2>");
        nav.tag("ul", PLAIN, |list| {
            for image in images {
                list.tag("li", PLAIN, |item| {
                    let mut name = image.result.target.clone();
                    let platforms = images.iter().filter(|other| other.result.target == name).count();
                    if let Some(platform) = image.result.platform.as_ref().filter(|_| platforms > 1) {
                        name += &format!(" ({platform})");
                    }
                    item.put("a", &[("href", &format!("#{}", image.id))], &name);
                    counts(item, image, report.diff.is_some());
                });
            }
            for error in &report.errors {
                list.tag("li", PLAIN, |item| {
                    item.put("span", PLAIN, &error.target);
                    item.literal("<strong class=\"warn\">not scanned</strong>");
                });
            }
        });
    });
}

/// An image's counts by severity, for the index.
fn counts(item: &mut Markup, image: &Image<'_>, added: bool) {
    item.tag("span", &[("class", "counts")], |counts| {
        if image.counting.is_empty() {
            counts.text(if added { "none added" } else { "none" });
        }
        for word in words::SEVERITIES {
            let of_it = image.counting.iter().filter(|finding| finding.severity.word() == *word).count();
            if of_it > 0 {
                counts.tag("span", &[("class", word)], |count| {
                    findings::shape(count, word);
                    count.text(&of_it.to_string());
                    count.put("span", &[("class", "unseen")], &format!(" {word}"));
                });
            }
        }
    });
    if !image.result.complete {
        item.literal("<strong class=\"warn\">incomplete</strong>");
    }
}

/// Writes the top of an image.
pub(super) fn of_image(section: &mut Markup, image: &Image<'_>, name: &str, report: &Report) {
    let result = image.result;
    let (alone, added) = (report.results.len() + report.errors.len() == 1, report.diff.is_some());
    section.tag("header", PLAIN, |header| {
        header.put("h2", &[("id", name)], &result.target);
        facts(header, image);
        // Of a single image, the top of the page has said it.
        if alone && (result.complete || !image.counting.is_empty()) {
            return;
        }
        let state = match (image.counting.len(), result.complete) {
            (0, true) => "verdict good",
            (0, false) => "verdict unsure",
            _ => "verdict bad",
        };
        header.tag("p", &[("class", state)], |line| match image.counting.len() {
            0 => line.text(&words::nothing(result, added)),
            keys => {
                line.put("strong", PLAIN, &words::keys(keys, added));
                line.text(&format!(" – {}.", words::read_by(result, keys)));
            }
        });
    });
}

fn facts(header: &mut Markup, image: &Image<'_>) {
    let result = image.result;
    let size = result.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add);
    let digest = result.manifest_digest.as_ref().or(result.config_digest.as_ref());
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    facts.extend(
        result
            .reference
            .iter()
            .filter(|name| **name != result.target)
            .map(|name| ("Reference", name.clone())),
    );
    facts.push(("Read from", words::source(result.source).to_owned()));
    facts.extend(result.platform.iter().map(|platform| ("Platform", platform.clone())));
    if result.source == SourceKind::Context {
        facts.push(("Digest", "not built yet".to_owned()));
        facts.push((
            "Files",
            format!("{} · {}", text::grouped(result.stats.files), text::size(result.stats.bytes_scanned)),
        ));
        return list_of(header, &facts);
    }
    facts.push(("Digest", digest.cloned().unwrap_or_else(|| "none".to_owned())));
    if result.kind != "image" {
        facts.push(("Kind", result.kind.to_owned()));
    }
    facts.push(("Layers", format!("{} · {}", result.layers.len(), text::size(size))));
    facts.extend(result.base_image.iter().map(|base| ("Built on", base.name.clone())));
    facts.extend(result.pullable_by.iter().map(|who| ("Pullable by", pullable(*who).to_owned())));
    list_of(header, &facts);
}

fn list_of(header: &mut Markup, facts: &[(&'static str, String)]) {
    header.tag("dl", &[("class", "facts")], |list| {
        for (name, value) in facts {
            list.tag("div", PLAIN, |fact| {
                fact.put("dt", PLAIN, name);
                fact.put("dd", PLAIN, value);
            });
        }
    });
}

fn pullable(who: PullableBy) -> &'static str {
    match who {
        PullableBy::Anyone => "anyone on the internet",
        PullableBy::Network => "whoever reaches the registry",
        PullableBy::Credentials => "who has credentials",
    }
}
