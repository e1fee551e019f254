//! PuTTY's private key files, versions 2 and 3.

use super::encoding::base64;
use super::{Candidate, Facts, Verdict, openssh};
use crate::detect::Severity;

/// From `PuTTY-User-Key-File-`: both halves must decode to as many lines as announced.
pub(super) fn private_key(candidate: Candidate<'_>) -> Verdict {
    match parse(candidate.text()) {
        Some(facts) => Verdict::Proven(facts),
        None => Verdict::Failed,
    }
}

fn parse(text: &str) -> Option<Facts> {
    let kind = field(text, "PuTTY-User-Key-File-2: ").or_else(|| field(text, "PuTTY-User-Key-File-3: "))?;
    let public = block(text, "Public-Lines: ")?;
    let private = block(text, "Private-Lines: ")?;
    // The public half opens with the length of its own kind.
    if public.get(4..4 + kind.len()) != Some(kind.as_bytes()) || private.len() < 16 {
        return None;
    }
    let facts = Facts { canonical: Some(private), ..Facts::default() };
    let facts = facts.with("type", kind).with("ssh-fingerprint", openssh::fingerprint(&public));
    if field(text, "Encryption: ")? == "none" {
        return Some(facts);
    }
    Some(Facts { severity: Some(Severity::Medium), ..facts }.with("passphrase", "yes"))
}

/// The rest of the line behind `name`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(name)?.1.lines().next().map(str::trim)
}

/// The bytes of the lines that `name` announces.
fn block(text: &str, name: &str) -> Option<Vec<u8>> {
    let count: usize = field(text, name)?.parse().ok()?;
    let lines = text.split_once(name)?.1.lines().skip(1).take(count);
    base64(lines.map(str::trim).collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn a_file_is_read_with_either_newline() {
        let file = made("{{putty}}", 1);
        let plain = facts(check("putty-private-key", &file));
        assert_eq!(handle(&plain, "type").as_deref(), Some("ssh-ed25519"));
        assert_eq!(facts(check("putty-private-key", &file.replace('\n', "\r\n"))), plain);
        let sealed =
            facts(check("putty-private-key", &file.replace("Encryption: none", "Encryption: aes256-cbc")));
        assert_eq!(sealed.severity, Some(Severity::Medium));
    }

    #[test]
    fn a_header_alone_is_no_key() {
        assert_eq!(
            check("putty-private-key", "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\n"),
            Verdict::Failed
        );
    }
}
