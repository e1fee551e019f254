//! Keys that stand encoded inside a content: base64 and its kin, hex, URL-encoding, UTF-16, escapes,
//! entities, strings split over lines.
//!
//! A content is taken in cells of [`ENCODING_CELL`] bytes, counted from its beginning. What a cell holds
//! is decided from the cell and [`ENCODING_REACH`] bytes on either side of it alone, by whichever window
//! owns a part of it, so results do not depend on how the content was cut. Where something encoded is
//! found, the text around it is read once more with every such piece decoded in its place: names,
//! sections and neighbours mean what they mean to any detector. That is done [`ENCODING_ROUNDS`] times.
//!
//! Decoding makes a text no longer, and there are two readings to a round: characters apart, and runs of
//! them. So the cost has a bound and no candidate is ever left out to keep it.

mod base64;
mod entity;
mod escape;
mod hex;
mod inline;
mod joint;
mod mask;
mod percent;
mod pieces;
mod run;
mod stretch;
mod utf16;
mod view;

use std::ops::Range;

use crate::detect::Window;
use crate::limits::{ENCODING_AHEAD, ENCODING_CELL, ENCODING_CONTEXT, ENCODING_REACH, ENCODING_ROUNDS};
use mask::Masks;
use pieces::Pieces;
use view::{View, islands};

/// The two ways to read an encoded text. What one of them decodes, the other may read in the next round.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// Escapes, URL-encoding, entities, joints.
    Characters,
    /// Base64, hex, UTF-16.
    Runs,
}

/// Encodings that are undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encodings(u8);

impl Encodings {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every one.
    pub const ALL: Self = Self(0x7f);
    const ESCAPES: Self = Self(1);
    const URL: Self = Self(1 << 1);
    const ENTITIES: Self = Self(1 << 2);
    const SPLIT: Self = Self(1 << 3);
    const BASE64: Self = Self(1 << 4);
    const HEX: Self = Self(1 << 5);
    const UTF16: Self = Self(1 << 6);

    /// Those of a character each.
    const CHARACTERS: Self = Self(0x0f);

    /// Each by itself, with its name.
    pub const EACH: [(&'static str, Self); 7] = [
        ("escapes", Self::ESCAPES),
        ("url", Self::URL),
        ("html", Self::ENTITIES),
        ("split", Self::SPLIT),
        ("base64", Self::BASE64),
        ("hex", Self::HEX),
        ("utf-16", Self::UTF16),
    ];

    /// All of these but `others`.
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether any of `others` is among them.
    const fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

/// Where a key stands encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The characters that hold it, in the window's bytes.
    pub span: Range<usize>,
    /// How they are encoded, outermost first.
    pub encodings: Vec<&'static str>,
}

/// A decoded text of a window.
pub struct Decoded<'v> {
    views: &'v [View],
    /// Where the text of the outermost view begins in the window.
    offset: usize,
    /// Keys that begin here are the window's to find.
    owned: Range<usize>,
}

impl Decoded<'_> {
    /// The text as it reads.
    pub fn bytes(&self) -> &[u8] {
        self.views.last().map_or(&[], |view| &view.bytes)
    }

    /// Where what was found at `span` of the text stands in the window. None where it is there without
    /// any decoding, or is another window's to find.
    pub fn locate(&self, span: &Range<usize>) -> Option<Encoded> {
        let mut span = span.clone();
        let mut rounds = Vec::new();
        for view in self.views.iter().rev() {
            if !view.shows(&span) {
                return None;
            }
            rounds.push(view.encodings(&span));
            span = view.source(&span)?;
        }
        let span = span.start + self.offset..span.end + self.offset;
        let encodings = rounds.into_iter().rev().flatten().collect();
        self.owned.contains(&span.start).then_some(Encoded { span, encodings })
    }
}

/// Calls `read` with every decoded text of a window. `offset`: where in its content the window begins.
pub fn each(window: &Window<'_>, offset: u64, read: impl FnMut(&Decoded<'_>)) {
    each_of(Encodings::ALL, window, offset, read);
}

