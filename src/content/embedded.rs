//! Containers in the middle of contents that are none: in base64 in any text (a release of Helm is gzip
//! in base64 in base64), a zip behind a script or a program, an archive behind the script that unpacks it.
//!
//! Every content that is no container passes here, so nothing is done byte by byte before something is
//! found. What is found does not depend on how the content was cut.

mod base64;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use base64::Run;

use super::{Fault, Members, Unpack, compressed, zip};

/// How a container begins, and what stands there.
type Needle = (&'static [u8], Kind);

#[derive(Clone, Copy)]
enum Kind {
    /// The container in base64.
    Encoded,
    /// A zip as it is.
    Zip,
    /// Gzip as it is: of three bytes.
    Gzip,
    /// Another compression as it is.
    Compressed,
}

/// What is looked for in every content: gzip, gzip in base64, zip, zstd, xz and bzip2, all in base64; and
/// zip.
const NEEDLES: [Needle; 7] = [
    (b"H4sI", Kind::Encoded),
    (b"SDRzSU", Kind::Encoded),
    (b"UEsDB", Kind::Encoded),
    (b"KLUv", Kind::Encoded),
    (b"/Td6WFo", Kind::Encoded),
    (b"QlpoOTFBWSZTW", Kind::Encoded),
    (b"PK\x03\x04", Kind::Zip),
];

/// What is looked for in scripts besides.
const BEHIND_SCRIPTS: [Needle; 4] = [
    (b"\x1f\x8b\x08", Kind::Gzip),
    (b"\xfd7zXZ\0", Kind::Compressed),
    (b"BZh91AY&SY", Kind::Compressed),
    (b"\x28\xb5\x2f\xfd", Kind::Compressed),
];

static ANYWHERE: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| search(&NEEDLES));
static IN_SCRIPTS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| search(&[NEEDLES.as_slice(), &BEHIND_SCRIPTS].concat()));

fn search(needles: &[Needle]) -> Option<AhoCorasick> {
    let bytes = needles.iter().map(|(bytes, _)| bytes);
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(bytes).ok()
}

/// Bytes from a needle's first on by which it is judged, and in front of it.
const AHEAD: usize = zip::BEGINNING;
const BEFORE: usize = 6;

/// A reader of contents that are no containers.
pub(super) fn embedded() -> Box<dyn Unpack> {
    Box::new(Embedded::default())
}

#[derive(Default)]
struct Embedded {
    state: State,
    /// The last bytes, where it is not clear whether something begins in them.
    held: Vec<u8>,
    /// How many of the held bytes only stand in front of those.
    before: usize,
    /// The first two bytes, which make a script of it.
    first: Vec<u8>,
}

#[derive(Default)]
enum State {
    #[default]
    Searching,
    /// In a stretch of base64.
    Run(Box<Run>),
    /// In a container that goes on to the content's end.
    Inside(Box<dyn Unpack>),
}

impl Unpack for Embedded {
    fn feed(&mut self, bytes: &[u8], members: &mut dyn Members) -> Result<(), Fault> {
        let missing = 2 - self.first.len().min(2);
        self.first.extend(bytes.iter().take(missing));
        self.pass(bytes, false, members)
    }

    fn finish(&mut self, members: &mut dyn Members) -> Result<(), Fault> {
        self.pass(b"", true, members)?;
        match std::mem::take(&mut self.state) {
            State::Searching => Ok(()),
            State::Run(mut run) => run.finish(members),
            State::Inside(mut inside) => inside.finish(members),
        }
    }
}

impl Embedded {
    fn pass(&mut self, bytes: &[u8], last: bool, members: &mut dyn Members) -> Result<(), Fault> {
        let mut at = 0;
        if !self.held.is_empty() {
            // So many behind the held bytes that whatever is undecided then lies in `bytes` alone: these are
            // read where they are, without a copy.
            let (front, behind) = bytes.split_at(bytes.len().min(AHEAD + BEFORE));
            let mut joint = std::mem::take(&mut self.held);
            joint.extend_from_slice(front);
            self.read(&joint, self.before, last && behind.is_empty(), members)?;
            if behind.is_empty() {
                return Ok(());
            }
            at = front.len() - self.held.len().saturating_sub(self.before);
            self.held.clear();
        }
        self.read(bytes, at, last, members)
    }

