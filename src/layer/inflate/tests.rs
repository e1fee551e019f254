//! The decoder held against zlib-rs: streams of several compressors and hand-made ones, whole, cut and
//! damaged, in pieces of every size.

mod blocks;
mod members;

use std::process::{Command, Stdio};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use proptest::prelude::*;

use super::Inflate;

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As it must, after so many bytes of the input.
    Over(usize),
    Cut,
    Corrupt,
}

/// Sizes that are taken in turns.
#[derive(Clone, Debug)]
struct Sizes(Vec<usize>);

impl Sizes {
    fn of(&self, round: usize) -> usize {
        self.0[round % self.0.len()].max(1)
    }
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let size = prop_oneof![1..4usize, 1..40usize, 1..3_000usize, Just(100_000usize), Just(1usize << 20)];
    proptest::collection::vec(size, 1..5).prop_map(Sizes)
}

fn whole() -> Sizes {
    Sizes(vec![usize::MAX])
}

/// What this decoder makes of `stream` when it comes and goes in such pieces.
fn ours(stream: &[u8], inputs: &Sizes, outputs: &Sizes) -> (Vec<u8>, Verdict) {
    let mut inflate = Inflate::default();
    let (mut content, mut at, mut end, mut out) = (Vec::new(), 0, 0, vec![0; 1 << 20]);
    for round in 0.. {
        let size = outputs.of(round).min(out.len());
        let given = inflate.give(&mut out[..size]);
        content.extend_from_slice(&out[..given]);
        if given > 0 {
            continue;
        }
        if inflate.is_over() {
            return (content, Verdict::Over(at));
        }
        if inflate.fault().is_some() {
            return (content, Verdict::Corrupt);
        }
        if at == stream.len() {
            return (content, Verdict::Cut);
        }
        // A piece is offered until it is taken, as by a reader with a buffer.
        if at >= end {
            end = at.saturating_add(inputs.of(round)).min(stream.len());
        }
        at += inflate.decode(&stream[at..end]);
    }
    unreachable!("the rounds have no end")
}

/// What zlib-rs makes of `stream`.
fn theirs(stream: &[u8]) -> (Vec<u8>, Verdict) {
    let mut inflate = Decompress::new(false);
    let mut content = Vec::new();
    loop {
        content.reserve(1 << 16);
        let (read, wrote) = (inflate.total_in(), inflate.total_out());
        let rest = &stream[read as usize..];
        match inflate.decompress_vec(rest, &mut content, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return (content, Verdict::Over(inflate.total_in() as usize)),
            Ok(_) if inflate.total_in() == read && inflate.total_out() == wrote => {
                return (content, Verdict::Cut);
            }
            Ok(_) => {}
            Err(_) => return (content, Verdict::Corrupt),
        }
    }
}

/// Compressed by zlib-rs.
fn deflated(content: &[u8], level: u32, flush: FlushCompress) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(level), false);
    let mut stream = Vec::with_capacity(content.len() * 2 + 1_000);
    let half = content.len() / 2;
    compress.compress_vec(&content[..half], &mut stream, flush).expect("room");
    let taken = compress.total_in() as usize;
    let status = compress.compress_vec(&content[taken..], &mut stream, FlushCompress::Finish).expect("room");
    assert_eq!(status, Status::StreamEnd);
    stream
}

/// Content that compressors find matches of all kinds in.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..300).prop_map(|bytes| (bytes, 1)),
        proptest::collection::vec(b'a'..b'f', 1..2_000).prop_map(|bytes| (bytes, 1)),
        (proptest::collection::vec(any::<u8>(), 1..40), 1..800usize),
        Just((vec![0], 70_000)),
        Just(((0..=255u8).collect(), 300)),
    ];
    proptest::collection::vec(piece, 0..8)
        .prop_map(|pieces| pieces.iter().flat_map(|(bytes, times)| bytes.repeat(*times)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn gives_what_was_compressed(
        content in content(), level in 0..10u32, inputs in sizes(), outputs in sizes(), full in any::<bool>(),
    ) {
        let flush = if full { FlushCompress::Full } else { FlushCompress::None };
        let mut stream = deflated(&content, level, flush);
        let length = stream.len();
        // What follows is not the decoder's, whatever the pieces are.
        stream.extend(b"behind the stream");
        let (decoded, verdict) = ours(&stream, &inputs, &outputs);
        prop_assert!(decoded == content);
        prop_assert_eq!(verdict, Verdict::Over(length));
    }

    #[test]
    fn damage_is_seen_as_zlib_sees_it(
        content in content(), level in 0..10u32, place in any::<prop::sample::Index>(), flip in 1..=255u8,
        inputs in sizes(),
    ) {
        let mut stream = deflated(&content, level, FlushCompress::None);
        let place = place.index(stream.len());
        stream[place] ^= flip;
        assert_like_zlib(&stream, &inputs);
    }

    #[test]
    fn noise_is_seen_as_zlib_sees_it(
        stream in proptest::collection::vec(any::<u8>(), 0..400), inputs in sizes(),
    ) {
        assert_like_zlib(&stream, &inputs);
    }
}

/// The verdict must be zlib's. Of a damaged stream at least the bytes must come that zlib gives, and the
/// damage of one that zlib finds corrupt may not pass for a cut.
fn assert_like_zlib(stream: &[u8], inputs: &Sizes) {
    let (expected, verdict) = theirs(stream);
    let (decoded, found) = ours(stream, inputs, &Sizes(vec![5_000]));
    assert!(decoded.starts_with(&expected), "{} bytes, {} of zlib", decoded.len(), expected.len());
    assert_eq!(found, verdict, "{stream:02x?}");
    if matches!(verdict, Verdict::Over(_)) {
        assert!(decoded == expected);
    }
}

#[test]
fn every_cut_is_told_behind_the_bytes_before_it() {
    let content: Vec<u8> = (0..400u32).flat_map(|n| format!("{} of {n}\n", n % 7).into_bytes()).collect();
    for level in [0, 1, 6, 9] {
        let stream = deflated(&content, level, FlushCompress::Full);
        for length in 0..stream.len() {
            for inputs in [whole(), Sizes(vec![1]), Sizes(vec![9, 2])] {
                let (expected, _) = theirs(&stream[..length]);
                let (decoded, verdict) = ours(&stream[..length], &inputs, &whole());
                assert_eq!(verdict, Verdict::Cut, "level {level}, {length} bytes");
                assert!(content.starts_with(&decoded) && decoded.len() >= expected.len());
            }
        }
    }
}

/// `input` through a command, if there is such a command here.
fn through(command: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child =
        Command::new(command).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &input));
    let output = child.wait_with_output().expect("output");
    writer.join().expect("writer").expect("written");
    assert!(output.status.success(), "{command}");
    Some(output.stdout)
}