/// The same, with some encodings only.
pub fn each_of(kinds: Encodings, window: &Window<'_>, offset: u64, read: impl FnMut(&Decoded<'_>)) {
    Reader::default().each(kinds, window, offset, read);
}

/// What reads encoded texts, with buffers that are used again.
#[derive(Debug, Default)]
pub struct Reader {
    masks: Masks,
    pieces: Pieces,
}

impl Reader {
    /// Calls `read` with every decoded text of a window, as [`each_of`] does.
    pub fn each(
        &mut self,
        kinds: Encodings,
        window: &Window<'_>,
        offset: u64,
        mut read: impl FnMut(&Decoded<'_>),
    ) {
        if kinds == Encodings::NONE {
            return;
        }
        let Self { masks, pieces } = self;
        pieces.look_for(kinds);
        each_cell(window, offset, masks, pieces, &mut read);
    }
}

fn each_cell(
    window: &Window<'_>,
    offset: u64,
    masks: &mut Masks,
    pieces: &mut Pieces,
    read: &mut impl FnMut(&Decoded<'_>),
) {
    let owned = window.owned.start..window.owned.end.min(window.bytes.len());
    let mut at = owned.start;
    while at < owned.end {
        let inside = ((offset + at as u64) % ENCODING_CELL as u64) as usize;
        // The cell may begin in front of the window where that is the content's beginning.
        let cell = at.saturating_sub(inside)..(at + ENCODING_CELL - inside).min(window.bytes.len());
        let near = around(window, &cell, ENCODING_CONTEXT, ENCODING_AHEAD);
        let near = window.bytes.get(near).unwrap_or_default();
        masks.read(near);
        for reading in [Reading::Characters, Reading::Runs] {
            find(reading, near, masks, false, pieces);
            if pieces.any_strong() {
                read_cell(window, &cell, &owned, reading, pieces, read);
            }
        }
        at = cell.end;
    }
}

/// A cell of the window, and so many bytes in front of it and behind it.
fn around(window: &Window<'_>, cell: &Range<usize>, before: usize, behind: usize) -> Range<usize> {
    cell.start.saturating_sub(before)..cell.end.saturating_add(behind).min(window.bytes.len())
}

/// Reads a cell of the window that holds something encoded.
fn read_cell(
    window: &Window<'_>,
    cell: &Range<usize>,
    owned: &Range<usize>,
    reading: Reading,
    pieces: &mut Pieces,
    read: &mut impl FnMut(&Decoded<'_>),
) {
    let reach = around(window, cell, ENCODING_REACH, ENCODING_REACH);
    let text = window.bytes.get(reach.clone()).unwrap_or_default();
    find(reading, text, &Masks::of(text), true, pieces);
    let edges = (window.starts && reach.start == 0, window.ends && reach.end == window.bytes.len());
    let inner = cell.start - reach.start..cell.end - reach.start;
    let mut views = Vec::new();
    for (island, list) in islands(pieces.list(), text.len()) {
        if island.start < inner.end && inner.start < island.end {
            views.push(View::new(text, island, list, pieces, edges));
        }
    }
    let owned = owned.start.max(cell.start)..owned.end.min(cell.end);
    for view in views {
        rounds(&mut vec![view], reach.start, &owned, pieces, read);
    }
}

/// Reads the last of `views`, and what is decoded in it.
fn rounds(
    views: &mut Vec<View>,
    offset: usize,
    owned: &Range<usize>,
    pieces: &mut Pieces,
    read: &mut impl FnMut(&Decoded<'_>),
) {
    read(&Decoded { views, offset, owned: owned.clone() });
    if views.len() >= ENCODING_ROUNDS {
        return;
    }
    let Some(outer) = views.last() else { return };
    let masks = Masks::of(&outer.bytes);
    for reading in [Reading::Characters, Reading::Runs] {
        let Some(outer) = views.last() else { return };
        find(reading, &outer.bytes, &masks, true, pieces);
        // What touches nothing that was decoded was read in the round before.
        for piece in pieces.list_mut() {
            piece.strong &= outer.touches(&piece.source);
        }
        let inner: Vec<View> = islands(pieces.list(), outer.bytes.len())
            .into_iter()
            .map(|(island, list)| View::new(&outer.bytes, island, list, pieces, (outer.starts, outer.ends)))
            .collect();
        for view in inner {
            views.push(view);
            rounds(views, offset, owned, pieces, read);
            views.pop();
        }
    }
}

/// The pieces of `text`, whose kinds of bytes `masks` are, under one reading; those that are no reason to
/// decode it only if `weak_too`.
fn find(reading: Reading, text: &[u8], masks: &Masks, weak_too: bool, pieces: &mut Pieces) {
    pieces.clear();
    match reading {
        Reading::Characters => inline::find(text, masks, weak_too, pieces),
        Reading::Runs => {
            let kinds = pieces.kinds();
            let (hex, base64) = (kinds.has(Encodings::HEX), kinds.has(Encodings::BASE64));
            if hex || base64 {
                run::each(text, masks, |lines| {
                    let cut = lines.first().is_some_and(|line| line.start == 0);
                    if hex {
                        hex::find(text, lines, cut, pieces);
                    }
                    if base64 {
                        base64::find(text, lines, cut, pieces);
                    }
                });
            }
            if kinds.has(Encodings::UTF16) {
                utf16::find(text, pieces);
            }
            pieces.settle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Place;

    fn whole(bytes: &[u8]) -> Window<'_> {
        Window { bytes, owned: 0..bytes.len(), starts: true, ends: true, place: Place::File, path: b"" }
    }

    /// Where `word` stands in what `bytes` hold encoded, and how.
    fn found(bytes: &[u8], word: &str) -> Vec<(Range<usize>, String)> {
        let mut found = Vec::new();
        each(&whole(bytes), 0, |text| {
            for at in memchr::memmem::find_iter(text.bytes(), word.as_bytes()) {
                if let Some(encoded) = text.locate(&(at..at + word.len())) {
                    found.push((encoded.span, encoded.encodings.join(" ")));
                }
            }
        });
        found.dedup();
        found
    }

    const WORD: &str = "a+long/Word+in/it";

    #[test]
    fn one_and_two_rounds() {
        use ::base64::Engine as _;
        let base64 = |text: &[u8]| ::base64::engine::general_purpose::STANDARD.encode(text);
        let text = format!("name: {WORD}\nand more of it\n");
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let escaped = text.replace('/', r"\/").replace('+', r"\u002b");
        let percent = text.replace('/', "%2F").replace('+', "%2b").replace('\n', "%0A").replace(' ', "%20");
        let cases = [
            (base64(text.as_bytes()).into_bytes(), "base64"),
            (hex.clone().into_bytes(), "hex"),
            (wide.clone(), "utf-16le"),
            (escaped.clone().into_bytes(), "escapes"),
            (percent.clone().into_bytes(), "url"),
            (base64(&wide).into_bytes(), "base64 utf-16le"),
            (base64(base64(text.as_bytes()).as_bytes()).into_bytes(), "base64 base64"),
            (base64(escaped.as_bytes()).into_bytes(), "base64 escapes"),
            (base64(percent.as_bytes()).into_bytes(), "base64 url"),
            (base64(hex.as_bytes()).into_bytes(), "base64 hex"),
            (base64(text.as_bytes()).replace('b', r"\u0062").into_bytes(), "escapes base64"),
            (base64(text.as_bytes()).replace('b', "%62").into_bytes(), "url base64"),
        ];
        for (encoded, words) in cases {
            let bytes = [b"= '", &encoded[..], b"'\n"].concat();
            let places = found(&bytes, WORD);
            assert_eq!(places.len(), 1, "{words}");
            assert_eq!(places[0].1, words);
        }
        assert_eq!(found(base64(base64(base64(text.as_bytes()).as_bytes()).as_bytes()).as_bytes(), WORD), []);
    }

    #[test]
    fn hex_stands_behind_other_digits_and_other_lines() {
        let hex: String = format!("{WORD} and more").bytes().map(|byte| format!("{byte:02x}")).collect();
        let digest = "9f".repeat(16);
        let (front, back) = hex.split_at(40);
        for text in [
            format!("{digest}/{hex}"),
            format!("{digest}-{digest}_{hex}"),
            format!("a_name_of_twenty_letters\n{hex}\n"),
            format!("a_name_of_some_more_than_forty_letters_in_all\n{front}\n{back}\n{digest}\nmore"),
        ] {
            let words: Vec<String> =
                found(text.as_bytes(), WORD).into_iter().map(|(_, words)| words).collect();
            assert_eq!(words, ["hex"], "{text}");
        }
    }

    #[test]
    fn an_encoding_that_is_left_out_is_not_undone_and_no_other_is_missing() {
        use ::base64::Engine as _;
        let text = format!("name: {WORD}\nand more of it\n");
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let samples: [(&str, Vec<u8>); 7] = [
            ("escapes", WORD.replace('/', r"\/").into_bytes()),
            ("url", WORD.replace('/', "%2F").into_bytes()),
            ("html", WORD.replace('/', "&#47;").into_bytes()),
            ("split", WORD.replace("Word", "Wo\" + \"rd").into_bytes()),
            ("base64", ::base64::engine::general_purpose::STANDARD.encode(&text).into_bytes()),
            ("hex", text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()),
            ("utf-16", wide),
        ];
        for ((name, kind), (of, sample)) in Encodings::EACH.into_iter().zip(samples) {
            assert_eq!(name, of);
            let bytes = [b"= \"", &sample[..], b"\"\n"].concat();
            let count = |kinds| {
                let mut count = 0;
                each_of(kinds, &whole(&bytes), 0, |text| {
                    count += usize::from(memchr::memmem::find(text.bytes(), WORD.as_bytes()).is_some());
                });
                count
            };
            assert_eq!(count(Encodings::ALL), 1, "{name}");
            assert_eq!(count(Encodings::ALL.without(kind)), 0, "{name}");
            let others = Encodings::EACH.into_iter().filter(|(other, _)| *other != name);
            let alone = others.fold(Encodings::ALL, |kinds, (_, other)| kinds.without(other));
            assert_eq!(count(alone), 1, "{name} alone");
        }
    }

    #[test]
    fn a_long_run_is_read_wherever_its_groups_begin() {
        use ::base64::Engine as _;
        for front in 0..3 {
            let text = format!("{}{WORD}{}", "lorem ipsum ".repeat(3_000 + front), " dolor".repeat(5_000));
            let noise: Vec<u8> =
                (0..30_000 + front as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            for before in [Vec::new(), noise] {
                let all = [&before[..], text.as_bytes()].concat();
                let at = memchr::memmem::find(&all, WORD.as_bytes()).expect("the word");
                let encoded = ::base64::engine::general_purpose::STANDARD.encode(&all);
                let start = at / 3 * 4 + at % 3;
                let end = (at + WORD.len() - 1) / 3 * 4 + (at + WORD.len() - 1) % 3 + 2;
                assert_eq!(found(encoded.as_bytes(), WORD), [(start..end, "base64".to_owned())], "{front}");
            }
        }
    }

    #[test]
    fn plain_and_random_content_is_not_read_twice() {
        let mut read = 0;
        let text =
            b"let name = other(\"text\", 'x') + 100; // a path: /usr/lib/python3/dist-packages\n".repeat(900);
        each(&whole(&text), 0, |_| read += 1);
        let noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        each(&whole(&noise), 0, |_| read += 1);
        assert_eq!(read, 0);
    }
}
