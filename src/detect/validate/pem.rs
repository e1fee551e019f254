//! Private keys in PEM (RFC 7468), as files and as people put them into variables, JSON, YAML and code.

use super::encoding::base64;
use super::{Candidate, Facts, Verdict, der, openssh};
use crate::detect::Severity;

/// From `-----BEGIN … PRIVATE KEY-----` to the end of the match. The body decides: it must parse, and
/// an RSA modulus must be the product of its primes. Canonical: the DER.
pub(super) fn private_key(candidate: Candidate<'_>) -> Verdict {
    let Some(armor) = armor(candidate.key) else { return Verdict::Failed };
    let Some(bytes) = decode(&armor.body) else { return Verdict::Failed };
    if bytes.starts_with(b"openssh-key-v1") {
        return openssh::private_key(&bytes).map_or(Verdict::Failed, Verdict::Proven);
    }
    if armor.sealed {
        // The whole body is cipher text in blocks of 8 bytes.
        let blocks = bytes.len() >= 48 && bytes.len().is_multiple_of(8);
        let facts = Facts { canonical: Some(bytes), ..Facts::default() };
        return if blocks { Verdict::Proven(sealed(facts)) } else { Verdict::Failed };
    }
    let Some((der, key)) = der::outer(&bytes).and_then(|der| Some((der, der::private_key(der)?))) else {
        return Verdict::Failed;
    };
    let mut facts = Facts { canonical: Some(der.to_vec()), ..Facts::default() };
    if key.encrypted {
        return Verdict::Proven(sealed(facts));
    }
    facts = facts.with("type", key.kind);
    if let Some(bits) = key.bits {
        facts = facts.with("bits", bits.to_string());
    }
    if let Some(hash) = key.spki_sha256 {
        facts = facts.with("spki-sha256", hash);
    }
    Verdict::Proven(facts)
}

/// A key under a passphrase is worth what its passphrase is.
fn sealed(facts: Facts) -> Facts {
    Facts { severity: Some(Severity::Medium), ..facts }.with("passphrase", "yes")
}

/// What stands between the two lines of dashes.
struct Armor {
    /// Base64 and nothing else.
    body: Vec<u8>,
    /// Whether OpenSSL's old headers say that it is encrypted.
    sealed: bool,
}

/// The parts of a PEM text with any newlines, escapes and quotes.
fn armor(text: &[u8]) -> Option<Armor> {
    let behind_begin = behind(text, b"-----BEGIN ")?;
    let label_end = find(behind_begin, b"-----")?;
    let label = behind_begin.get(..label_end)?;
    if !label.ends_with(b"PRIVATE KEY") || label.len() > 60 {
        return None;
    }
    let inside = behind_begin.get(label_end + 5..)?;
    let inside = inside.get(..find(inside, b"-----END").unwrap_or(inside.len()))?;
    let plain = unescaped(inside);
    let sealed = find(&plain, b"Proc-Type:").is_some() && find(&plain, b"ENCRYPTED").is_some();
    Some(Armor { body: base64_of(&without_headers(&plain)), sealed })
}

/// Text with the escapes of JSON, of code and of URLs resolved.
pub(super) fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = behind;
        match first {
            b'\\' => rest = escape(behind, &mut plain),
            b'%' => match hex_number(behind, 2) {
                Some((byte, behind)) => {
                    plain.push(byte as u8);
                    rest = behind;
                }
                None => plain.push(b'%'),
            },
            byte => plain.push(*byte),
        }
    }
    plain
}

/// One escape behind its first backslash; how many there are tells only how often it was quoted.
fn escape<'a>(behind: &'a [u8], plain: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = behind;
    while let [b'\\', behind @ ..] = rest {
        rest = behind;
    }
    match rest {
        [b'n' | b'r' | b't', behind @ ..] => {
            plain.push(b'\n');
            behind
        }
        [b'u', behind @ ..] => match hex_number(behind, 4) {
            Some((number, behind)) => {
                plain.push(u8::try_from(number).unwrap_or(b' '));
                behind
            }
            None => behind,
        },
        // `\/`, `\"`, a backslash at the end of a line: what follows stands for itself.
        _ => rest,
    }
}

