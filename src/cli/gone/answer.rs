//! What was found of a key in a repository.

use serde::Serialize;

use crate::cli::exit_status::ExitStatus;
use crate::cli::explain::page::Page;
use crate::report::text::{count, short_digest};

/// Entries of a list that are written; JSON has all.
const ENTRIES: usize = 100;

/// Whether a key is gone.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    version: &'static str,
    /// The key.
    pub(super) fingerprint: String,
    /// What it is called, where that is known.
    pub(super) name: Option<String>,
    /// Registry and repository.
    pub(super) repository: String,
    /// Whether nothing serves it any more, and everything was read.
    gone: bool,
    /// The images that tags lead to.
    pub(super) tags: Vec<Tag>,
    /// What no tag leads to, and the registry has all the same.
    pub(super) stored: Vec<Stored>,
    /// Manifests and layers that held it and that the registry has no more.
    pub(super) asked: usize,
    /// What could not be read.
    pub(super) failed: Vec<String>,
}

/// An image that a tag leads to.
#[derive(Debug, Serialize)]
pub(super) struct Tag {
    /// The repository with the tag.
    pub(super) name: String,
    pub(super) platform: Option<String>,
    /// Digest of the manifest.
    pub(super) digest: Option<String>,
    /// Whether all of it was read.
    pub(super) complete: bool,
    /// Where the key stands; empty where it does not.
    pub(super) places: Vec<Place>,
}

/// Where the key stands in an image.
#[derive(Debug, Default, Serialize)]
pub(super) struct Place {
    pub(super) detector: String,
    /// Index of the layer that brought it; null where only the config holds it.
    pub(super) layer: Option<usize>,
    pub(super) layer_digest: Option<String>,
    /// The first place.
    pub(super) place: String,
    /// How many others there are.
    pub(super) more: usize,
}

/// A manifest or layer that is there without a tag.
#[derive(Debug, Serialize)]
pub(super) struct Stored {
    /// `manifest` or `layer`.
    pub(super) kind: &'static str,
    pub(super) digest: String,
}

impl Answer {
    pub(super) fn new(fingerprint: &str, repository: &str) -> Self {
        Self {
            version: "1",
            fingerprint: fingerprint.to_owned(),
            name: None,
            repository: repository.to_owned(),
            gone: false,
            tags: Vec::new(),
            stored: Vec::new(),
            asked: 0,
            failed: Vec::new(),
        }
    }

    fn serving(&self) -> impl Iterator<Item = &Tag> {
        self.tags.iter().filter(|tag| !tag.places.is_empty())
    }

    fn unread(&self) -> Vec<String> {
        let partly = self.tags.iter().filter(|tag| !tag.complete && tag.places.is_empty());
        let partly = partly.map(|tag| format!("{}: not all of it could be read", tag.shown()));
        self.failed.iter().cloned().chain(partly).collect()
    }

    /// Found, or not everything was read, or gone; decides what the answer says.
    pub(super) fn status(&mut self) -> ExitStatus {
        let is_served = self.serving().next().is_some() || !self.stored.is_empty();
        self.gone = !is_served && self.unread().is_empty();
        match (is_served, self.gone) {
            (true, _) => ExitStatus::Found,
            (false, true) => ExitStatus::Clean,
            // Not one tag could be looked at.
            (false, false) if self.tags.is_empty() => ExitStatus::Failed,
            (false, false) => ExitStatus::Incomplete,
        }
    }

