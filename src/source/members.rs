//! The members of an archive by name, whichever way it was read: normalised names, links inside the
//! archive, and members that stand there twice.

use std::collections::HashMap;

use crate::image::manifest::{BlobKey, ImageError};
use crate::limits::{ARCHIVE_MEMBERS, ARCHIVE_WARNINGS, MEMBER_LINKS, MEMBER_NAME};

use super::store::MemberError;

/// Which of several members of one name counts. `docker load` unpacks, so that the last one stays;
/// skopeo reads the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// As `docker load`.
    Last,
    /// As skopeo.
    First,
}

/// A table of members. `B` says where a body is.
#[derive(Debug)]
pub(super) struct Members<B> {
    by_name: HashMap<String, Vec<Slot<B>>>,
    count: usize,
    twice: bool,
    warnings: Vec<String>,
    more_warnings: usize,
    damage: Vec<ImageError>,
}

/// What stands under a name.
#[derive(Debug)]
pub(super) enum Slot<B> {
    /// A regular file.
    File(B),
    /// Another name of the member.
    Link(String),
    /// Something that has no bytes, or must not be read; the text says why.
    Unreadable(String),
}

impl<B> Members<B> {
    pub(super) fn new() -> Self {
        Self {
            by_name: HashMap::new(),
            count: 0,
            twice: false,
            warnings: Vec::new(),
            more_warnings: 0,
            damage: Vec::new(),
        }
    }

    /// Adds a member and returns the key of its body, or `None` where there are too many.
    pub(super) fn add(&mut self, name: &str, slot: Slot<B>) -> Option<BlobKey> {
        if self.count >= ARCHIVE_MEMBERS {
            if self.count == ARCHIVE_MEMBERS {
                self.count += 1;
                self.damaged("limit", format!("the archive has more than {ARCHIVE_MEMBERS} members"));
            }
            return None;
        }
        self.count += 1;
        let slots = self.by_name.entry(name.to_owned()).or_default();
        slots.push(slot);
        let occurrence = slots.len();
        if occurrence > 1 {
            self.twice = true;
            self.warn(format!("member {name} stands in the archive {occurrence} times: each reading is scanned"));
        }
        Some(key_of(name, occurrence - 1))
    }

    /// Whether some name stands there twice, so that readers may disagree.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.twice
    }

    /// The key and body behind a name, links followed.
    pub(super) fn find(&self, name: &str, reading: Reading) -> Result<(BlobKey, &B), MemberError> {
        let mut name = name;
        for _ in 0..MEMBER_LINKS {
            let slots = self.by_name.get(name).ok_or(MemberError::Missing)?;
            let at = match reading {
                Reading::First => 0,
                Reading::Last => slots.len().saturating_sub(1),
            };
            match slots.get(at).ok_or(MemberError::Missing)? {
                Slot::File(body) => return Ok((key_of(name, at), body)),
                Slot::Link(target) => name = target,
                Slot::Unreadable(why) => return Err(MemberError::Refused(why.clone())),
            }
        }
        Err(MemberError::Refused("is behind links that lead in a circle, or too many of them".to_owned()))
    }

    /// The body of a key that [`Self::find`] gave.
    pub(super) fn body(&self, key: &BlobKey) -> Option<&B> {
        let (name, occurrence) = match key.0.split_once("//") {
            Some((name, number)) => (name, number.parse::<usize>().ok()?.checked_sub(1)?),
            None => (key.0.as_str(), 0),
        };
        match self.by_name.get(name)?.get(occurrence)? {
            Slot::File(body) => Some(body),
            Slot::Link(_) | Slot::Unreadable(_) => None,
        }
    }

    /// Notes something odd.
    pub(super) fn warn(&mut self, text: String) {
        if self.warnings.len() < ARCHIVE_WARNINGS {
            self.warnings.push(text);
        } else {
            self.more_warnings += 1;
        }
    }

    /// Notes a loss that may concern every image of the archive.
    pub(super) fn damaged(&mut self, reason: &'static str, message: String) {
        if self.damage.len() < ARCHIVE_WARNINGS {
            self.damage.push(ImageError { layer: None, reason, message });
        }
    }

    /// Takes over what was noted in another table.
    pub(super) fn take_notes(&mut self, notes: Self) {
        for error in notes.damage {
            self.damaged(error.reason, error.message);
        }
        notes.warnings.into_iter().for_each(|text| self.warn(text));
        self.more_warnings += notes.more_warnings;
    }

    pub(super) fn damage(&self) -> &[ImageError] {
        &self.damage
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut all = self.warnings.clone();
        if self.more_warnings > 0 {
            all.push(format!("{} more oddities of the archive", self.more_warnings));
        }
        all
    }
}

