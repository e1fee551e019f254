//! What the reports for people say of an image and of a key: whole phrases, as texts that each format
//! still has to neutralise and to lay out.

use super::model::{
    Companion, Finding, ImageResult, Layer, Location, Owner, PullableBy, ScanError, SourceKind,
};
use super::text;
use super::threshold::Threshold;
use crate::detect::Place;

/// Severities as summaries list them, the worst first.
pub(super) const SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "info"];

/// `4 keys`, and of a comparison `4 keys added`.
pub(super) fn keys(count: usize, added: bool) -> String {
    format!("{}{}", text::count(count, "key"), if added { " added" } else { "" })
}

/// The sentence where no finding of the image counts.
pub(super) fn nothing(result: &ImageResult, added: bool) -> String {
    let what = match (result.findings.is_empty(), added) {
        (true, false) => "No keys found",
        (true, true) => "No keys added",
        (false, false) => "Nothing found that counts",
        (false, true) => "Nothing added that counts",
    };
    let end = if result.complete { "." } else { " so far, but the scan is incomplete." };
    format!("{what}{end}")
}

/// Who can read `keys` of them, as the rest of a sentence.
pub(super) fn read_by(pullable_by: Option<PullableBy>, keys: usize) -> String {
    let who = match pullable_by {
        Some(PullableBy::Anyone) => "anyone on the internet can pull this image and read",
        Some(PullableBy::Network) => {
            "whoever reaches the registry can pull this image without a password and read"
        }
        Some(PullableBy::Credentials) | None => "everyone who can pull this image can read",
    };
    format!("{who} {}", if keys == 1 { "it" } else { "all of them" })
}

/// The transport's name.
pub(super) fn source(source: SourceKind) -> &'static str {
    match source {
        SourceKind::Registry => "registry",
        SourceKind::DockerDaemon => "docker-daemon",
        SourceKind::Podman => "podman",
        SourceKind::DockerArchive => "docker-archive",
        SourceKind::OciArchive => "oci-archive",
        SourceKind::OciLayout => "oci",
    }
}

/// The redacted key; nothing of some may be shown.
pub(super) fn secret(finding: &Finding) -> &str {
    if finding.secret == "…" { "not shown" } else { &finding.secret }
}

/// What a verification found, behind a word about something else.
pub(super) fn verified(finding: &Finding) -> &'static str {
    match finding.verification.status {
        "live" => ", proven live",
        "dead" => ", no longer valid",
        _ => "",
    }
}

/// What belongs to the key; and where, if it stands apart.
pub(super) fn beside(companion: &Companion) -> String {
    let apart = companion.locations.first().filter(|_| companion.near != "lines");
    let place = apart.and_then(|location| location.path.as_ref().or(location.name.as_ref()));
    let place = place.map_or_else(String::new, |place| format!(" (in {place})"));
    format!("{} {}{place}", companion.role, companion.value)
}

/// A place: its name (`path`, `environment variable NAME`), which may be shortened, and what stands
/// behind it (`:3`, ` at byte 80`).
pub(super) fn place(location: &Location) -> (String, String) {
    let name = location.name.as_deref().filter(|name| !name.is_empty());
    let what = match (kind(location.kind), name) {
        ("", _) => String::new(),
        (words, Some(name)) if location.path.is_none() => {
            let line = location.line.map_or_else(String::new, |line| format!(":{line}"));
            return (format!("{words} {name}"), line);
        }
        (words, Some(name)) => format!("{words} {name} of "),
        (words, None) if location.path.is_none() => return (words.to_owned(), String::new()),
        (words, None) => format!("{words} "),
    };
    let path = location.path.as_deref().unwrap_or("unnamed file");
    let path =
        [path].into_iter().chain(location.inner.iter().map(String::as_str)).collect::<Vec<_>>().join("!");
    let mut at = match (location.line, location.offset) {
        (Some(line), _) => format!(":{line}"),
        (None, Some(offset)) => format!(" at byte {}", text::grouped(offset)),
        (None, None) => String::new(),
    };
    if !location.decoded.is_empty() {
        at += &format!(" (inside {})", location.decoded.join(", "));
    }
    (format!("{what}{path}"), at)
}

/// The kind of a place, in front of its name; nothing for a file.
fn kind(kind: Place) -> &'static str {
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

/// Where a key stands that no layer brought.
pub(super) fn no_layer(finding: &Finding) -> &'static str {
    let in_attestation = finding.locations.first().is_some_and(|first| first.kind == Place::Attestation);
    if finding.introduced_by.history_index.is_some() {
        "none: the step wrote to the image's config only"
    } else if in_attestation {
        "none: it stands in an attestation of the image"
    } else {
        "none: it stands in the image's config"
    }
}

/// Whose layer it is, where a base is proven.
pub(super) fn whose(layer: &Layer) -> Option<&'static str> {
    layer.base.map(|base| if base { "of the base image" } else { "of this image" })
}

/// A layer's owner in one word: of a comparison, or of a base image.
pub(super) fn owner(layer: &Layer) -> &'static str {
    match (layer.added, layer.base) {
        (Some(true), _) => "new",
        (_, Some(true)) => "base",
        (Some(false), _) => "old",
        (None, Some(false)) => "own",
        (None, None) => "",
    }
}

/// Whether what was there before ends below `newer`: the base image, or the old one.
pub(super) fn is_seam(newer: &Layer, layer: &Layer) -> bool {
    (newer.base == Some(false) && layer.base == Some(true))
        || (newer.added == Some(true) && layer.added == Some(false))
}

