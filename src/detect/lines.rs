//! Forms without a literal: in the few files that a definition names, their patterns are tried at the
//! start of every line. They cost nothing elsewhere.

use std::borrow::Cow;
use std::sync::OnceLock;

use globset::{GlobSet, GlobSetBuilder};

use super::detector::Detector;
use super::paths;
use super::{Place, Window};

/// Where the forms without a literal apply: one look at a path for all of them.
pub(super) struct LineForms {
    globs: Vec<String>,
    /// The same, compiled when the first file is searched.
    set: OnceLock<GlobSet>,
    /// By glob: detector and form.
    leads: Vec<LineForm>,
    /// All of them, each once.
    all: Vec<LineForm>,
}

/// Detector and form.
type LineForm = (u16, u16);

impl LineForms {
    /// Those of `detectors` that are `selected`.
    pub(super) fn new(detectors: &[Detector], selected: impl Fn(&Detector) -> bool) -> Self {
        let (mut globs, mut leads) = (Vec::new(), Vec::new());
        for detector in detectors.iter().filter(|detector| selected(detector)) {
            for (form, _) in (0..).zip(&detector.forms).filter(|(_, form)| form.is_of_lines()) {
                for glob in &detector.definition.paths.only {
                    globs.push(glob.clone());
                    leads.push((detector.index.0, form));
                }
            }
        }
        let all = each_once(leads.clone());
        Self { globs, set: OnceLock::new(), leads, all }
    }

    /// All of them, each once.
    pub(super) fn all(&self) -> Cow<'_, [LineForm]> {
        Cow::Borrowed(&self.all)
    }

    fn set(&self) -> &GlobSet {
        self.set.get_or_init(|| compiled(&self.globs).unwrap_or_default())
    }

    /// The forms that apply in the window's content, each once.
    pub(super) fn of(&self, window: &Window<'_>) -> Cow<'_, [LineForm]> {
        if window.place != Place::File || window.path.is_empty() {
            return Cow::Borrowed(&[]);
        }
        let matches = self.set().matches(&*paths::plain(window.path)).into_iter();
        Cow::Owned(each_once(matches.filter_map(|glob| self.leads.get(glob).copied()).collect()))
    }
}

/// What does not compile was refused when its definition was loaded.
fn compiled(globs: &[String]) -> Result<GlobSet, globset::Error> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(paths::compiled(glob)?);
    }
    builder.build()
}

fn each_once(mut forms: Vec<LineForm>) -> Vec<LineForm> {
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Where the line of a file may begin in a text that is none: a command that writes the file quotes it,
/// and a list of words escapes its line feeds.
pub(super) fn starts_in_text(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let behind = text.iter().enumerate().filter_map(|(at, byte)| match byte {
        b'\n' | b'"' | b'\'' => Some(at + 1),
        b'n' if at > 0 && text.get(at - 1) == Some(&b'\\') => Some(at + 1),
        _ => None,
    });
    std::iter::once(0).chain(behind)
}

/// The starts of the lines that begin in the window's own range.
pub(super) fn starts<'w>(window: &'w Window<'_>) -> impl Iterator<Item = usize> + 'w {
    let owned = window.owned.clone();
    // A line begins behind the line feed in front of the range, too.
    let from = owned.start.saturating_sub(1);
    let searched = window.bytes.get(from..owned.end.min(window.bytes.len())).unwrap_or_default();
    let first = (window.starts && owned.start == 0).then_some(0);
    let behind = memchr::memchr_iter(b'\n', searched).map(move |at| from + at + 1);
    first.into_iter().chain(behind).filter(move |at| owned.contains(at))
}

#[cfg(test)]
mod tests {
    use super::{starts, starts_in_text};
    use crate::detect::{Place, Window};

    fn found(text: &str, owned: std::ops::Range<usize>, starts_content: bool) -> Vec<usize> {
        let (bytes, place) = (text.as_bytes(), Place::File);
        let window = Window { bytes, owned, starts: starts_content, ends: true, place, path: b"" };
        starts(&window).collect()
    }

    #[test]
    fn every_line_begins_in_one_range() {
        assert_eq!(found("ab\ncd\n\ne", 0..8, true), [0, 3, 6, 7]);
        assert_eq!(found("ab\ncd\n\ne", 0..3, true), [0]);
        assert_eq!(found("ab\ncd\n\ne", 3..8, true), [3, 6, 7]);
        assert_eq!(found("ab\ncd\n\ne", 4..8, true), [6, 7]);
    }

    #[test]
    fn a_command_that_writes_a_line_holds_its_start() {
        let found: Vec<usize> = starts_in_text(b"echo 'a' b\\nc\nd").collect();
        assert_eq!(found, [0, 6, 8, 12, 14]);
    }

    #[test]
    fn a_window_in_the_middle_of_a_line_begins_none() {
        assert_eq!(found("ab\ncd", 0..5, false), [3]);
        assert!(found("", 0..0, true).is_empty());
    }
}
