//! The layers as strata, the base at the bottom, with the keys pinned where they came in and where they
//! were taken away.

use std::collections::BTreeSet;

use super::lanes::{Lanes, Stretch};
use super::markup::{Markup, PLAIN};
use super::{Image, Shown, findings};
use crate::report::model::{ImageResult, Layer};
use crate::report::{sanitize, text, words};

/// From so many layers on they are drawn lower.
const MANY: usize = 16;

/// Pins of one layer that stand in the open; the others are folded away.
const PINS_SHOWN: usize = 24;

/// Columns of a step before it is cut.
const STEP_SHOWN: usize = 110;

/// Writes the strata.
pub(super) fn write(look: &mut Markup, image: &Image<'_>) {
    let result = image.result;
    if result.layers.is_empty() && image.findings.is_empty() {
        return;
    }
    let position = |index: usize| result.layers.iter().position(|layer| layer.index == index);
    let lanes = Lanes::new(image, position);
    let id = format!("{}-layers", image.id);
    let class = if result.layers.len() > MANY { "strata many" } else { "strata" };
    look.tag("section", &[("class", "ground"), ("aria-labelledby", &id)], |ground| {
        ground.put("h3", &[("id", &id)], "Layers");
        legend(ground, image, &lanes);
        ground.tag("ol", &[("class", class), ("reversed", "")], |list| {
            config(list, image, &lanes);
            let mut newer: Option<&Layer> = None;
            for (row, layer) in result.layers.iter().enumerate().rev() {
                if newer.is_some_and(|newer| words::is_seam(newer, layer)) {
                    seam(list, result, layer, &lanes, row);
                }
                newer = Some(layer);
                stratum(list, image, layer, &lanes, row);
            }
        });
    });
}

fn legend(ground: &mut Markup, image: &Image<'_>, lanes: &Lanes<'_>) {
    ground.tag("p", &[("class", "legend")], |line| {
        line.literal("Newest on top, taller is larger.");
        if !image.findings.is_empty() {
            line.literal(" A filled pin is where a key came in, an empty one where it stands again");
            let removed = image.findings.iter().flat_map(|shown| &shown.finding.locations);
            if removed.filter(|location| location.removed_by.is_some()).count() > 0 {
                line.literal("; a ring is where a layer takes it from containers, and only from them");
            }
            line.literal(".");
        }
        if !lanes.spans.is_empty() {
            line.literal(" A line joins the two: in between the key is there for whoever pulls the image.");
        }
    });
}

/// What no layer brought.
fn config(list: &mut Markup, image: &Image<'_>, lanes: &Lanes<'_>) {
    let is_known = |index: usize| image.result.layers.iter().any(|layer| layer.index == index);
    let of_config: Vec<&Shown<'_>> = image
        .findings
        .iter()
        .filter(|shown| !shown.finding.introduced_by.layer.is_some_and(is_known))
        .collect();
    if of_config.is_empty() {
        return;
    }
    list.tag("li", &[("class", "stratum config")], |item| {
        item.literal("<span class=\"core\"></span>");
        empty_lanes(item, lanes);
        item.tag("div", &[("class", "bed")], |bed| {
            bed.tag("div", &[("class", "head")], |head| {
                head.literal("<b class=\"index\">config</b>");
                pins(
                    head,
                    of_config.into_iter().map(|shown| (Pin::In, shown)).collect(),
                    "the image's config",
                );
            });
        });
    });
}

fn empty_lanes(item: &mut Markup, lanes: &Lanes<'_>) {
    item.tag("span", &[("class", "lanes"), ("aria-hidden", "true")], |cells| {
        (0..lanes.count).for_each(|_| cells.put("i", PLAIN, ""));
    });
}

/// Where the base image ends, or the old one.
fn seam(list: &mut Markup, result: &ImageResult, layer: &Layer, lanes: &Lanes<'_>, row: usize) {
    list.tag("li", &[("class", "seam")], |item| {
        item.literal("<span class=\"core\"></span>");
        item.tag("span", &[("class", "lanes"), ("aria-hidden", "true")], |cells| {
            for lane in 0..lanes.count {
                // What passes the layer below, or begins there, goes on through the seam.
                match lanes.at(lane, row) {
                    Some((number, Stretch::Begins | Stretch::Passes)) => {
                        cell(cells, lanes, number, Stretch::Passes);
                    }
                    _ => cells.put("i", PLAIN, ""),
                }
            }
        });
        item.literal("<svg class=\"wave\" height=\"8\" aria-hidden=\"true\"><rect width=\"100%\" height=\"8\" fill=\"url(#wave)\"/></svg>");
        item.tag("span", &[("class", "below")], |below| {
            let base = result.base_image.as_ref().filter(|_| layer.base == Some(true));
            match base {
                Some(base) => {
                    below.literal("Base image ");
                    below.put("code", PLAIN, &base.name);
                }
                None => below.literal(if layer.base == Some(true) { "Base image" } else { "In the old image too" }),
            }
        });
    });
}

