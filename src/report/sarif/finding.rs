//! Findings as SARIF results.

use std::collections::HashMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::rules::{self, Rules, level};
use super::{base_id, uri};
use crate::detect::Place;
use crate::finding::fingerprint::hex_prefix;
use crate::report::model::{DockerfileLine, Finding, ImageResult, Location, Suppressed};
use crate::report::threshold::Threshold;
use crate::report::{Report, describe, sanitize, text};

/// The base of a Dockerfile's path, by the name that GitHub knows.
pub(super) const SOURCES: &str = "%SRCROOT%";

/// Places of one result that GitHub takes.
pub(super) const PLACES: usize = 1_000;

/// Characters of a place or step in a message.
const SHOWN: usize = 300;

/// An image and its number in the report.
#[derive(Clone, Copy)]
pub(super) struct Numbered<'a> {
    number: usize,
    result: &'a ImageResult,
}

/// At most `most` results: those that are sure enough, the most severe first, then the suppressed ones.
/// Also how many places were left out of them.
pub(super) fn results<'a>(
    report: &'a Report,
    threshold: &Threshold,
    rules: &mut Rules<'a>,
    most: usize,
) -> (Vec<Value>, usize) {
    let images = || report.results.iter().enumerate().map(|(number, result)| Numbered { number, result });
    let mut findings: Vec<(Numbered<'a>, &Finding)> = images()
        .flat_map(|image| image.result.findings.iter().map(move |finding| (image, finding)))
        .filter(|(_, finding)| threshold.is_sure(finding))
        .collect();
    findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    findings.truncate(most);
    let mut hashes = Hashes::default();
    let mut cut = 0;
    let mut values: Vec<Value> = Vec::with_capacity(findings.len());
    for (image, finding) in findings {
        let mut value = found(image, finding, rules.of(finding), &mut hashes);
        value["properties"]["failsScan"] = threshold.fails(finding).into();
        // The line of a Dockerfile is a place more.
        let listed = PLACES - usize::from(finding.introduced_by.dockerfile.is_some());
        let left_out = finding.locations.len().saturating_sub(listed);
        if left_out > 0 {
            value["properties"]["placesCut"] = left_out.into();
            cut += left_out;
        }
        values.push(value);
    }
    let suppressed = images().flat_map(|image| image.result.suppressed.iter().map(move |one| (image, one)));
    let room = most.saturating_sub(values.len());
    let suppressed =
        suppressed.take(room).map(|(image, one)| set_aside(image, one, rules.named(&one.detector)));
    values.extend(suppressed);
    (values, cut)
}

fn found(image: Numbered<'_>, finding: &Finding, rule: usize, hashes: &mut Hashes) -> Value {
    let related = finding.introduced_by.dockerfile.is_none();
    let others = finding.locations.iter().skip(usize::from(related)).take(PLACES - 1).map(|location| {
        let mut value = place(image, Some(location), finding);
        value["message"] = json!({ "text": message(&short(&describe::place(location))) });
        value
    });
    json!({
        "ruleId": rules::id(&finding.detector),
        "ruleIndex": rule,
        "level": level(finding.severity),
        "message": { "text": message(&told(image.result, finding)) },
        "locations": [ primary(image, finding) ],
        "relatedLocations": others.collect::<Vec<_>>(),
        "partialFingerprints": {
            "keyseam/v1": finding.place,
            "primaryLocationLineHash": hashes.next(image.result, finding),
        },
        "properties": {
            "image": describe::image(image.result),
            "manifestDigest": image.result.manifest_digest,
            "fingerprint": finding.fingerprint,
            "severity": finding.severity.word(),
            "confidence": finding.confidence.word(),
            "secret": finding.secret,
            "service": finding.service,
            "layer": finding.introduced_by.layer,
            "layerDigest": finding.introduced_by.digest,
            "diffId": finding.introduced_by.diff_id,
            "buildStep": finding.introduced_by.created_by,
            "inFinalImage": finding.in_final_image,
            "verification": finding.verification.status.word(),
        },
    })
}

/// A finding that somebody decided to live with. Where it stands is not kept.
fn set_aside(image: Numbered<'_>, suppressed: &Suppressed, rule: usize) -> Value {
    let name = describe::image(image.result);
    json!({
        "ruleId": rules::id(&suppressed.detector),
        "ruleIndex": rule,
        "level": "note",
        "message": { "text": message(&format!("Suppressed finding of {} in {name}", suppressed.detector)) },
        "locations": [ { "physicalLocation": {
            "artifactLocation": { "uri": "image", "uriBaseId": base_id(image.number) },
            "region": { "startLine": 1 },
        } } ],
        "partialFingerprints": { "keyseam/suppressed/v1": suppressed.fingerprint },
        "suppressions": [ { "kind": "external", "status": "accepted", "justification": suppressed.by } ],
        "properties": { "image": name, "fingerprint": suppressed.fingerprint },
    })
}

/// What is told of a finding: what, where, whence, who can read it, what to do.
fn told(result: &ImageResult, finding: &Finding) -> String {
    let secret = if finding.secret == "…" { String::new() } else { format!(" {}", finding.secret) };
    let step = describe::step(finding).map(|step| format!(" ({})", short(&step))).unwrap_or_default();
    let brought = match finding.introduced_by.layer {
        Some(_) => format!("Brought by {}{step}", describe::layer(finding)),
        None if step.is_empty() => "It stands in the image's config or manifest".to_owned(),
        None => format!("Brought by a step that made no layer{step}"),
    };
    let mut text = format!(
        "{}{secret} in {} of {}. {brought}. Readable {}.",
        finding.name,
        short(&describe::first_place(finding)),
        short(&describe::image(result)),
        describe::readers(result, finding),
    );
    for line in describe::advice(result, finding) {
        text.push(' ');
        text.push_str(&line);
    }
    text
}

fn short(text: &str) -> String {
    text::middle(text, SHOWN, "…")
}

/// A text of a message: SARIF gives brackets and braces a meaning, a terminal gives one to controls.
pub(super) fn message(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in sanitize::inline(text).chars() {
        match c {
            '[' | ']' | '\\' => out.extend(['\\', c]),
            '{' | '}' => out.extend([c, c]),
            c => out.push(c),
        }
    }
    out
}

/// The line of the Dockerfile, where it is known: that is in the repository. Else the place in the image.
fn primary(image: Numbered<'_>, finding: &Finding) -> Value {
    match &finding.introduced_by.dockerfile {
        Some(line) => {
            json!({ "physicalLocation": dockerfile(line), "logicalLocations": layer(finding, None) })
        }
        None => place(image, finding.locations.first(), finding),
    }
}

fn dockerfile(line: &DockerfileLine) -> Value {
    json!({ "artifactLocation": artifact(&line.path), "region": { "startLine": line.line.max(1) } })
}

/// A file of the sources.
fn artifact(path: &str) -> Value {
    let relative = uri::relative(path.as_bytes());
    match path.starts_with('/') {
        true => json!({ "uri": format!("file:///{relative}") }),
        false => json!({ "uri": relative, "uriBaseId": SOURCES }),
    }
}

/// A place in the image. GitHub wants a line of every one: the first, where none is known.
fn place(image: Numbered<'_>, location: Option<&Location>, finding: &Finding) -> Value {
    let line = location.and_then(|location| location.line).unwrap_or(1).max(1);
    let of_sources = location.and_then(|location| describe::source_file(image.result, location));
    let artifact = match of_sources {
        Some(path) => artifact(&path),
        None => {
            let uri = location.and_then(uri::of_image).unwrap_or_else(|| no_file(location));
            json!({ "uri": uri, "uriBaseId": base_id(image.number) })
        }
    };
    json!({
        "physicalLocation": {
            "artifactLocation": artifact,
            "region": { "startLine": line },
        },
        "logicalLocations": layer(finding, location),
    })
}

/// A name in place of a path, for what lies in no file: every reader wants one.
fn no_file(location: Option<&Location>) -> String {
    let kind = location.map(|location| location.kind);
    match (kind, location.and_then(|location| location.layer)) {
        (Some(Place::Manifest | Place::Annotation), _) => "image-manifest".to_owned(),
        (Some(Place::Attestation), _) => "image-attestation".to_owned(),
        (Some(Place::Unallocated | Place::Pax | Place::File | Place::FileName), Some(layer)) => {
            format!("image-layer-{layer}")
        }
        (Some(_), _) => "image-config".to_owned(),
        (None, _) => "image".to_owned(),
    }
}

/// The layer that brought the key (or, of a further place, holds it) and what is called by a name.
fn layer(finding: &Finding, location: Option<&Location>) -> Vec<Value> {
    let origin = &finding.introduced_by;
    let own = location.is_none_or(|location| location.layer == origin.layer);
    let index = location.and_then(|location| location.layer).or(origin.layer);
    let digest = origin.digest.as_ref().or(origin.diff_id.as_ref()).filter(|_| own);
    let layer = index.map(|index| {
        let name = format!("layer {index}");
        json!({ "fullyQualifiedName": digest.unwrap_or(&name), "name": name, "kind": "layer" })
    });
    let named =
        location.and_then(|location| Some((describe::kind_words(location.kind), location.name.as_ref()?)));
    let named = named.filter(|(words, name)| !words.is_empty() && !name.is_empty());
    layer.into_iter().chain(named.map(|(words, name)| json!({ "name": name, "kind": words }))).collect()
}

/// What GitHub knows an alert by: a hash and, behind it, a count of the results with the same one. It is
/// made of the image without its tag, and of the place: the next build's finding is the same alert.
#[derive(Default)]
struct Hashes(HashMap<String, usize>);

impl Hashes {
    fn next(&mut self, result: &ImageResult, finding: &Finding) -> String {
        let platform = result.platform.as_deref().unwrap_or_default();
        let parts = [describe::repository(result), platform, &finding.detector, &finding.place];
        let hash = hex_prefix(&Sha256::digest(parts.join("\0")), 8);
        let count = self.0.entry(hash.clone()).or_default();
        *count += 1;
        format!("{hash}:{count}")
    }
}