    /// The answer for people.
    pub(super) fn page(&self) -> Page {
        let mut page = Page::default();
        let what = self.name.as_ref().map_or_else(|| "the key".to_owned(), |name| format!("the {name}"));
        let (all, serving) = (names(self.tags.iter()), names(self.serving()));
        let title = if serving > 0 {
            format!(
                "Still served: {serving} of {} of {} {} {what}",
                count(all, "tag"),
                self.repository,
                verb(serving)
            )
        } else if !self.stored.is_empty() {
            format!("Still stored: no tag of {} leads to {what}, but the registry has it", self.repository)
        } else if self.gone {
            format!("Gone: none of {} of {} serves {what}", count(all, "tag"), self.repository)
        } else {
            format!("Not proven: not everything of {} could be read", self.repository)
        };
        page.title(&title);
        page.fact("Key", &self.fingerprint);
        page.fact("Next", &self.next(serving));
        let lines = self.serving().flat_map(|tag| tag.places.iter().map(|place| tag.line(place)));
        listed(&mut page, "Served by", lines.collect());
        listed(&mut page, "Stored without a tag", self.stored.iter().map(Stored::line).collect());
        listed(&mut page, "Not read", self.unread());
        let mut clean: Vec<&str> =
            self.tags.iter().filter(|tag| tag.places.is_empty() && tag.complete).map(Tag::tag).collect();
        let holding: Vec<&str> = self.serving().map(Tag::tag).collect();
        clean.retain(|tag| !holding.contains(tag));
        clean.dedup();
        if !clean.is_empty() {
            let shown: Vec<&str> = clean.iter().take(ENTRIES).copied().collect();
            let more = clean.len() - shown.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            listed(&mut page, "Free of it", vec![format!("{}{more}", shown.join(", "))]);
        }
        if self.asked > 0 {
            let gone = self.asked;
            listed(
                &mut page,
                "Deleted",
                vec![format!("manifests and layers that held it and that the registry has no more: {gone}")],
            );
        }
        page
    }

    fn next(&self, serving: usize) -> String {
        if serving > 0 {
            return "build these tags anew without it, then delete the old manifests, and have the registry collect its garbage"
                .to_owned();
        }
        if !self.stored.is_empty() {
            return "delete these manifests by their digest, then have the registry collect its garbage: whoever knows a digest \
                    can pull it"
                .to_owned();
        }
        if self.gone {
            return "who pulled an image before has the key still: it must be revoked all the same"
                .to_owned();
        }
        "look at what could not be read, and run this again".to_owned()
    }
}

/// Distinct tags; those of several platforms stand together.
fn names<'a>(tags: impl Iterator<Item = &'a Tag>) -> usize {
    let mut names: Vec<&str> = tags.map(|tag| tag.name.as_str()).collect();
    names.dedup();
    names.len()
}

fn verb(number: usize) -> &'static str {
    if number == 1 { "serves" } else { "serve" }
}

fn listed(page: &mut Page, heading: &str, entries: Vec<String>) {
    if entries.is_empty() {
        return;
    }
    let more = entries.len().saturating_sub(ENTRIES);
    let mut shown: Vec<String> = entries.into_iter().take(ENTRIES).collect();
    shown.extend((more > 0).then(|| format!("and {more} more (--format json has all)")));
    page.list(heading, shown);
}

impl Tag {
    fn shown(&self) -> String {
        let platform = self.platform.as_ref().map_or_else(String::new, |platform| format!(" ({platform})"));
        format!("{}{platform}", self.name)
    }

    /// The tag alone.
    fn tag(&self) -> &str {
        self.name.rsplit(':').next().unwrap_or_default()
    }

    fn line(&self, place: &Place) -> String {
        let digest =
            self.digest.as_ref().map_or_else(String::new, |digest| format!(" {}", short_digest(digest)));
        let layer = match (place.layer, &place.layer_digest) {
            (Some(layer), Some(digest)) => format!("layer {layer} {}", short_digest(digest)),
            (Some(layer), None) => format!("layer {layer}"),
            (None, _) => "its config".to_owned(),
        };
        let more =
            if place.more > 0 { format!(" and {}", count(place.more, "more place")) } else { String::new() };
        let at = if place.place.is_empty() { String::new() } else { format!(": {}", place.place) };
        format!("{}{digest}, {layer}{at}{more}", self.shown())
    }
}

impl Stored {
    fn line(&self) -> String {
        match self.kind {
            "manifest" => format!("manifest {}: it can be pulled by its digest", self.digest),
            kind => format!("{kind} {}: no tag leads to it, and it is not deleted", self.digest),
        }
    }
}