    /// Reads `all` from `at` on; what stands in front of it was read.
    fn read(
        &mut self,
        all: &[u8],
        mut at: usize,
        last: bool,
        members: &mut dyn Members,
    ) -> Result<(), Fault> {
        loop {
            let rest = all.get(at..).unwrap_or_default();
            match &mut self.state {
                State::Searching => match self.seek(all, at, last) {
                    Some((start, found)) => (at, self.state) = (start, found),
                    None => {
                        self.hold(all, at);
                        return Ok(());
                    }
                },
                State::Run(run) => {
                    let (taken, over) = run.feed(rest, members)?;
                    if !over {
                        return Ok(());
                    }
                    run.finish(members)?;
                    self.state = State::Searching;
                    at += taken;
                }
                State::Inside(inside) => return inside.feed(rest, members),
            }
        }
    }

    /// The first container that begins at `from` or behind it, as far as that can be told.
    fn seek(&self, all: &[u8], from: usize, last: bool) -> Option<(usize, State)> {
        let search = if self.first == b"#!" { &*IN_SCRIPTS } else { &*ANYWHERE };
        let mut from = from;
        while let Some(hit) = search.as_ref()?.find(Input::new(all).range(from..)) {
            let at = hit.start();
            let (before, rest) = all.split_at_checked(at)?;
            if rest.len() < AHEAD && !last {
                return None;
            }
            let (_, kind) = NEEDLES.iter().chain(&BEHIND_SCRIPTS).nth(hit.pattern().as_usize())?;
            let found = match kind {
                Kind::Encoded if begins_token(before) && is_likely(rest) => Some(State::Run(Box::default())),
                Kind::Zip if zip::begins(rest) => Some(State::Inside(zip::zip())),
                Kind::Gzip if !is_likely_gzip(rest) => None,
                Kind::Gzip | Kind::Compressed => {
                    compressed::of(rest).map(|compression| State::Inside(compression.open()))
                }
                Kind::Encoded | Kind::Zip => None,
            };
            if let Some(state) = found {
                return Some((at, state));
            }
            from = at + 1;
        }
        None
    }

    /// Keeps what is not decided yet, of the bytes that were searched from `from` on.
    fn hold(&mut self, all: &[u8], from: usize) {
        let undecided = from.max((all.len() + 1).saturating_sub(AHEAD));
        self.before = undecided.min(BEFORE);
        self.held = all.get(undecided - self.before..).unwrap_or_default().to_vec();
    }
}

/// Whether base64 that follows `before` begins there, and is no part of more.
fn begins_token(before: &[u8]) -> bool {
    if !before.last().is_some_and(u8::is_ascii_alphanumeric) {
        return true;
    }
    // An escape may end in letters: `\n`, `%22`, `\u0022`.
    let behind = |count: usize| before.get(before.len().checked_sub(count)?..);
    matches!(behind(2), Some([b'\\', b'n' | b'r' | b't']))
        || matches!(behind(3), Some([b'%', ..]))
        || matches!(behind(6), Some([b'\\', b'u', ..]))
}

/// Whether the base64 goes on as the header behind the magic does.
fn is_likely(rest: &[u8]) -> bool {
    match rest {
        // Flags of gzip that are in use.
        [b'H', b'4', b's', b'I', flags, ..] => (b'A'..=b'H').contains(flags),
        // The last byte of zstd's magic.
        [b'K', b'L', b'U', b'v', b'/' | b'_', next, ..] => matches!(next, b'Q'..=b'Z' | b'a'..=b'f'),
        [b'K', b'L', b'U', b'v', ..] => false,
        // The same in base64 once more, with the same flags.
        [b'S', b'D', b'R', b'z', b'S', b'U', next, ..] => b"EFIJMNQRUVYZcdgh".contains(next),
        _ => true,
    }
}

/// Whether a gzip header says what writers say: flags in use, a system that there is.
fn is_likely_gzip(rest: &[u8]) -> bool {
    matches!(rest, [_, _, _, 0..=0x1f, _, _, _, _, 0 | 2 | 4, 0..=13 | 255, ..])
}
