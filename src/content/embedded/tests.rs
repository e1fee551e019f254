//! Containers in texts, behind scripts and programs.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::write::GzEncoder;

use super::embedded;
use crate::content::taken::Taken;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

/// What is found, which is the same however the text is cut.
#[track_caller]
fn found(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (whole, ended) = Taken::of(embedded(), text, text.len());
    assert_eq!(ended, Ok(()));
    for slice in [1, 3, 7, 30, 31, 32, 1000] {
        assert_eq!(Taken::of(embedded(), text, slice).0, whole, "in slices of {slice}");
    }
    whole.members
}

#[track_caller]
fn assert_holds(text: &str, content: &[u8]) {
    let found = found(text.as_bytes());
    let [(name, decoded)] = found.as_slice() else { panic!("{} members of {text:.60}", found.len()) };
    assert_eq!(name, "(base64)");
    assert!(decoded.starts_with(content), "{text:.60}");
}

#[test]
fn gzip_in_base64_in_the_forms_of_texts() {
    for length in 0..5 {
        let gzip = gzip(&noise(3000 + length));
        let plain = STANDARD.encode(&gzip);
        assert_holds(&plain, &gzip);
        assert_holds(&format!("data:application/gzip;base64,{plain}\n"), &gzip);
        assert_holds(&format!("x = \"{}\"", URL_SAFE_NO_PAD.encode(&gzip)), &gzip);
        let lines: Vec<&str> =
            plain.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("base64")).collect();
        assert_holds(&format!("data:\n  release: >-\n    {}\nkind: Secret", lines.join("\n    ")), &gzip);
        assert_holds(&format!("{}\r\n", lines.join("\r\n\t")), &gzip);
        let json = lines.join("\\n").replace('/', "\\/");
        assert_holds(&format!("{{\"a\":\"line\\n{json}\",\"b\":1}}"), &gzip);
        assert_holds(&format!("?x=%22{plain}%22"), &gzip);
        assert_holds(&format!("data: {}", STANDARD.encode(&plain)), plain.as_bytes());
    }
}

#[test]
fn several_in_one_text() {
    let (one, two) = (gzip(b"one is longer than nothing"), gzip(b"two is longer than nothing"));
    let text = format!("a: {}\nb: '{}'\n", STANDARD.encode(&one), STANDARD.encode(&two));
    let found = found(text.as_bytes());
    assert_eq!(found.len(), 2);
    assert!(found[0].1.starts_with(&one) && found[1].1.starts_with(&two));
}

#[test]
fn what_only_looks_like_it_is_left_alone() {
    let gzip = STANDARD.encode(gzip(b"some content that is long enough"));
    for text in
        [format!("xyz{gzip}"), "H4sIAAAAAAAA...".to_owned(), "H4sIzzzz".repeat(30), "UEsDBBQ".to_owned()]
    {
        assert_eq!(found(text.as_bytes()), [], "{text:.40}");
    }
    assert_eq!(found(&[b"\x7fELF\x1f\x8b\x08 PK\x03\x04PK\x01\x02".as_slice(), &noise(5000)].concat()), []);
}

#[test]
fn an_archive_behind_a_script() {
    let content = noise(2000);
    let script = [b"#!/bin/sh\ntail -n +3 \"$0\" | gunzip\nexit\n".as_slice(), &gzip(&content)].concat();
    assert_eq!(found(&script), [("(gzip)".to_owned(), content)]);
}
