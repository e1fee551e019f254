//! From the words of the user to single targets: `--all-tags` makes one of each tag of a repository.

use anyhow::bail;
use oci_client::Reference;

use crate::cli::settings::Settings;
use crate::report::text;
use crate::scan::progress::Progress;
use crate::source::{self, Access};
use crate::target::{Place, Target, reference};

/// A target, or why there is none.
pub(super) struct Asked {
    /// The words that name it, unredacted.
    pub(super) text: String,
    /// What they name.
    pub(super) target: anyhow::Result<Target>,
    /// Whether its findings go into the report, whose size is bounded.
    pub(super) reported: bool,
}

impl Asked {
    /// What a text names.
    pub(super) fn new(text: &str) -> Self {
        let target = Target::parse(text).map_err(Into::into);
        Self { text: text.to_owned(), target, reported: true }
    }
}

/// All targets of the settings, in order.
///
/// # Errors
/// When `--all-tags` is asked for of what has none.
pub(super) fn asked(
    settings: &Settings,
    access: &Access,
    progress: &dyn Progress,
) -> anyhow::Result<Vec<Asked>> {
    if !settings.all_tags {
        return Ok(settings.targets.iter().map(|text| Asked::new(text)).collect());
    }
    let repositories: Vec<(&String, Reference)> =
        settings.targets.iter().map(|text| Ok((text, repository(text)?))).collect::<anyhow::Result<_>>()?;
    let referrers = settings.network.registry.referrers;
    let mut asked = Vec::new();
    for (text, repository) in repositories {
        match source::tags(&repository, access) {
            Ok(tags) => asked.extend(of_tags(text, &repository, tags, referrers, progress)),
            Err(error) => asked.push(failed(text, error.into())),
        }
    }
    Ok(asked)
}

fn failed(text: &str, error: anyhow::Error) -> Asked {
    Asked { text: text.to_owned(), target: Err(error), reported: true }
}

/// The repository that a text names without a tag.
fn repository(text: &str) -> anyhow::Result<Reference> {
    let (Place::Registry(reference) | Place::Reference(reference)) = Target::parse(text)?.place else {
        bail!("--all-tags: {text} is no repository in a registry; name it as docker://HOST/REPOSITORY");
    };
    let name = text.strip_prefix("docker://").unwrap_or(text);
    if name.contains('@') || name.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        bail!("--all-tags: {text} already names one image; name the repository, without a tag or a digest");
    }
    Ok(reference)
}

/// A target a tag. What is attached to images lies under tags of its own, and is left out unless it was
/// asked for.
fn of_tags(
    text: &str,
    repository: &Reference,
    tags: Vec<String>,
    referrers: bool,
    progress: &dyn Progress,
) -> Vec<Asked> {
    let all = tags.len();
    let tags: Vec<String> =
        tags.into_iter().filter(|tag| referrers || !reference::is_attachment(tag)).collect();
    if tags.len() < all {
        let left = text::count(all - tags.len(), "tag");
        progress
            .note(&format!("left out {left} of signatures, SBOMs and attestations; --referrers takes them"));
    }
    if tags.is_empty() {
        return vec![failed(text, anyhow::anyhow!("the repository has no tag of an image"))];
    }
    let tag = |tag: String| {
        let text = format!("{text}:{tag}");
        let name = format!("{}/{}:{tag}", repository.registry(), repository.repository());
        let place = reference::parse(&name).map(Place::Registry);
        let target = place.map(|place| Target { text: text.clone(), place });
        Asked { text, target: target.map_err(|error| anyhow::anyhow!("{error}")), reported: true }
    };
    tags.into_iter().map(tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::progress::Silent;

    #[test]
    fn a_repository_is_named_without_tag_and_digest() {
        let name = |text| repository(text).map(|reference| reference.repository().to_owned()).ok();
        assert_eq!(name("docker://localhost:5000/a/b").as_deref(), Some("a/b"));
        assert_eq!(name("alpine").as_deref(), Some("library/alpine"));
        let digest = format!("alpine@sha256:{}", "0".repeat(64));
        for wrong in ["alpine:3", "docker://localhost:5000/a:1", &digest, "-", "docker-daemon:alpine", "/tmp"]
        {
            let message = repository(wrong).expect_err("refused").to_string();
            assert!(message.starts_with("--all-tags: "), "{message}");
        }
    }

    #[test]
    fn attachments_are_told_by_their_tags() {
        let hex = "0a".repeat(32);
        for end in ["", ".sig", ".att", ".sbom"] {
            assert!(reference::is_attachment(&format!("sha256-{hex}{end}")));
        }
        for other in [&hex[..], "sha256-abc", "latest", &format!("sha256-{}", "x".repeat(64))] {
            assert!(!reference::is_attachment(other), "{other}");
        }
        let repository = "localhost:5000/a".parse().expect("a reference");
        let tags = || vec!["2".to_owned(), format!("sha256-{hex}.sig"), "1".to_owned()];
        let texts = |referrers| {
            let asked = of_tags("docker://localhost:5000/a", &repository, tags(), referrers, &Silent);
            asked.into_iter().map(|asked| asked.text.replace("docker://localhost:5000/a:", "")).collect()
        };
        let (without, with): (Vec<String>, Vec<String>) = (texts(false), texts(true));
        assert_eq!((without, with.len()), (vec!["2".to_owned(), "1".to_owned()], 3));
        let none = of_tags("a", &repository, vec![format!("sha256-{hex}")], false, &Silent);
        assert!(none.len() == 1 && none[0].target.is_err());
    }
}
