//! Edits of a text as a unified diff. What was redacted of the text is redacted in every line of it, wherever an edit
//! has left a part of it standing.

use std::fmt::Write as _;
use std::ops::Range;

/// A change of a text: what stands in a range of it gives way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// What stands there from now on.
    pub with: String,
}

/// A text as it may be shown: what is covered is replaced. Covers are in order and apart.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The text.
    pub text: &'a str,
    /// What is covered of it, and what is shown instead.
    pub covers: &'a [(Range<usize>, String)],
}

/// How a diff is headed, and what it shows around the changes.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    /// Behind `---`.
    pub old: &'a str,
    /// Behind `+++`.
    pub new: &'a str,
    /// How a hunk is headed that begins at this line, from 0; with line numbers, as `patch` reads it, without.
    pub head: Option<&'a dyn Fn(usize) -> String>,
}

/// Lines of a diff around each change.
const CONTEXT: usize = 3;

/// A part of the new text: kept of the old one, or written.
enum Piece<'a> {
    Kept(Range<usize>),
    Written(&'a str),
}

/// Lines that give way to others.
struct Change {
    /// Lines of the old text, from 0.
    old: Range<usize>,
    /// As they are, and as they may be shown.
    new: Vec<(String, String)>,
}

/// The diff of `edits`, which are in order and apart; none where they change nothing.
pub fn unified(shown: Shown<'_>, edits: &[Edit], form: &Form<'_>) -> Option<String> {
    let lines = line_ranges(shown.text);
    let changes = changes(shown, edits, &lines, form.head.is_none());
    let mut out = format!("--- {}\n+++ {}\n", form.old, form.new);
    let mut shift = 0_isize;
    let context = if form.head.is_some() { 0 } else { CONTEXT };
    let mut rest = changes.as_slice();
    while let Some(first) = rest.first() {
        let near = rest.windows(2).take_while(|two| match two {
            [one, next] => form.head.is_none() && next.old.start - one.old.end <= 2 * context,
            _ => false,
        });
        let (hunk, others) = rest.split_at(near.count() + 1);
        rest = others;
        let last = hunk.last().map_or(first.old.end, |change| change.old.end);
        let old = first.old.start.saturating_sub(context)..(last + context).min(lines.len());
        let added: usize = hunk.iter().map(|change| change.new.len()).sum();
        let removed: usize = hunk.iter().map(|change| change.old.len()).sum();
        let new_length = old.len() + added - removed;
        match form.head {
            Some(head) => writeln!(out, "{}", head(first.old.start)).ok()?,
            None => {
                let from = |start: usize, length: usize| if length == 0 { start } else { start + 1 };
                let new_start = old.start.saturating_add_signed(shift);
                writeln!(
                    out,
                    "@@ -{},{} +{},{} @@",
                    from(old.start, old.len()),
                    old.len(),
                    from(new_start, new_length),
                    new_length
                )
                .ok()?;
            }
        }
        shift += added.cast_signed() - removed.cast_signed();
        let mut at = old.start;
        for change in hunk {
            put_old(&mut out, ' ', shown, &lines, at..change.old.start);
            put_old(&mut out, '-', shown, &lines, change.old.clone());
            change.new.iter().for_each(|(_, line)| put(&mut out, '+', line));
            at = change.old.end;
        }
        put_old(&mut out, ' ', shown, &lines, at..old.end);
    }
    (!changes.is_empty()).then_some(out)
}

/// The text with its edits.
pub fn edited(text: &str, edits: &[Edit]) -> String {
    let pieces = pieces(0..text.len(), edits);
    let text = |piece: &Piece<'_>| match piece {
        Piece::Kept(range) => text.get(range.clone()).unwrap_or_default().to_owned(),
        Piece::Written(text) => (*text).to_owned(),
    };
    pieces.iter().map(text).collect()
}

/// The lines of a text, each with what ends it.
fn line_ranges(text: &str) -> Vec<Range<usize>> {
    let mut at = 0;
    let range = |line: &str| {
        at += line.len();
        at - line.len()..at
    };
    text.split_inclusive('\n').map(range).collect()
}

