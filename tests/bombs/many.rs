//! Much of one thing in one file: keys, beginnings of keys, encodings.

use super::{BEHIND, defuse, defuse_stream};
use crate::scan::key;
use crate::support::cli::list;

const MIB: usize = 1024 * 1024;

/// How often; a hundred times makes the ten million keys that docs/noise.md tells of, too many for a build
/// that is not optimised.
const ROUNDS: u64 = 4;

/// Hundreds of thousands of keys in one file, all with a right checksum.
#[test]
fn a_flood_of_keys() {
    let keys: String = (0..100_000).map(|number| format!("{}\n", key(1_000_000 + number))).collect();
    let size = keys.len() as u64 * ROUNDS;
    let defused = defuse_stream("srv/keys", size, |out| {
        (0..ROUNDS).for_each(|_| out.write_all(keys.as_bytes()).expect("room"));
    });
    defused.assert_told();
    let findings = list(&defused.result["findings"]);
    assert!(findings.len() > 100, "{} findings", findings.len());
    assert_eq!(defused.places(BEHIND).len(), 1);
}

/// Weak ones first: the strong one behind them is kept.
#[test]
fn a_strong_key_behind_200_000_weak_ones() {
    let strong = key(1);
    let size = 200_000 * "password = 'aB3dE5fG7h000000'\n".len() as u64 + strong.len() as u64;
    let defused = defuse_stream("srv/settings.conf", size, |out| {
        for number in 0..200_000 {
            writeln!(out, "password = 'aB3dE5fG7h{number:06}'").expect("room");
        }
        out.write_all(strong.as_bytes()).expect("room");
    });
    assert_eq!(defused.places(1).len(), 1);
}

/// Beginnings of keys, and nothing behind them.
#[test]
fn beginnings_of_keys() {
    for begin in
        ["ghp_", "AKIA", "-----BEGIN RSA PRIVATE KEY-----", "eyJ", "password=", "xoxb-", "://a:b@", "SG."]
    {
        let text = begin.repeat(MIB / begin.len());
        defuse("srv/beginnings", text.as_bytes());
    }
}

/// Searches for nothing, each as long as may be: without a bound, an hour for some tens of megabytes.
#[test]
fn searches_for_nothing() {
    for text in ["sv=1&se=1&sig=", "curl \\x", "curl -s ", "password=aaaa;a=b;", "OPENWEATHER_API_KEY="] {
        let text = text.repeat(MIB / text.len());
        defuse("srv/searches", text.as_bytes()).assert_told();
    }
}

/// What every decoder must try, for nothing.
#[test]
fn encodings_of_nothing() {
    let noise = |alphabet: &[u8]| -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            alphabet[(state >> 16) as usize % alphabet.len()]
        };
        (0..16 * MIB).map(|_| next()).collect()
    };
    let base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let files = [
        ("base64, one line", noise(base64)),
        ("base64, short lines", noise(base64).chunks(64).flat_map(|line| [line, b"\n"].concat()).collect()),
        (
            "base64 in quotes",
            noise(base64).chunks(40).flat_map(|line| [b"\"", line, b"\",\n"].concat()).collect(),
        ),
        ("hex", noise(b"0123456789abcdef")),
        ("percent", noise(b"0123456789ABCDEF").chunks(2).flat_map(|two| [b"%", two].concat()).collect()),
        ("escapes", noise(b"0123456789abcdef").chunks(4).flat_map(|four| [b"\\u", four].concat()).collect()),
        ("UTF-16", noise(base64).into_iter().flat_map(|byte| [byte, 0]).collect()),
        ("split strings", b"\"abcdefgh\" +\n".repeat(MIB)),
        ("backslashes", vec![b'\\'; 16 * MIB]),
        ("quotes", vec![b'"'; 16 * MIB]),
        ("brackets", vec![b'['; 16 * MIB]),
        ("objects", b"{\"a\":".repeat(3 * MIB)),
        ("magic numbers", b"\x1f\x8b\x08\0PK\x03\x04\xfd7zXZ\0BZh91AY&SY\x28\xb5\x2f\xfd".repeat(500_000)),
    ];
    for (name, bytes) in files {
        defuse(&format!("srv/{name}"), &bytes).assert_nothing_else();
    }
}