/// A number of `width` hexadecimal digits, and what stands behind it.
fn hex_number(text: &[u8], width: usize) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(width)?;
    let number =
        digits.iter().try_fold(0, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)?))?;
    Some((number, rest))
}

/// The body behind `Name: value` headers.
fn without_headers(plain: &[u8]) -> Vec<u8> {
    if let Some(info) = behind(plain, b"DEK-Info:") {
        // `DEK-Info: AES-128-CBC,0A1B…`; where newlines became blanks, the body follows on the same line.
        let start = info.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(info.len());
        let value = info.get(start..).unwrap_or_default();
        let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
        return value.get(end..).unwrap_or_default().to_vec();
    }
    let lines = plain.split(|&byte| byte == b'\n').filter(|line| find(line, b": ").is_none());
    lines.collect::<Vec<_>>().join(&b'\n')
}

/// The base64 in a text that may be quoted, indented, commented out, or joined from string literals.
fn base64_of(plain: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(plain.len());
    for line in plain.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii();
        // A comment of C, not base64: those lines begin with a blank behind the slashes.
        let mut rest = line.strip_prefix(b"// ").unwrap_or(line);
        while let [first, behind @ ..] = rest {
            rest = behind;
            match first {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'=' => body.push(*first),
                // A plus between two quotes or at the edge of a line joins strings.
                b'+' if !joins(line, rest) => body.push(b'+'),
                _ => {}
            }
        }
    }
    body
}

/// Whether the plus before `rest` is an operator: it stands alone between blanks and quotes.
fn joins(line: &[u8], rest: &[u8]) -> bool {
    let before = line.get(..line.len() - rest.len() - 1).unwrap_or_default();
    let edge = |neighbour: Option<&u8>| {
        neighbour.is_none_or(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'\t'))
    };
    edge(before.last()) && edge(rest.first())
}

/// The bytes of a body; padding ends it.
fn decode(body: &[u8]) -> Option<Vec<u8>> {
    let end = body.iter().position(|&byte| byte == b'=').unwrap_or(body.len());
    base64(body.get(..end)?).filter(|bytes| !bytes.is_empty())
}

/// Where `needle` begins in `text`.
pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, needle)
}