/// Keys of later members of one name end in their number; normalised names hold no `//`.
fn key_of(name: &str, occurrence: usize) -> BlobKey {
    match occurrence {
        0 => BlobKey(name.to_owned()),
        _ => BlobKey(format!("{name}//{}", occurrence + 1)),
    }
}

/// A recorded name as a relative path; `None` for the root itself. `Err` says what is wrong with it.
pub(super) fn normalise(recorded: &[u8]) -> Result<Option<String>, &'static str> {
    if recorded.len() > MEMBER_NAME {
        return Err("is too long");
    }
    let text = std::str::from_utf8(recorded).map_err(|_| "is not UTF-8")?;
    if text.contains('\0') {
        return Err("holds a NUL");
    }
    join("", text)
}

/// What a link named `name` with the recorded target `target` leads to. Targets of symbolic links are
/// relative to the link's folder, those of hard links to the archive.
pub(super) fn link_target<B>(name: &str, target: &[u8], symbolic: bool) -> Slot<B> {
    let refuse = |why: &str| Slot::Unreadable(format!("is a link whose target {why}"));
    if target.len() > MEMBER_NAME {
        return refuse("is too long");
    }
    let Ok(target) = std::str::from_utf8(target) else { return refuse("is not UTF-8") };
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let base = if symbolic && !target.starts_with('/') { folder } else { "" };
    match join(base, target) {
        Ok(Some(path)) => Slot::Link(path),
        Ok(None) => refuse("is a folder"),
        Err(why) => refuse(why),
    }
}

fn join(base: &str, path: &str) -> Result<Option<String>, &'static str> {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or("leads out of the archive")?;
            }
            part => parts.push(part),
        }
    }
    Ok((!parts.is_empty()).then(|| parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        for (recorded, name) in [("./a/b", "a/b"), ("/a//b/", "a/b"), ("a/./b/../c", "a/c")] {
            assert_eq!(normalise(recorded.as_bytes()), Ok(Some(name.to_owned())));
        }
        assert_eq!(normalise(b"./"), Ok(None));
        for recorded in ["../a", "a/../../b", "/..", "a\0b"] {
            assert!(normalise(recorded.as_bytes()).is_err(), "{recorded}");
        }
        assert!(normalise(&[0xff]).is_err());
        assert!(normalise(&vec![b'a'; MEMBER_NAME + 1]).is_err());
    }

    #[test]
    fn links_lead_to_members_only() {
        let mut members = Members::new();
        members.add("abc.tar", Slot::File(7));
        members.add("old/layer.tar", link_target("old/layer.tar", b"../abc.tar", true));
        members.add("hard.tar", link_target("hard.tar", b"old/layer.tar", false));
        members.add("out.tar", link_target("out.tar", b"../../etc/passwd", true));
        members.add("one", link_target("one", b"two", true));
        members.add("two", link_target("two", b"one", true));
        let (key, body) = members.find("hard.tar", Reading::Last).expect("two links");
        assert_eq!((key.0.as_str(), *body), ("abc.tar", 7));
        for name in ["out.tar", "one"] {
            assert!(matches!(members.find(name, Reading::Last), Err(MemberError::Refused(_))), "{name}");
        }
        assert!(matches!(members.find("none", Reading::Last), Err(MemberError::Missing)));
    }

    #[test]
    fn keeps_members_of_one_name_apart() {
        let mut members = Members::new();
        let first = members.add("a/b", Slot::File("first")).expect("a key");
        let last = members.add("a/b", Slot::File("last")).expect("a key");
        assert_eq!((first.0.as_str(), last.0.as_str()), ("a/b", "a/b//2"));
        assert!(members.is_ambiguous() && members.warnings().len() == 1);
        assert_eq!(members.find("a/b", Reading::Last).map(|(key, body)| (key, *body)).ok(), Some((last.clone(), "last")));
        assert_eq!(members.find("a/b", Reading::First).map(|(key, body)| (key, *body)).ok(), Some((first.clone(), "first")));
        assert_eq!((members.body(&first), members.body(&last)), (Some(&"first"), Some(&"last")));
    }
}