/// What the edits change, in order; `joined`: changes of neighbouring lines are one.
fn changes(shown: Shown<'_>, edits: &[Edit], lines: &[Range<usize>], joined: bool) -> Vec<Change> {
    // What is added behind a last line without an end belongs to it.
    let most = lines.len() - usize::from(!shown.text.is_empty() && !shown.text.ends_with('\n'));
    let line_of = |at: usize| lines.partition_point(|line| line.end <= at).min(most);
    let mut changes: Vec<Change> = Vec::new();
    let mut at = 0;
    while let Some(first) = edits.get(at) {
        let start = line_of(first.range.start);
        let (mut end, mut next) = (start, at);
        // Edits of one line are one change.
        while let Some(edit) = edits.get(next).filter(|edit| next == at || line_of(edit.range.start) < end) {
            let last = line_of(edit.range.end.max(edit.range.start + 1) - 1) + 1;
            end = end.max(last.max(line_of(edit.range.start) + 1)).min(lines.len());
            next += 1;
        }
        let from = lines.get(start).map_or(shown.text.len(), |line| line.start);
        let to = end.checked_sub(1).and_then(|last| lines.get(last)).map_or(from, |line| line.end.max(from));
        let new = new_lines(shown, &pieces(from..to, edits.get(at..next).unwrap_or_default()));
        if let Some(change) = trimmed(shown.text, lines, Change { old: start..end.max(start), new }) {
            match changes.last_mut() {
                Some(last) if joined && last.old.end == change.old.start => {
                    last.old.end = change.old.end;
                    last.new.extend(change.new);
                }
                _ => changes.push(change),
            }
        }
        at = next.max(at + 1);
    }
    changes
}

/// A change without the lines at its ends that stay as they are.
fn trimmed(text: &str, lines: &[Range<usize>], mut change: Change) -> Option<Change> {
    let is_same = |line: usize, new: Option<&(String, String)>| {
        let old = lines.get(line).and_then(|range| text.get(range.clone()));
        old.is_some() && old == new.map(|(line, _)| line.as_str())
    };
    while !change.old.is_empty() && is_same(change.old.start, change.new.first()) {
        change.old.start += 1;
        change.new.remove(0);
    }
    while !change.old.is_empty() && is_same(change.old.end - 1, change.new.last()) {
        change.old.end -= 1;
        change.new.pop();
    }
    (!change.old.is_empty() || !change.new.is_empty()).then_some(change)
}

fn pieces(range: Range<usize>, edits: &[Edit]) -> Vec<Piece<'_>> {
    let (mut pieces, mut at) = (Vec::new(), range.start);
    for edit in edits {
        pieces.push(Piece::Kept(at..edit.range.start.max(at)));
        pieces.push(Piece::Written(&edit.with));
        at = edit.range.end.max(at);
    }
    pieces.push(Piece::Kept(at..range.end.max(at)));
    pieces
}

fn new_lines(shown: Shown<'_>, pieces: &[Piece<'_>]) -> Vec<(String, String)> {
    let mut lines = vec![(String::new(), String::new())];
    let mut add = |plain: &str, seen: &str| {
        if let Some((line, shown)) = lines.last_mut() {
            line.push_str(plain);
            shown.push_str(seen);
        }
        if plain.ends_with('\n') {
            lines.push((String::new(), String::new()));
        }
    };
    for piece in pieces {
        match piece {
            Piece::Kept(range) => {
                let mut at = range.start;
                for line in shown.text.get(range.clone()).unwrap_or_default().split_inclusive('\n') {
                    add(line, &shown.part(at..at + line.len()));
                    at += line.len();
                }
            }
            Piece::Written(text) => text.split_inclusive('\n').for_each(|line| add(line, line)),
        }
    }
    lines.retain(|(line, _)| !line.is_empty());
    lines
}

impl Shown<'_> {
    /// A part of one line as it may be shown; the end of the line is never covered.
    fn part(&self, range: Range<usize>) -> String {
        let text = |range: Range<usize>| {
            String::from_utf8_lossy(self.text.as_bytes().get(range).unwrap_or_default()).into_owned()
        };
        let first = self.covers.partition_point(|(cover, _)| cover.end <= range.start);
        let (mut out, mut at) = (String::new(), range.start);
        for (cover, instead) in
            self.covers.iter().skip(first).take_while(|(cover, _)| cover.start < range.end)
        {
            out.push_str(&text(at..cover.start.max(at)));
            let is_whole = cover.start >= range.start && cover.end <= range.end;
            out.push_str(if is_whole { instead } else { "…" });
            at = cover.end.min(range.end);
        }
        out.push_str(&text(at..range.end));
        let ends = self.text.as_bytes().get(range.end.wrapping_sub(1)) == Some(&b'\n');
        if ends && !out.ends_with('\n') {
            out.push('\n');
        }
        out
    }
}

