//! What is said of a finding and of an image in more than one format. The texts are plain: each format
//! neutralises them for its own syntax.

use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::model::{Finding, ImageResult, Location, PullableBy, ScanError, SourceKind};
use super::threshold::Threshold;
use super::{sanitize, text};
use crate::detect::Place;

/// The image and its platform.
pub(super) fn image(result: &ImageResult) -> String {
    let name = result.reference.as_ref().unwrap_or(&result.target);
    result.platform.as_ref().map_or_else(|| name.clone(), |platform| format!("{name} ({platform})"))
}

/// The image's name without tag and digest, which change with every build; the target where it has none.
pub(crate) fn repository(result: &ImageResult) -> &str {
    let Some(reference) = &result.reference else { return &result.target };
    let name = reference.split('@').next().unwrap_or(reference);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

/// What a kind of place is called; a file is called by its path alone.
pub(super) fn kind_words(kind: Place) -> &'static str {
    match kind {
        Place::File => "",
        Place::FileName => "name of the file",
        Place::Symlink => "target of the link",
        Place::Xattr => "extended attribute",
        Place::Pax => "tar header field",
        Place::Unallocated => "bytes of the layer that belong to no file",
        Place::ArchiveComment => "comment of the archive",
        Place::Env => "environment variable",
        Place::Arg => "build argument",
        Place::Label => "label",
        Place::History => "text of the build step in the history",
        Place::Entrypoint => "entrypoint",
        Place::Cmd => "command",
        Place::Healthcheck => "health check",
        Place::Onbuild => "ONBUILD trigger",
        Place::User => "user",
        Place::Author => "author",
        Place::Comment => "comment",
        Place::Annotation => "annotation",
        Place::Manifest => "manifest",
        Place::Attestation => "attestation",
        Place::Config => "config",
    }
}

/// The path with the members of nested archives behind it, as `outer.jar!inner.properties`.
pub(super) fn path(location: &Location) -> String {
    let outer = location.path.iter().map(String::as_str);
    outer.chain(location.inner.iter().map(String::as_str)).collect::<Vec<_>>().join("!")
}

