//! Files that hold secrets in a format of their own: keytabs of Kerberos, vaults of Ansible.

use super::encoding::from_hex;
use super::{Candidate, Facts, Verdict};

/// The magic of a keytab: 5, and the version in which numbers are big-endian.
const KEYTAB: &[u8] = &[0x05, 0x02];

/// Types of keys that a keytab names (RFC 3961 and the registry it founded), and their bytes.
const KEY_TYPES: &[(u16, usize, &str)] = &[
    (1, 8, "des-cbc-crc"),
    (3, 8, "des-cbc-md5"),
    (16, 24, "des3-cbc-sha1"),
    (17, 16, "aes128-cts-hmac-sha1-96"),
    (18, 32, "aes256-cts-hmac-sha1-96"),
    (19, 16, "aes128-cts-hmac-sha256-128"),
    (20, 32, "aes256-cts-hmac-sha384-192"),
    (23, 16, "arcfour-hmac"),
    (25, 16, "camellia128-cts-cmac"),
    (26, 32, "camellia256-cts-cmac"),
];

/// A keytab with at least one whole entry: it names its principal. Canonical: that entry's key.
pub(super) fn keytab(candidate: Candidate<'_>) -> Verdict {
    let Some(mut rest) = candidate.key.strip_prefix(KEYTAB) else { return Verdict::Failed };
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        // A hole, where an entry was deleted, has a negative length.
        let length = i32::from_be_bytes(*length);
        let Some((entry, behind)) =
            usize::try_from(length.unsigned_abs()).ok().and_then(|length| behind.split_at_checked(length))
        else {
            return Verdict::Failed;
        };
        if length > 0 {
            return entry_of(entry).map_or(Verdict::Failed, Verdict::Proven);
        }
        if length == 0 {
            return Verdict::Failed;
        }
        rest = behind;
    }
    Verdict::Failed
}

/// Components, realm, names, name type, moment, version, type and bytes of the key.
fn entry_of(entry: &[u8]) -> Option<Facts> {
    let (count, mut rest) = number(entry)?;
    let (realm, behind) = counted(rest)?;
    rest = behind;
    let mut names = Vec::new();
    for _ in 0..count {
        let (name, behind) = counted(rest)?;
        names.push(name);
        rest = behind;
    }
    let rest = rest.get(9..)?;
    let (kind, rest) = number(rest)?;
    let (key, _) = counted(rest)?;
    let (_, _, encryption) =
        KEY_TYPES.iter().find(|(known, bytes, _)| *known == kind && *bytes == key.len())?;
    let text = |bytes: &[u8]| {
        let printable = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
        printable.then(|| String::from_utf8_lossy(bytes).into_owned())
    };
    let names: Vec<String> = names.into_iter().map(text).collect::<Option<_>>()?;
    let facts = Facts { canonical: Some(key.to_vec()), ..Facts::default() };
    let principal = format!("{}@{}", names.join("/"), text(realm)?);
    (!names.is_empty()).then(|| facts.with("principal", principal).with("encryption", *encryption))
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    bytes.split_first_chunk::<2>().map(|(number, rest)| (u16::from_be_bytes(*number), rest))
}

/// Bytes behind their number.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = number(bytes)?;
    rest.split_at_checked(usize::from(length))
}

/// `ANSIBLE_VAULT;…`, behind a `$` or not, and lines of hex, which are hex once more: salt, MAC and text, a
/// line each.
/// Canonical: those bytes, whatever the lines are indented by.
pub(super) fn ansible_vault(candidate: Candidate<'_>) -> Verdict {
    let text = candidate.text().replace("\\n", "\n");
    let mut lines = text.lines().map(str::trim);
    let header = lines.next().unwrap_or_default();
    let mut fields = header.split(';');
    let known = matches!(fields.next(), Some("$ANSIBLE_VAULT" | "ANSIBLE_VAULT"));
    let (version, cipher, label) = (fields.next(), fields.next(), fields.next());
    if !known || !matches!(version, Some("1.1" | "1.2")) || cipher != Some("AES256") {
        return Verdict::Failed;
    }
    let hex: String = lines.collect();
    let Some(inner) = from_hex(hex.as_bytes()) else { return Verdict::Failed };
    let parts: Vec<Option<Vec<u8>>> = inner.split(|&byte| byte == b'\n').map(from_hex).collect();
    let [Some(salt), Some(mac), Some(sealed)] = parts.as_slice() else { return Verdict::Failed };
    // The text is padded to whole blocks of AES.
    if salt.len() != 32 || mac.len() != 32 || sealed.is_empty() || sealed.len() % 16 != 0 {
        return Verdict::Failed;
    }
    let facts = Facts { canonical: Some(inner.clone()), ..Facts::default() };
    Verdict::Proven(match label {
        Some(label) => facts.with("vault-id", label),
        None => facts,
    })
}