fn stratum(list: &mut Markup, image: &Image<'_>, layer: &Layer, lanes: &Lanes<'_>, row: usize) {
    let marks = marks(image, layer);
    let owner = words::owner(layer);
    let quiet = if marks.is_empty() { " quiet" } else { "" };
    let class = format!("stratum {} size-{}{quiet}", ground(owner), height(layer.size));
    let id = format!("{}-layer-{}", image.id, layer.index);
    list.tag("li", &[("class", &class), ("id", &id)], |item| {
        item.literal("<span class=\"core\"></span>");
        item.tag("span", &[("class", "lanes"), ("aria-hidden", "true")], |cells| {
            for lane in 0..lanes.count {
                match lanes.at(lane, row) {
                    Some((number, stretch)) => cell(cells, lanes, number, stretch),
                    None => cells.put("i", PLAIN, ""),
                }
            }
        });
        item.tag("div", &[("class", "bed")], |bed| {
            bed.tag("div", &[("class", "head")], |head| {
                head.literal("<span class=\"unseen\">Layer </span>");
                head.put("b", &[("class", "index")], &layer.index.to_string());
                head.put("span", &[("class", "owner")], owner);
                head.put("span", &[("class", "size")], &text::size(layer.size));
                if image.result.errors.iter().any(|error| error.layer == Some(layer.index)) {
                    head.literal("<strong class=\"warn\">not read whole</strong>");
                }
                pins(head, marks, &format!("layer {}", layer.index));
            });
            step(bed, layer);
        });
    });
}

fn ground(owner: &str) -> &'static str {
    match owner {
        "base" | "old" => "before",
        "new" | "own" => "after",
        _ => "either",
    }
}

/// A step of height for a factor of eight: layers of a few bytes and of gigabytes can be told apart.
fn height(size: u64) -> u32 {
    ((u64::BITS - size.leading_zeros()) / 3).clamp(1, 10)
}

fn cell(cells: &mut Markup, lanes: &Lanes<'_>, number: usize, stretch: Stretch) {
    let Some(span) = lanes.spans.get(number) else { return };
    let stretch = match stretch {
        Stretch::Begins => "begins",
        Stretch::Passes => "passes",
        Stretch::Ends => "ends",
    };
    let class = format!("{stretch} {}", span.severity.word());
    cells.put("i", &[("class", &class), ("data-of", &span.of.join(" "))], "");
}

/// What a layer does with a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pin {
    In,
    Again,
    Gone,
}

fn marks<'a, 'b>(image: &'a Image<'b>, layer: &Layer) -> Vec<(Pin, &'a Shown<'b>)> {
    let mut marks = BTreeSet::new();
    for (position, shown) in image.findings.iter().enumerate() {
        let finding = shown.finding;
        if finding.introduced_by.layer == Some(layer.index) {
            marks.insert((Pin::In, position));
        } else if finding.locations.iter().any(|location| location.layer == Some(layer.index)) {
            marks.insert((Pin::Again, position));
        }
        let mut removed = finding.locations.iter().filter_map(|location| location.removed_by.as_ref());
        if removed.any(|removed| removed.layer == layer.index) {
            marks.insert((Pin::Gone, position));
        }
    }
    marks.into_iter().filter_map(|(pin, position)| Some((pin, image.findings.get(position)?))).collect()
}

fn pins(head: &mut Markup, mut marks: Vec<(Pin, &Shown<'_>)>, place: &str) {
    if marks.is_empty() {
        return;
    }
    let folded = if marks.len() > PINS_SHOWN + 1 { marks.split_off(PINS_SHOWN) } else { Vec::new() };
    head.tag("div", &[("class", "pins")], |pins| {
        marks.iter().for_each(|(pin, shown)| pin_of(pins, *pin, shown, place));
        if !folded.is_empty() {
            pins.tag("details", &[("class", "more")], |details| {
                details.put("summary", PLAIN, &format!("{} more", folded.len()));
                folded.iter().for_each(|(pin, shown)| pin_of(details, *pin, shown, place));
            });
        }
    });
}

fn pin_of(pins: &mut Markup, pin: Pin, shown: &Shown<'_>, place: &str) {
    let severity = shown.finding.severity.word();
    let (class, what) = match pin {
        Pin::In => ("in", "came in with"),
        Pin::Again => ("again", "stands again in"),
        Pin::Gone => ("gone", "is taken from containers, and only from them, by"),
    };
    let name = format!("Finding {}, {severity}: {} {what} {place}", shown.number, shown.finding.name);
    let attributes: &[_] = &[
        ("class", &*format!("pin {class} {severity}")),
        ("href", &*format!("#{}", shown.id)),
        ("data-of", &*shown.id),
        ("aria-label", &*name),
        ("title", &*name),
    ];
    pins.tag("a", attributes, |link| {
        findings::shape(link, if pin == Pin::Gone { "gone" } else { severity });
        link.text(&shown.number.to_string());
    });
}

/// The build step; a long one is cut, and whole behind it.
fn step(bed: &mut Markup, layer: &Layer) {
    let step = layer.created_by.as_deref().map(sanitize::step).unwrap_or_default();
    if step.is_empty() {
        return bed.literal("<div class=\"step\">no build step recorded</div>");
    }
    if text::width(&step) <= STEP_SHOWN {
        return bed.tag("div", &[("class", "step")], |line| line.put("code", PLAIN, &step));
    }
    bed.tag("details", &[("class", "step")], |details| {
        details.tag("summary", PLAIN, |summary| {
            summary.put("code", PLAIN, &text::start(&step, STEP_SHOWN, "…"));
            summary.literal("<span class=\"grow\">more</span>");
        });
        details.put("code", &[("class", "whole")], &step);
    });
}