/// The file, variable or other thing that holds the key, without the line in it.
pub(super) fn container(location: &Location) -> String {
    let words = kind_words(location.kind);
    let name = location.name.as_deref().filter(|name| !name.is_empty());
    let file = match &location.path {
        Some(_) => path(location),
        None => ["unnamed file"]
            .into_iter()
            .chain(location.inner.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join("!"),
    };
    match (words, name) {
        ("", _) => file,
        (words, Some(name)) if location.path.is_none() => format!("{words} {name}"),
        (words, Some(name)) => format!("{words} {name} of {file}"),
        (words, None) if location.path.is_none() => words.to_owned(),
        (words, None) => format!("{words} {file}"),
    }
}

/// Where in its container the key stands: `:3`, ` at byte 80`, what it was decoded from.
pub(super) fn position(location: &Location) -> String {
    let named = location.name.as_deref().is_some_and(|name| !name.is_empty());
    if location.kind != Place::File && location.path.is_none() {
        return location.line.filter(|_| named).map_or_else(String::new, |line| format!(":{line}"));
    }
    let mut at = match (location.line, location.offset) {
        (Some(line), _) => format!(":{line}"),
        (None, Some(offset)) => format!(" at byte {}", text::grouped(offset)),
        (None, None) => String::new(),
    };
    if !location.decoded.is_empty() {
        at += &format!(" (inside {})", location.decoded.join(", "));
    }
    at
}

/// The place of a key in one line.
pub(crate) fn place(location: &Location) -> String {
    container(location) + &position(location)
}

/// The file that a key of a build context stands in, as it is named from the working directory. Of an image there
/// is none: its paths are no paths of the sources.
pub(super) fn source_file(result: &ImageResult, location: &Location) -> Option<String> {
    let path = location.path.as_deref().filter(|_| result.source == SourceKind::Context)?;
    let folder = result.target.strip_prefix("./").unwrap_or(&result.target).trim_end_matches('/');
    Some(if matches!(folder, "" | ".") { path.to_owned() } else { format!("{folder}/{path}") })
}

/// The first place of a finding.
pub(crate) fn first_place(finding: &Finding) -> String {
    finding.locations.first().map_or_else(|| "the image".to_owned(), place)
}

/// The first place of a finding as one that a key's next version will have too: without the line.
pub(super) fn lasting_place(finding: &Finding) -> String {
    finding.locations.first().map_or_else(|| "the image".to_owned(), container)
}

/// The front of a finding's place, enough to tell it from the others of an image.
pub(super) fn short_place(finding: &Finding) -> &str {
    finding.place.get(.."ksp1:".len() + 12).unwrap_or(&finding.place)
}

/// `layer 3`, or why there is none.
pub(super) fn layer(finding: &Finding) -> String {
    match finding.introduced_by.layer {
        Some(layer) => format!("layer {layer}"),
        None => "no layer".to_owned(),
    }
}

/// Where a key came in, in one line: `layer 3 (sha256:0123abcd4567, COPY . /app), /app/.env:3`.
pub(crate) fn introduced(finding: &Finding) -> String {
    /// Characters of a build step: enough to know it by.
    const STEP: usize = 60;
    let place = first_place(finding);
    let step = step(finding).map(|step| text::start(&step, STEP, "…"));
    let digest = finding.introduced_by.digest.as_deref().or(finding.introduced_by.diff_id.as_deref());
    let known: Vec<String> =
        digest.map(|digest| text::short_digest(digest).to_owned()).into_iter().chain(step).collect();
    match (finding.introduced_by.layer, known.is_empty()) {
        (Some(layer), true) => format!("layer {layer}, {place}"),
        (Some(layer), false) => format!("layer {layer} ({}), {place}", known.join(", ")),
        (None, true) => place,
        (None, false) => format!("{place} ({})", known.join(", ")),
    }
}

/// The build step as its author wrote it; nothing where none is recorded.
pub(super) fn step(finding: &Finding) -> Option<String> {
    finding.introduced_by.created_by.as_deref().map(sanitize::step)
}

/// Who can read the key, and what a removal did not do.
pub(super) fn readers(result: &ImageResult, finding: &Finding) -> String {
    let removed = finding.locations.iter().find_map(|location| location.removed_by.as_ref());
    let (who, its) = match result.pullable_by {
        Some(PullableBy::Anyone) => ("anyone on the internet", "the image's"),
        Some(PullableBy::Network) => ("everyone who reaches the registry", "the image's"),
        Some(PullableBy::Credentials) | None => ("everyone who can pull the image", "its"),
    };
    let whom = match (finding.in_final_image, removed) {
        (true, _) => format!("{who}, and whatever runs in {its} containers"),
        (false, None) => format!("{who} ({its} containers do not see it)"),
        (false, Some(removed)) => format!(
            "{who}: layer {} {}, which hides it from containers only",
            removed.layer,
            what_was_done(&removed.how)
        ),
    };
    format!("by {whom}")
}

/// How a layer took a content away.
pub(crate) fn what_was_done(how: &str) -> &'static str {
    match how {
        "whiteout" => "deletes the file",
        "opaque" => "empties its folder",
        "overwritten" => "overwrites the file",
        "replaced" => "puts something else in its folder's place",
        _ => "takes it away",
    }
}

/// Whether a proven base image brought the key.
pub(crate) fn is_of_base(result: &ImageResult, finding: &Finding) -> bool {
    let origin = finding.introduced_by.layer;
    let layer = origin.and_then(|index| result.layers.iter().find(|layer| layer.index == index));
    layer.is_some_and(|layer| layer.base == Some(true))
}