#[cfg(test)]
mod tests {
    use super::super::encoding::hex;
    use super::super::find;
    use super::super::tests::{check, facts, handle};
    use super::*;
    use crate::detect::template::Seed;

    /// A keytab of one entry, by the description of the format in MIT's documentation.
    fn keytab_of(kind: u16, key: &[u8]) -> Vec<u8> {
        let mut entry = vec![0, 2];
        for text in ["TEAM.IO", "HTTP", "web.team.io"] {
            entry.extend((text.len() as u16).to_be_bytes());
            entry.extend(text.as_bytes());
        }
        entry.extend([0, 0, 0, 1, 0x65, 0, 0, 0, 3]);
        entry.extend(kind.to_be_bytes());
        entry.extend((key.len() as u16).to_be_bytes());
        entry.extend(key);
        let hole = [0xFF, 0xFF, 0xFF, 0xFE, 0, 0];
        [KEYTAB, &hole, &(entry.len() as u32).to_be_bytes(), &entry].concat()
    }

    fn keytab_verdict(bytes: &[u8]) -> Verdict {
        find("kerberos-keytab").expect("known")(Candidate { key: bytes, matched: bytes })
    }

    #[test]
    fn a_keytab_names_its_principal() {
        let key = Seed(8).bytes::<32>();
        let facts = facts(keytab_verdict(&keytab_of(18, &key)));
        assert_eq!(handle(&facts, "principal").as_deref(), Some("HTTP/web.team.io@TEAM.IO"));
        assert_eq!(handle(&facts, "encryption").as_deref(), Some("aes256-cts-hmac-sha1-96"));
        assert_eq!(facts.canonical, Some(key.to_vec()));
    }

    #[test]
    fn a_cut_keytab_and_one_with_a_key_of_another_length_fail() {
        let whole = keytab_of(18, &Seed(8).bytes::<32>());
        assert_eq!(keytab_verdict(&whole[..whole.len() - 1]), Verdict::Failed);
        assert_eq!(keytab_verdict(&keytab_of(18, &Seed(8).bytes::<16>())), Verdict::Failed);
        assert_eq!(keytab_verdict(&keytab_of(99, &Seed(8).bytes::<16>())), Verdict::Failed);
        assert_eq!(keytab_verdict(&[5, 2, 0, 0, 0, 0, 0, 0]), Verdict::Failed);
    }

    /// A vault's text, its hex in lines of 80 as Ansible writes them.
    fn vault_of(parts: &[&[u8]], indent: &str) -> String {
        let inner = parts.iter().map(|part| hex(part)).collect::<Vec<_>>().join("\n");
        let outer = hex(inner.as_bytes());
        let lines = outer.as_bytes().chunks(80).map(|line| String::from_utf8_lossy(line).into_owned());
        let header = "$ANSIBLE_VAULT;1.2;AES256;prod".to_owned();
        [header].into_iter().chain(lines).collect::<Vec<_>>().join(&format!("\n{indent}"))
    }

    #[test]
    fn a_vault_is_the_same_however_it_is_indented() {
        let (salt, mac, sealed) = (Seed(1).bytes::<32>(), Seed(2).bytes::<32>(), Seed(3).bytes::<48>());
        let plain = facts(check("ansible-vault", &vault_of(&[&salt, &mac, &sealed], "")));
        assert_eq!(handle(&plain, "vault-id").as_deref(), Some("prod"));
        assert_eq!(facts(check("ansible-vault", &vault_of(&[&salt, &mac, &sealed], "    "))), plain);
        assert_eq!(check("ansible-vault", &vault_of(&[&salt, &mac, &sealed[..47]], "")), Verdict::Failed);
        assert_eq!(check("ansible-vault", &vault_of(&[&salt, &mac], "")), Verdict::Failed);
    }
}