/// The layer that brought a key.
pub(super) fn layer_of<'a>(result: &'a ImageResult, finding: &Finding) -> Option<&'a Layer> {
    let index = finding.introduced_by.layer?;
    result.layers.iter().find(|layer| layer.index == index)
}

/// Who can read the key, and what a removal did not do.
pub(super) fn readers(result: &ImageResult, finding: &Finding) -> String {
    let removed = finding.locations.iter().find_map(|location| location.removed_by.as_ref());
    let (who, its) = match result.pullable_by {
        Some(PullableBy::Anyone) => ("anyone on the internet", "the image's"),
        Some(PullableBy::Network) => ("everyone who reaches the registry", "the image's"),
        Some(PullableBy::Credentials) | None => ("everyone who can pull the image", "its"),
    };
    match (finding.in_final_image, removed) {
        (true, _) => format!("by {who}, and whatever runs in {its} containers"),
        (false, None) => format!("by {who} ({its} containers do not see it)"),
        (false, Some(removed)) => format!(
            "by {who}: layer {} {}, which hides it from containers only",
            removed.layer,
            what_was_done(removed.how)
        ),
    }
}

/// How a layer took a content away.
pub(super) fn what_was_done(how: &str) -> &'static str {
    match how {
        "whiteout" => "deletes the file",
        "opaque" => "empties its folder",
        "overwritten" => "overwrites the file",
        "replaced" => "puts something else in its folder's place",
        _ => "takes it away",
    }
}

/// The package that owns the file.
pub(super) fn package(owner: &Owner) -> String {
    let record = if owner.verified { "as packaged" } else { "not shown to be as packaged" };
    format!("{} {} ({}), {record}", owner.package, owner.version, owner.manager)
}

/// What to do about the key itself, the first thing first, nothing twice.
pub(super) fn next(finding: &Finding) -> Vec<&str> {
    let advice = &finding.remediation;
    let more = [&advice.revoke, &advice.console].into_iter().flatten().map(String::as_str);
    let more = more.filter(|more| !advice.next.contains(more));
    Some(advice.next.as_str()).filter(|next| !next.is_empty()).into_iter().chain(more).collect()
}

/// What to change in the build; of a base image, whose build it is.
pub(super) fn build(result: &ImageResult, finding: &Finding) -> Option<String> {
    let in_base = layer_of(result, finding).is_some_and(|layer| layer.base == Some(true));
    if let Some(base) = result.base_image.as_ref().filter(|_| in_base) {
        let name = &base.name;
        return Some(format!(
            "It comes from the base image {name}: who makes that must take it out; until then, build on another."
        ));
    }
    Some(finding.remediation.image.clone()).filter(|advice| !advice.is_empty())
}

/// How much was read.
pub(super) fn read(result: &ImageResult) -> String {
    let stats = &result.stats;
    let cached = match stats.layers_cached {
        0 => String::new(),
        cached => format!(" ({cached} from the cache)"),
    };
    format!(
        "Read {}{cached}, {} and the config: {} scanned in {:.1} s.",
        text::count(result.layers.len(), "layer"),
        text::count(usize::try_from(stats.files).unwrap_or(usize::MAX), "file"),
        text::size(stats.bytes_scanned),
        stats.seconds,
    )
}

/// How much was not, where something was not.
pub(super) fn not_read(result: &ImageResult) -> Option<String> {
    if result.complete && result.errors.is_empty() {
        return None;
    }
    let skipped = match result.stats.bytes_skipped {
        0 => String::new(),
        bytes => format!("; at least {} were not read", text::size(bytes)),
    };
    Some(format!("Incomplete: {}{skipped}.", text::count(result.errors.len(), "error")))
}

/// Where something was not read, and why.
pub(super) fn error(error: &ScanError) -> String {
    let layer = error.layer.map(|layer| format!("layer {layer}"));
    let place: Vec<String> = layer.into_iter().chain(error.path.clone()).collect();
    if place.is_empty() { error.message.clone() } else { format!("{}: {}", place.join(", "), error.message) }
}

/// What was scanned as it lies, where anything was.
pub(super) fn opaque(result: &ImageResult) -> Option<String> {
    let total = result.opaque.by_reason.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    if total == 0 {
        return None;
    }
    let reasons = result.opaque.by_reason.iter().map(|(reason, count)| format!("{count} {reason}"));
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let files = text::count(usize::try_from(total).unwrap_or(usize::MAX), "file");
    Some(format!("Scanned as they are, not opened: {files} ({reasons})."))
}

/// The thresholds below which a finding does not count.
pub(super) fn limits(threshold: Threshold) -> String {
    let confidence = format!("{} confidence", threshold.min_confidence.word());
    match threshold.fail_on.severity() {
        Some(severity) => format!("{} severity or {confidence}", severity.word()),
        None => confidence,
    }
}

/// What a comparison leaves out, and what the old image had alone.
pub(super) fn compared(known: usize, gone: usize) -> String {
    let both = match known {
        0 => "No key is in both".to_owned(),
        1 => "1 key is in both, and left out".to_owned(),
        known => format!("{} are in both, and left out", text::count(known, "key")),
    };
    let gone = match gone {
        0 => "none is gone".to_owned(),
        1 => "1 is gone".to_owned(),
        gone => format!("{} are gone", text::grouped(gone as u64)),
    };
    format!("{both}; {gone}.")
}
