//! Values that stand for others in every manual: well-known UUIDs, and digests of words that nobody hides.

use std::collections::HashSet;
use std::sync::LazyLock;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// UUIDs of standards, manuals and test suites.
const UUIDS: [&str; 14] = [
    "123e4567-e89b-12d3-a456-426614174000",
    "123e4567-e89b-12d3-a456-426655440000",
    "550e8400-e29b-41d4-a716-446655440000",
    "f47ac10b-58cc-4372-a567-0e02b2c3d479",
    "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
    "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
    "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
    "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
    "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    "deadbeef-dead-beef-dead-beefdeadbeef",
    "01234567-89ab-cdef-0123-456789abcdef",
    "12345678-1234-1234-1234-123456789012",
];

/// What is hashed to show how a digest looks.
const WORDS: [&str; 20] = [
    "",
    "a",
    "abc",
    "admin",
    "changeme",
    "demo",
    "example",
    "foo",
    "foobar",
    "hello",
    "hello world",
    "password",
    "root",
    "secret",
    "test",
    "token",
    "123",
    "1234",
    "12345",
    "123456",
];

static DIGESTS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    WORDS
        .iter()
        .flat_map(|word| [hex(&Md5::digest(word)), hex(&Sha1::digest(word)), hex(&Sha256::digest(word))])
        .collect()
});

/// Whether it is one of them, in any case.
pub(super) fn is_sample(key: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(key) else { return false };
    match text.len() {
        36 => UUIDS.iter().any(|known| known.eq_ignore_ascii_case(text)),
        32 | 40 | 64 => DIGESTS.contains(&text.to_ascii_lowercase()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_sample;

    #[test]
    fn samples_are_known_in_any_case() {
        // Published: RFC 4122's name space for names of the DNS; MD5 and SHA-1 of nothing.
        assert!(is_sample(b"6BA7B810-9dad-11d1-80b4-00c04fd430c8"));
        assert!(is_sample(["d41d8cd98f00b204", "e9800998ecf8427e"].concat().as_bytes()));
        assert!(is_sample(["DA39A3EE5E6B4B0D3255", "BFEF95601890AFD80709"].concat().as_bytes()));
        assert!(!is_sample(b"6ba7b810-9dad-11d1-80b4-00c04fd430c9"));
    }
}