/// What stands behind the first `needle`.
pub(super) fn behind<'a>(text: &'a [u8], needle: &[u8]) -> Option<&'a [u8]> {
    find(text, needle).and_then(|at| text.get(at + needle.len()..))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::tests::{check, facts, handle, made};
    use super::*;

    /// The standard output of a command, which must succeed.
    fn output(command: &str, arguments: &[&str]) -> String {
        let output = Command::new(command).args(arguments).output().expect("the command runs");
        assert!(output.status.success(), "{command} {arguments:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn proven(pem: &str) -> Facts {
        match check("private-key", pem) {
            Verdict::Proven(facts) => facts,
            Verdict::Plausible(_) | Verdict::Failed => panic!("not proven"),
        }
    }

    #[test]
    fn keys_of_openssl_are_proven_with_their_public_half() {
        for (arguments, kind, bits) in [
            (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"].as_slice(), "rsa", Some("1024")),
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"].as_slice(), "ec", Some("256")),
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"].as_slice(), "ec", Some("521")),
            (["-algorithm", "ED25519"].as_slice(), "ed25519", None),
            (["-algorithm", "X448"].as_slice(), "x448", None),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("key.pem");
            let path = file.to_str().expect("a path");
            output("openssl", &[["genpkey", "-out", path].as_slice(), arguments].concat());
            let facts = proven(&std::fs::read_to_string(&file).expect("the key"));
            assert_eq!(handle(&facts, "type").as_deref(), Some(kind));
            assert_eq!(handle(&facts, "bits").as_deref(), bits);
            if bits.is_some() {
                let public = folder.path().join("public.der");
                output(
                    "openssl",
                    &[
                        "pkey",
                        "-in",
                        path,
                        "-pubout",
                        "-outform",
                        "DER",
                        "-out",
                        public.to_str().expect("a path"),
                    ],
                );
                let sum = output("sha256sum", &[public.to_str().expect("a path")]);
                assert_eq!(handle(&facts, "spki-sha256").as_deref(), sum.split(' ').next());
            }
            // The old forms and the sealed ones hold the same key.
            for options in [["-traditional"].as_slice(), ["-aes128", "-passout", "pass:abcd"].as_slice()] {
                let sealed = options.contains(&"-aes128");
                if !sealed && bits.is_none() {
                    continue;
                }
                let text = output("openssl", &[["pkey", "-in", path].as_slice(), options].concat());
                let other = proven(&text);
                assert_eq!(handle(&other, "passphrase").is_some(), sealed, "{kind}");
                assert_eq!(other.severity.is_some(), sealed, "{kind}");
            }
        }
    }

    #[test]
    fn a_key_under_the_old_headers_is_sealed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key.pem");
        let path = path.to_str().expect("a path");
        output(
            "openssl",
            &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", path],
        );
        let text =
            output("openssl", &["rsa", "-in", path, "-aes128", "-traditional", "-passout", "pass:abcd"]);
        assert!(text.contains("Proc-Type"));
        let facts = proven(&text);
        assert_eq!(handle(&facts, "passphrase").as_deref(), Some("yes"));
        assert_eq!(proven(&text.replace('\n', " ")).canonical, facts.canonical);
        assert_eq!(proven(&text.replace('\n', "\\n")).canonical, facts.canonical);
    }

    #[test]
    fn keys_of_ssh_keygen_are_proven_with_their_fingerprint() {
        for (kind, passphrase) in [("ed25519", ""), ("rsa", ""), ("ecdsa", ""), ("ed25519", "abcdef")] {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("id");
            let path = file.to_str().expect("a path");
            output("ssh-keygen", &["-q", "-t", kind, "-N", passphrase, "-f", path]);
            let facts = proven(&std::fs::read_to_string(&file).expect("the key"));
            let shown = output("ssh-keygen", &["-l", "-f", path]);
            assert_eq!(handle(&facts, "ssh-fingerprint").as_deref(), shown.split(' ').nth(1));
            assert_eq!(handle(&facts, "passphrase").is_some(), !passphrase.is_empty());
        }
    }

    #[test]
    fn every_way_of_writing_it_is_the_same_key() {
        let pem = made("{{pem:rsa}}", 1);
        let canonical = proven(&pem).canonical;
        let lines: Vec<&str> = pem.lines().collect();
        let ways = [
            pem.replace('\n', "\r\n"),
            pem.replace('\n', "\\n"),
            pem.replace('\n', "\\\\n"),
            pem.replace('\n', "\\r\\n"),
            pem.replace('\n', " "),
            pem.replace('\n', "\n    "),
            pem.replace('\n', "\n# "),
            pem.replace('\n', "\n// "),
            pem.replace('\n', "\\n\" +\n  \""),
            pem.replace('\n', "\" + \""),
            pem.replace('\n', "\\n'\n '"),
            pem.replace('\n', "\\n\\\n"),
            pem.replace('/', "\\/").replace('\n', "\\n"),
            pem.replace('+', "\\u002b").replace('=', "\\u003d").replace('\n', "\\n"),
            pem.replace('+', "%2B").replace('\n', "%0A"),
            lines.concat(),
        ];
        for (at, way) in ways.iter().enumerate() {
            assert_eq!(facts(check("private-key", way)).canonical, canonical, "way {at}");
        }
    }

    #[test]
    fn a_modulus_that_is_not_the_product_fails() {
        let pem = made("{{pem:rsa}}", 1);
        let mut altered = pem.into_bytes();
        // A character in the modulus.
        altered[120] = if altered[120] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).expect("text");
        assert_eq!(check("private-key", &altered), Verdict::Failed);
    }

    #[test]
    fn markers_without_a_key_fail() {
        let dashes = "-----";
        for body in
            ["", "\n", "abc", "...", "MIIEowIBAAKCAQEA...", "\\n\\n", "\x00\x01\x02", "your private key here"]
        {
            let text =
                format!("{dashes}BEGIN RSA PRIVATE KEY{dashes}{body}{dashes}END RSA PRIVATE KEY{dashes}");
            assert_eq!(check("private-key", &text), Verdict::Failed, "{body}");
        }
        assert_eq!(check("private-key", &made("{{pem:public}}", 1)), Verdict::Failed);
    }
}
