//! Private keys of OpenPGP in ASCII armor (RFC 9580; RFC 4880 before it).

use super::encoding::base64;
use super::pem::{behind, find, unescaped};
use super::{Candidate, Facts, Verdict};
use crate::detect::Severity;

/// What the byte behind the public half says about the secret half.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protection {
    None,
    Passphrase,
    /// A stub: the secret is on a card or elsewhere.
    Absent,
}

/// From `-----BEGIN PGP PRIVATE KEY BLOCK-----`: a secret-key packet that can be walked. A right CRC-24
/// proves it; a missing or wrong one does not fail it, as the format asks of readers.
pub(super) fn private_key(candidate: Candidate<'_>) -> Verdict {
    let Some(inside) = behind(candidate.key, b"PRIVATE KEY BLOCK-----") else { return Verdict::Failed };
    let inside = inside.get(..find(inside, b"-----END").unwrap_or(inside.len())).unwrap_or_default();
    let (body, check) = armor(&unescaped(inside));
    let Some(bytes) = base64(&body) else { return Verdict::Failed };
    let Some(protection) = first_packet(&bytes).and_then(protection) else { return Verdict::Failed };
    let whole =
        check.and_then(|check| base64(&check)).is_some_and(|check| check == crc24(&bytes).to_be_bytes()[1..]);
    let mut facts = Facts { canonical: Some(bytes), ..Facts::default() };
    match protection {
        Protection::None => {}
        Protection::Passphrase => {
            facts.severity = Some(Severity::Medium);
            facts = facts.with("passphrase", "yes");
        }
        Protection::Absent => {
            facts.severity = Some(Severity::Info);
            facts = facts.with("secret", "absent");
        }
    }
    if whole { Verdict::Proven(facts) } else { Verdict::Plausible(facts) }
}

/// Base64 of the packets, and of the checksum if there is one.
fn armor(plain: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    let lines =
        plain.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| find(line, b": ").is_none());
    let kept = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut body = Vec::new();
    for line in lines {
        let line: Vec<u8> = line.iter().copied().filter(kept).collect();
        match line.as_slice() {
            [b'=', check @ ..] if check.len() == 4 => return (body, Some(check.to_vec())),
            line => body.extend_from_slice(line),
        }
    }
    (body, None)
}

/// The content of the first packet, which must be a secret key.
fn first_packet(bytes: &[u8]) -> Option<&[u8]> {
    const SECRET_KEY: u8 = 5;
    let [tag, rest @ ..] = bytes else { return None };
    let (length, rest) = match (tag & 0xC0, tag & 3) {
        (0xC0, _) if tag & 0x3F == SECRET_KEY => new_length(rest)?,
        (0x80, kind @ 0..=2) if tag >> 2 & 0x0F == SECRET_KEY => {
            let (digits, rest) = rest.split_at_checked(1 << kind)?;
            (digits.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.get(..length)
}

fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [first @ 0..=191, rest @ ..] => Some((usize::from(*first), rest)),
        [first @ 192..=223, second, rest @ ..] => {
            Some(((usize::from(*first) - 192) * 256 + usize::from(*second) + 192, rest))
        }
        [255, a, b, c, d, rest @ ..] => Some((u32::from_be_bytes([*a, *b, *c, *d]) as usize, rest)),
        _ => None,
    }
}

/// Walks the public half of a version 4 to 6 key to the byte behind it.
fn protection(packet: &[u8]) -> Option<Protection> {
    let [version @ 4..=6, _, _, _, _, algorithm, rest @ ..] = packet else { return None };
    // Version 6 says how long the public half is.
    let rest = if *version == 4 { rest } else { rest.get(4..)? };
    let rest = match algorithm {
        1..=3 => numbers(rest, 2)?,
        16 => numbers(rest, 3)?,
        17 => numbers(rest, 4)?,
        18 => octets(numbers(octets(rest)?, 1)?)?,
        19 | 22 => numbers(octets(rest)?, 1)?,
        25 | 27 => rest.get(32..)?,
        26 => rest.get(56..)?,
        28 => rest.get(57..)?,
        _ => return None,
    };
    match rest {
        [0, secret @ ..] if secret.len() >= 16 => Some(Protection::None),
        // GnuPG's extension 101 stands where the way from passphrase to key would.
        [254 | 255, _, 101, ..] => Some(Protection::Absent),
        [1..=255, sealed @ ..] if sealed.len() >= 16 => Some(Protection::Passphrase),
        _ => None,
    }
}

/// Behind `count` numbers: two bytes of length in bits, then the bytes.
fn numbers(bytes: &[u8], count: usize) -> Option<&[u8]> {
    (0..count).try_fold(bytes, |rest, _| {
        let (bits, rest) = rest.split_first_chunk::<2>()?;
        rest.get(usize::from(u16::from_be_bytes(*bits)).div_ceil(8)..)
    })
}

/// Behind a byte of length and that many bytes.
fn octets(bytes: &[u8]) -> Option<&[u8]> {
    let [length, rest @ ..] = bytes else { return None };
    rest.get(usize::from(*length)..)
}

/// CRC-24 of RFC 9580, section 6.1.1.
fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x00B7_04CE, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 16, |crc, _| {
            let shifted = crc << 1;
            if shifted & 0x0100_0000 == 0 { shifted } else { shifted ^ 0x0186_4CFB }
        })
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn crc24_has_the_published_check_value() {
        assert_eq!(crc24(b"123456789"), 0x0021_CF02);
    }

    #[test]
    fn keys_of_gpg_are_proven() {
        for (algorithm, passphrase) in [("ed25519", ""), ("rsa1024", ""), ("ed25519", "abcdef")] {
            let home = tempfile::tempdir().expect("a folder");
            let gpg = |arguments: &[&str]| {
                let base = [
                    "--homedir",
                    home.path().to_str().expect("a path"),
                    "--batch",
                    "--quiet",
                    "--pinentry-mode",
                    "loopback",
                ];
                let output = Command::new("gpg")
                    .args(base)
                    .args(["--passphrase", passphrase])
                    .args(arguments)
                    .output();
                let output = output.expect("gpg runs");
                assert!(output.status.success(), "gpg {arguments:?}");
                String::from_utf8_lossy(&output.stdout).into_owned()
            };
            gpg(&["--quick-gen-key", "builder@host", algorithm, "sign", "never"]);
            let armored = gpg(&["--armor", "--export-secret-keys"]);
            let _ = Command::new("gpgconf")
                .args(["--homedir", home.path().to_str().expect("a path"), "--kill", "all"])
                .output();
            let verdict = check("pgp-private-key", &armored);
            assert!(matches!(verdict, Verdict::Proven(_)), "{algorithm}");
            assert_eq!(handle(&facts(verdict), "passphrase").is_some(), !passphrase.is_empty());
            let escaped = armored.replace('\n', "\\n");
            assert!(matches!(check("pgp-private-key", &escaped), Verdict::Proven(_)), "{algorithm} escaped");
        }
    }

    #[test]
    fn markers_without_a_key_fail() {
        let block = made("{{pgp:private}}", 1);
        let (begin, end) =
            (block.lines().next().unwrap_or_default(), block.lines().last().unwrap_or_default());
        for body in ["", "\n\nlQ==\n", "\n\n...\n", "\n\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"] {
            assert_eq!(check("pgp-private-key", &format!("{begin}{body}{end}")), Verdict::Failed);
        }
    }
}
