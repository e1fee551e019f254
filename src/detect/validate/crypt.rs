//! Hashes of passwords in the forms of crypt(3) and of the Apache server.

use super::encoding::base64;
use super::{Candidate, Facts, Verdict};

/// Characters of a hash by its scheme, and the parts behind the scheme's name: options, salt, hash.
const SCHEMES: &[(&str, usize, std::ops::RangeInclusive<usize>)] = &[
    ("1", 22, 2..=2),
    ("apr1", 22, 2..=2),
    ("5", 43, 2..=3),
    ("6", 86, 2..=3),
    ("7", 43, 2..=2),
    ("y", 43, 3..=3),
    ("gy", 43, 3..=3),
    ("sha1", 28, 3..=3),
    ("md5", 22, 2..=4),
];

/// A hash of shadow's: the text behind its first `$`, or thirteen characters of the old DES scheme.
pub(super) fn crypt(candidate: Candidate<'_>) -> Verdict {
    let text = candidate.text();
    let is_hash = |text: &str| !text.is_empty() && text.bytes().all(is_crypt_byte);
    let Some((scheme, rest)) = text.split_once('$') else {
        return if text.len() == 13 && is_hash(text) { known("des") } else { Verdict::Failed };
    };
    if matches!(scheme, "2a" | "2b" | "2x" | "2y") {
        let parts: Vec<&str> = rest.split('$').collect();
        let [cost, hash] = parts.as_slice() else { return Verdict::Failed };
        let right = cost.len() == 2 && cost.parse::<u8>().is_ok() && hash.len() == 53 && is_hash(hash);
        return if right { known("bcrypt") } else { Verdict::Failed };
    }
    let parts: Vec<&str> = rest.split('$').collect();
    let fits = SCHEMES.iter().any(|(name, length, count)| {
        let hash = parts.last().copied().unwrap_or_default();
        *name == scheme && hash.len() == *length && is_hash(hash) && count.contains(&parts.len())
    });
    if fits { known(scheme) } else { Verdict::Failed }
}

/// A hash of htpasswd's: one of crypt's, or `{SHA}` and the base64 of 20 bytes.
pub(super) fn htpasswd(candidate: Candidate<'_>) -> Verdict {
    match candidate.text().strip_prefix("{SHA}") {
        Some(hash) if base64(hash.as_bytes()).is_some_and(|bytes| bytes.len() == 20) => known("sha"),
        Some(_) => Verdict::Failed,
        None => crypt(candidate),
    }
}

fn known(scheme: &str) -> Verdict {
    let name = match scheme {
        "1" | "md5" => "md5",
        "5" => "sha256",
        "6" => "sha512",
        "7" => "scrypt",
        "y" => "yescrypt",
        "gy" => "gost-yescrypt",
        other => other,
    };
    Verdict::Plausible(Facts::default().with("scheme", name))
}

fn is_crypt_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/')
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::Verdict;
    use super::super::tests::{check, facts, handle};

    /// The hash that a program prints last, behind its first `$` if it has one.
    fn hash(command: &str, arguments: &[&str]) -> String {
        let output = Command::new(command).args(arguments).output().expect("the command runs");
        assert!(output.status.success(), "{command} {arguments:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        let hash = text.trim().rsplit(':').next().unwrap_or_default();
        hash.strip_prefix('$').unwrap_or(hash).to_owned()
    }

    #[test]
    fn hashes_of_openssl_and_htpasswd_are_known() {
        for (scheme, command, arguments) in [
            ("md5", "openssl", ["passwd", "-1", "sesame"].as_slice()),
            ("apr1", "openssl", ["passwd", "-apr1", "sesame"].as_slice()),
            ("sha256", "openssl", ["passwd", "-5", "sesame"].as_slice()),
            ("sha512", "openssl", ["passwd", "-6", "sesame"].as_slice()),
            ("apr1", "htpasswd", ["-nbm", "bot", "sesame"].as_slice()),
            ("bcrypt", "htpasswd", ["-nbB", "bot", "sesame"].as_slice()),
            ("des", "htpasswd", ["-nbd", "bot", "sesame"].as_slice()),
            ("sha", "htpasswd", ["-nbs", "bot", "sesame"].as_slice()),
        ] {
            let facts = facts(check("htpasswd-hash", &hash(command, arguments)));
            assert_eq!(handle(&facts, "scheme").as_deref(), Some(scheme), "{command} {arguments:?}");
        }
    }

    #[test]
    fn what_locks_an_account_is_no_hash() {
        for text in ["", "*", "!", "!!", "x", "*LK*", "NP", "6$salt$short", "9$salt$hash", "{SHA}abc"] {
            assert_eq!(check("htpasswd-hash", text), Verdict::Failed, "{text}");
        }
    }
}
