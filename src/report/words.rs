//! What the reports for people, the table and the page, say alike of an image and of a key, beside what
//! [`super::describe`] says for every format. Each still has to neutralise and to lay it out.

use super::model::{
    Companion, Finding, ImageResult, Layer, Owner, PullableBy, SourceKind, Verification, VerificationStatus,
};
use super::{describe, text};
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

/// Who can read `keys` of the image, as the rest of a sentence.
pub(super) fn read_by(result: &ImageResult, keys: usize) -> String {
    let them = if keys == 1 { "it" } else { "all of them" };
    if result.source == SourceKind::Context {
        return format!("an image with these files gives {them} to everyone who can pull it");
    }
    let who = match result.pullable_by {
        Some(PullableBy::Anyone) => "anyone on the internet can pull this image and read",
        Some(PullableBy::Network) => {
            "whoever reaches the registry can pull this image without a password and read"
        }
        Some(PullableBy::Credentials) | None => "everyone who can pull this image can read",
    };
    format!("{who} {them}")
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
        SourceKind::Context => "build context",
    }
}

/// What was known of a key before this run.
pub(super) fn known(finding: &Finding) -> Option<String> {
    let known = finding.known.as_ref()?;
    let since = known.since.as_ref().map(|tag| {
        let first = known.first_seen.as_ref().map(|day| format!(", first seen {day}")).unwrap_or_default();
        format!("still unrotated since {tag}{first}")
    });
    let runs = (!known.workloads.is_empty()).then(|| format!("runs as {}", known.workloads.join(", ")));
    let parts: Vec<String> = since.into_iter().chain(runs).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The redacted key; nothing of some may be shown.
pub(super) fn secret(finding: &Finding) -> &str {
    if finding.secret == "…" { "not shown" } else { &finding.secret }
}

/// What a verification found, behind a word about something else.
pub(super) fn verified(finding: &Finding) -> &'static str {
    match finding.verification.status {
        VerificationStatus::Live => ", proven live",
        VerificationStatus::Dead => ", no longer valid",
        VerificationStatus::Unknown | VerificationStatus::Unverified => "",
    }
}

/// What its service said of the key, or why it was not asked; none where nobody wanted to know.
pub(crate) fn verification(verification: &Verification, service: &str) -> Option<String> {
    let Verification { status, reason, request, facts } = verification;
    let said = match (status, reason) {
        (VerificationStatus::Unverified, None) => return None,
        (VerificationStatus::Unverified, Some(reason)) => format!("not asked about: {reason}"),
        (VerificationStatus::Unknown, reason) => {
            let reason = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            format!("unknown{reason}")
        }
        (VerificationStatus::Live, _) => format!("live: {service} takes it"),
        (VerificationStatus::Dead, but) => {
            let but = but.as_ref().map_or_else(String::new, |but| format!(", {but}"));
            format!("dead: {service} does not take it{but}")
        }
    };
    let facts: Vec<String> = facts.iter().map(|(name, fact)| format!("{name} {fact}")).collect();
    let facts = if facts.is_empty() { String::new() } else { format!("; {}", facts.join(", ")) };
    let asked = request.as_ref().map_or_else(String::new, |request| format!("; by {request}"));
    Some(format!("{said}{facts}{asked}"))
}

/// What belongs to the key; and where, if it stands apart.
pub(super) fn beside(companion: &Companion) -> String {
    let apart = companion.locations.first().filter(|_| companion.near != "lines");
    let place = apart.and_then(|location| location.path.as_ref().or(location.name.as_ref()));
    let place = place.map_or_else(String::new, |place| format!(" (in {place})"));
    format!("{} {}{place}", companion.role, companion.value)
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

/// The package that owns the file.
pub(super) fn package(owner: &Owner) -> String {
    let record = if owner.verified { "as packaged" } else { "not shown to be as packaged" };
    format!("{} {} ({}), {record}", owner.package, owner.version, owner.manager)
}

/// What to do about the key itself, the first thing first, nothing twice.
pub(super) fn next(finding: &Finding) -> Vec<&str> {
    let advice = &finding.remediation;
    let revoke = advice.revoke.as_ref().filter(|_| advice.key.as_ref().is_none_or(|key| key.general));
    let more = [revoke, advice.console.as_ref()].into_iter().flatten().map(String::as_str);
    let more = more.filter(|more| !advice.next.contains(more));
    Some(advice.next.as_str()).filter(|next| !next.is_empty()).into_iter().chain(more).collect()
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

/// The requests that a finding's service shows of it, and where they stand in the image.
pub(super) fn used<'a>(result: &'a ImageResult, finding: &'a Finding) -> impl Iterator<Item = String> + 'a {
    result.evidence.iter().filter(|used| used.service == finding.service).map(|used| {
        let place = used.locations.first().map(|location| format!(" ({})", describe::place(location)));
        format!("{}{}", used.url, place.unwrap_or_default())
    })
}

/// That keys were used, where nothing else of the report says so.
pub(super) fn evidence(result: &ImageResult) -> Option<String> {
    let first = result.evidence.first()?;
    let place =
        first.locations.first().map(|location| format!(", the first in {}", describe::place(location)));
    Some(format!(
        "A key was used: {} that {} answered with an error{}.",
        text::count(result.evidence.len(), "request"),
        first.service,
        place.unwrap_or_default()
    ))
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