fn put_old(out: &mut String, mark: char, shown: Shown<'_>, lines: &[Range<usize>], range: Range<usize>) {
    for line in lines.get(range).unwrap_or_default() {
        put(out, mark, &shown.part(line.clone()));
    }
}

fn put(out: &mut String, mark: char, line: &str) {
    out.push(mark);
    out.push_str(line);
    if !line.ends_with('\n') {
        out.push_str("\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form<'_> = Form { old: "a/x", new: "b/x", head: None };

    fn edit(text: &str, from: &str, with: &str) -> Edit {
        let start = text.find(from).expect("in the text");
        Edit { range: start..start + from.len(), with: with.to_owned() }
    }

    fn diff(text: &str, edits: &[Edit]) -> String {
        unified(Shown { text, covers: &[] }, edits, &FORM).unwrap_or_default()
    }

    /// What `patch` makes of the diff.
    fn patched(text: &str, diff: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("x"), text).expect("a file");
        std::fs::write(at("d"), diff).expect("a file");
        let output = std::process::Command::new("patch")
            .args(["--binary", "-p1", "--fuzz=0", "-i", "d"])
            .current_dir(folder.path())
            .output()
            .expect("patch is needed here");
        assert!(output.status.success(), "{}{diff}", String::from_utf8_lossy(&output.stdout));
        std::fs::read_to_string(at("x")).expect("a file")
    }

    #[test]
    fn a_diff_has_three_lines_around_each_change() {
        let text = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n10\n11\n12\n13\n";
        let edits = [edit(text, "5\n", ""), edit(text, "12", "twelve\nand")];
        assert_eq!(
            diff(text, &edits),
            "--- a/x\n+++ b/x\n@@ -2,7 +2,6 @@\n 2\n 3\n 4\n-5\n 6\n 7\n 8\n@@ -10,5 +9,6 @@\n 10\n 10\n 11\n-12\n+twelve\n+and\n 13\n"
        );
        assert_eq!(diff(text, &[]), "");
        assert_eq!(diff(text, &[edit(text, "5", "5")]), "");
    }

    #[test]
    fn patch_makes_the_new_text_of_the_old_one() {
        for text in
            ["a\nb\nc\nd\n", "a\nb\nc\nd", "a\r\nb\r\nc\r\nd\r\n", "a", "ü\nb\n\n\nc\nd\ne\nf\ng\nh\na\n"]
        {
            let all = [
                vec![edit(text, "a", "")],
                vec![Edit { range: 0..0, with: "new\n".to_owned() }],
                vec![Edit { range: text.len()..text.len(), with: "more".to_owned() }],
                vec![Edit { range: 0..text.len(), with: "all\n".to_owned() }],
                vec![
                    Edit { range: 0..0, with: "x".to_owned() },
                    Edit { range: text.len() - 1..text.len(), with: "y\nz".to_owned() },
                ],
            ];
            for edits in all {
                let expected = edited(text, &edits);
                assert_eq!(patched(text, &diff(text, &edits)), expected, "{text:?} {edits:?}");
            }
        }
    }

    #[test]
    fn what_is_covered_is_covered_in_every_line() {
        let text = "a key1\nkey2 b\nc secret d\n";
        let covers = [(2..11, "k…".to_owned()), (16..22, "s…".to_owned())];
        let shown = Shown { text, covers: &covers };
        let edits = [edit(text, " b", " new"), edit(text, "c s", "x s")];
        assert_eq!(
            unified(shown, &edits, &FORM).expect("a diff"),
            "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a …\n-… b\n-c s… d\n+… new\n+x s… d\n"
        );
    }

    #[test]
    fn without_numbers_a_hunk_is_headed_in_words() {
        let head = |line: usize| format!("@@ step {line} @@");
        let form = Form { old: "old", new: "new", head: Some(&head) };
        let (text, covers) = ("a\nb\nc\n", []);
        let edits = [edit(text, "b", "x"), edit(text, "c\n", "")];
        let diff = unified(Shown { text, covers: &covers }, &edits, &form);
        assert_eq!(diff.as_deref(), Some("--- old\n+++ new\n@@ step 1 @@\n-b\n+x\n@@ step 2 @@\n-c\n"));
    }
}
