//! The whole advice on a key in parts with headings, for every format that has the room.

use super::describe::sentence;
use super::model::{Guide, Remediation};

/// A part of the advice.
pub(crate) struct Part {
    pub(crate) heading: &'static str,
    /// Whether its entries are steps, one after another.
    pub(crate) ordered: bool,
    /// Sentences; what stands between backticks is code.
    pub(crate) entries: Vec<String>,
}

/// All of the advice: on the key, and where the reader gets to it on the image.
pub(crate) fn whole(remediation: &Remediation, image: Option<Part>) -> Vec<Part> {
    let none = Guide::default();
    let guide = remediation.key.as_deref().unwrap_or(&none);
    let parts = [
        part("What it is", false, about(remediation, guide)),
        part("What whoever holds it can do", false, guide.allows.iter().map(|can| sentence(can)).collect()),
        part("Was it misused?", false, guide.misuse.clone()),
        part("Replace it, in this order", true, replace(guide)),
        part("What stops working", false, guide.breaks.clone()),
        image,
        part("Restrict the next one", false, guide.restrict.clone()),
        part("Whom to tell", false, guide.report.clone()),
        part("How such keys leak", false, guide.leaks.clone()),
        part("Keep the next one out", false, guide.keep_out.clone()),
    ];
    parts.into_iter().flatten().collect()
}

/// The advice on the key itself: the same for all keys of a detector.
pub(crate) fn of_key(remediation: &Remediation) -> Vec<Part> {
    whole(remediation, None)
}

/// The advice on the image that holds the key.
pub(crate) fn of_image(remediation: &Remediation) -> Option<Part> {
    image(remediation.image_steps.clone())
}

/// Steps for an image.
pub(crate) fn image(steps: Vec<String>) -> Option<Part> {
    part("The image, in this order", true, steps)
}

fn part(heading: &'static str, ordered: bool, entries: Vec<String>) -> Option<Part> {
    (!entries.is_empty()).then_some(Part { heading, ordered, entries })
}

fn about(remediation: &Remediation, guide: &Guide) -> Vec<String> {
    let about = Some(guide.about.clone()).filter(|about| !about.is_empty());
    let console = remediation.console.as_ref().map(|console| format!("Such keys are managed at {console}"));
    let docs = guide.docs.as_ref().map(|docs| format!("The service writes about them at {docs}"));
    let general = "What follows is general advice, for this kind of service and key: keyseam knows of no steps of this one's own.";
    let general = guide.general.then(|| general.to_owned());
    about.into_iter().chain(console).chain(docs).chain(general).collect()
}

/// Make, roll out, revoke, and look after it.
fn replace(guide: &Guide) -> Vec<String> {
    let lists = [&guide.make, &guide.roll_out, &guide.revoke, &guide.after];
    let overlap = guide.overlap.iter();
    let outlives = guide.outlives.iter();
    let [make, roll_out, revoke, after] = lists.map(|list| list.iter());
    make.chain(overlap).chain(roll_out).chain(revoke).chain(outlives).chain(after).cloned().collect()
}

/// The parts of an entry: whether each is code, and its text.
pub(crate) fn spans(entry: &str) -> impl Iterator<Item = (bool, &str)> {
    let whole = entry.matches('`').count() % 2 == 1;
    let pieces = entry.split(move |c| c == '`' && !whole);
    pieces.enumerate().map(|(position, text)| (position % 2 == 1, text)).filter(|(_, text)| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_words() {
        let parts = |text| spans(text).collect::<Vec<_>>();
        assert_eq!(parts("call `a b` now"), [(false, "call "), (true, "a b"), (false, " now")]);
        assert_eq!(parts("`a`"), [(true, "a")]);
        assert_eq!(parts("an odd ` mark"), [(false, "an odd ` mark")]);
    }

    #[test]
    fn what_is_not_known_has_no_heading() {
        assert!(of_key(&Remediation::default()).is_empty());
        assert!(of_image(&Remediation::default()).is_none());
    }
}
