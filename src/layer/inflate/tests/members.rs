//! gzip members: their headers, their checksums, what follows them.

use std::io::{self, BufRead, BufReader, Read};

use super::through;
use crate::layer::inflate::GzDecoder;

/// All that a decoder gives of one member, and the error behind it.
fn read(stored: &[u8], piece: usize) -> (Vec<u8>, io::Result<()>) {
    let mut decoder = GzDecoder::new(BufReader::with_capacity(piece, stored));
    let mut content = Vec::new();
    let mut buffer = vec![0; 4_099];
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return (content, Ok(())),
            Ok(count) => content.extend_from_slice(&buffer[..count]),
            Err(error) => return (content, Err(error)),
        }
    }
}

fn text() -> Vec<u8> {
    (0..30_000u32).flat_map(|n| format!("{} line {n}\n", n * n % 1_013).into_bytes()).collect()
}

#[test]
fn reads_what_the_compressors_write() {
    let text = text();
    let commands = [
        ("gzip", &["-1", "-c"][..]),
        ("gzip", &["-9", "-c"]),
        ("igzip", &["-0", "-c"]),
        ("igzip", &["-3", "-c"]),
        ("pigz", &["-c", "-b", "128"]),
        ("pigz", &["-11", "-c"]),
        ("libdeflate-gzip", &["-12", "-c"]),
        ("7z", &["a", "-tgzip", "-si", "-so", "-mx=9", "any"]),
    ];
    let mut read_any = false;
    for (command, arguments) in commands {
        let Some(stored) = through(command, arguments, &text) else { continue };
        for piece in [1, 7, 128 * 1024] {
            let (content, end) = read(&stored, piece);
            end.unwrap_or_else(|error| panic!("{command} {arguments:?}: {error}"));
            assert!(content == text, "{command} {arguments:?}");
        }
        read_any = true;
    }
    assert!(read_any, "there is no gzip here");
}

/// A member with all that a header may have, and the place where its deflate stream begins.
fn member() -> (Vec<u8>, usize) {
    let mut header = vec![0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 1, 2, 3, 4, 0, 255, 5, 0];
    header.extend(b"extraname\0comment\0");
    header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes()[..2]);
    let begin = header.len();
    // A fixed block with nothing but its end, of which the checksum is 0.
    header.extend([3, 0]);
    header.extend([0; 8]);
    (header, begin)
}

#[test]
fn header_fields_are_known_once_the_header_was_read() {
    let (stored, _) = member();
    for piece in [1, 3, 4_096] {
        let mut decoder = GzDecoder::new(BufReader::with_capacity(piece, &stored[..]));
        assert_eq!(decoder.fields().count(), 0);
        assert_eq!(decoder.read(&mut [0; 10]).expect("read"), 0);
        let fields: Vec<&[u8]> = decoder.fields().collect();
        assert_eq!(fields, [&b"name"[..], b"comment", b"extra"]);
    }
}

#[test]
fn every_cut_of_a_member_is_told_as_one() {
    let (stored, _) = member();
    for length in 0..stored.len() {
        for piece in [1, 4_096] {
            let error = read(&stored[..length], piece).1.expect_err("it is cut");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length} bytes");
        }
    }
}

#[test]
fn damage_of_header_and_trailer_is_told() {
    let (stored, begin) = member();
    let places = (0..4).chain(10..begin).chain(begin + 2..stored.len());
    for place in places {
        let mut damaged = stored.clone();
        damaged[place] ^= 0x40;
        damaged.resize(damaged.len() + 100_000, 1);
        assert!(read(&damaged, 4_096).1.is_err(), "byte {place}");
    }
}

#[test]
fn unknown_flags_are_refused() {
    for (flags, refused) in [(0, false), (1, false), (0x20, true), (0x40, true), (0x80, true)] {
        let stored = [&[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255, 3, 0][..], &[0; 8]].concat();
        assert_eq!(read(&stored, 4_096).1.is_err(), refused, "{flags:#x}");
    }
}

#[test]
fn content_comes_before_the_checksum_is_told_wrong() {
    let text = text();
    let mut stored = through("gzip", &["-c"], &text).expect("gzip");
    for place in [8, 1] {
        let at = stored.len() - place;
        stored[at] ^= 1;
        let (content, end) = read(&stored, 4_096);
        assert!(content == text);
        assert_eq!(end.expect_err("wrong").kind(), io::ErrorKind::InvalidData);
        stored[at] ^= 1;
    }
}

#[test]
fn a_header_field_without_an_end_is_refused() {
    let mut stored = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255];
    stored.resize(1 << 20, b'a');
    let error = read(&stored, 4_096).1.expect_err("it is too long");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn an_error_stays_one() {
    let mut decoder = GzDecoder::new(&b"\x1f\x8b\x08\x00\0\0\0\0\0\xff\x07behind"[..]);
    for _ in 0..3 {
        assert!(decoder.read(&mut [0; 10]).is_err());
    }
}

#[test]
fn members_follow_each_other() {
    let (first, _) = member();
    let second = through("gzip", &["-nc"], b"second").expect("gzip");
    let stored = [&first[..], &second, &second, b"behind"].concat();
    for piece in [1, 5, 4_096] {
        let mut decoder = GzDecoder::new(BufReader::with_capacity(piece, &stored[..]));
        let mut texts = Vec::new();
        for _ in 0..3 {
            let mut text = String::new();
            decoder.read_to_string(&mut text).expect("a member");
            texts.push((text, decoder.fields().count()));
            decoder.restart();
        }
        let expected =
            [("", 3), ("second", 0), ("second", 0)].map(|(text, fields)| (text.to_owned(), fields));
        assert_eq!(texts, expected);
        let rest = decoder.get_mut().fill_buf().expect("read");
        assert!(b"behind".starts_with(rest) && !rest.is_empty());
    }
}