/// What to change in the build; of a base image, whose build it is. Empty where nothing is known.
pub(crate) fn build<'a>(result: &'a ImageResult, finding: &'a Finding) -> Cow<'a, str> {
    match result.base_image.as_ref().filter(|_| is_of_base(result, finding)) {
        Some(base) => Cow::Owned(format!(
            "It comes from the base image {}: who makes that must take it out; until then, build on another.",
            base.name
        )),
        None => Cow::Borrowed(&finding.remediation.image),
    }
}

/// What to do about the key, in sentences: the next thing first, then what only the build can do.
pub(super) fn advice(result: &ImageResult, finding: &Finding) -> Vec<String> {
    let advice = &finding.remediation;
    let mut lines: Vec<String> = Vec::new();
    let build = build(result, finding).into_owned();
    // Where there are steps of the service's own, the first of them is enough here.
    let revoke = advice.revoke.as_ref().filter(|_| advice.key.as_ref().is_none_or(|key| key.general));
    for line in [Some(&advice.next), revoke, Some(&build)].into_iter().flatten() {
        if !line.is_empty() && !lines.iter().any(|known| known.contains(line.as_str())) {
            lines.push(line.clone());
        }
    }
    lines.iter().map(|line| sentence(line)).collect()
}

/// A line of the catalogue, which has neither a capital letter nor a full stop, between others.
pub(crate) fn sentence(line: &str) -> String {
    let mut chars = line.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if line.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// What could not be read, and where.
pub(super) fn error(error: &ScanError) -> String {
    let layer = error.layer.map(|layer| format!("layer {layer}"));
    let place: Vec<String> = layer.into_iter().chain(error.path.clone()).collect();
    if place.is_empty() { error.message.clone() } else { format!("{}: {}", place.join(", "), error.message) }
}

/// A time to the second, as RFC 3339 has it.
pub(super) fn utc(time: OffsetDateTime) -> String {
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}

/// The thresholds in words.
pub(super) fn limits(threshold: &Threshold) -> String {
    let confidence = format!("{} confidence", threshold.min_confidence.word());
    match threshold.fail_on.severity() {
        Some(severity) => format!("{} severity or {confidence}", severity.word()),
        None => confidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn places_are_named_as_people_name_them() {
        assert_eq!(place(&fixture::file(3, "/app/.env", 7)), "/app/.env:7");
        assert_eq!(place(&fixture::place(Place::Env, "TOKEN")), "environment variable TOKEN");
        assert_eq!(place(&fixture::place(Place::Config, "")), "config");
        let mut inner = fixture::file(3, "/app/a.jar", 7);
        inner.inner = vec!["b.properties".into()];
        (inner.line, inner.decoded) = (None, vec!["base64".into()]);
        assert_eq!(place(&inner), "/app/a.jar!b.properties at byte 80 (inside base64)");
    }

    #[test]
    fn advice_is_told_in_sentences() {
        assert_eq!(sentence("revoke it (https://acme.example)"), "Revoke it (https://acme.example).");
        assert_eq!(sentence("Revoke the key."), "Revoke the key.");
        let mut finding = fixture::finding(1);
        finding.remediation.revoke = Some("Revoke the key in the MessageBird dashboard".into());
        assert_eq!(
            advice(&fixture::image("a"), &finding).len(),
            2,
            "what is in the first line is not told twice"
        );
    }

    #[test]
    fn a_repository_has_neither_tag_nor_digest() {
        let of = |reference: &str| {
            let mut result = fixture::image("app.tar");
            result.reference = Some(reference.into());
            repository(&result).to_owned()
        };
        assert_eq!(of("registry.example:5000/team/shop:1.4"), "registry.example:5000/team/shop");
        assert_eq!(of("registry.example:5000/team/shop@sha256:00"), "registry.example:5000/team/shop");
        assert_eq!(of("registry.example:5000/shop"), "registry.example:5000/shop");
        assert_eq!(repository(&fixture::image("app.tar")), "app.tar");
    }
}
