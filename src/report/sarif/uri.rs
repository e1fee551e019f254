//! Paths as the relative URIs of RFC 3986.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::report::model::Location;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a path segment cannot hold as it is. A colon could, but not in the first segment: `a:b` would
/// be read as a scheme.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// A path below a base, without a way out of it: `..` ends at the root, as it does in an image.
pub(super) fn relative(path: &[u8]) -> String {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let encoded = segments.iter().map(|segment| percent_encode(segment, ENCODED).to_string());
    let uri = encoded.collect::<Vec<_>>().join("/");
    if uri.is_empty() { ".".to_owned() } else { uri }
}

/// A file of the image, with the members of archives behind a `!`; its very bytes, where its name is no
/// text. None where the location has no file.
pub(super) fn of_image(location: &Location) -> Option<String> {
    let path = location.path.as_ref()?;
    let bytes = location.path_base64.as_ref().and_then(|bytes| STANDARD.decode(bytes).ok());
    let mut bytes = bytes.unwrap_or_else(|| path.clone().into_bytes());
    for member in &location.inner {
        bytes.push(b'!');
        bytes.extend_from_slice(member.as_bytes());
    }
    Some(relative(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn what_a_uri_gives_a_meaning_is_encoded() {
        assert_eq!(relative(b"/app/.env"), "app/.env");
        assert_eq!(relative(b"a b/c#d?e%41"), "a%20b/c%23d%3Fe%2541");
        assert_eq!(relative("données/鍵".as_bytes()), "donn%C3%A9es/%E9%8D%B5");
        assert_eq!(relative(b"javascript:alert(1)"), "javascript%3Aalert(1)");
        assert_eq!(relative(b"a\xff\\\x1b"), "a%FF%5C%1B");
    }

    #[test]
    fn no_path_leads_out_of_its_base() {
        assert_eq!(relative(b"//evil.example/x"), "evil.example/x");
        assert_eq!(relative(b"../../etc/./passwd"), "etc/passwd");
        assert_eq!(relative(b"a/../../b"), "b");
        assert_eq!(relative(b"/"), ".");
    }

    #[test]
    fn a_path_that_is_no_text_is_told_by_its_bytes() {
        let mut location = fixture::file(1, "a\u{fffd}", 1);
        location.path_base64 = Some(STANDARD.encode(b"a\xff"));
        location.inner = vec!["b c".into()];
        assert_eq!(of_image(&location).as_deref(), Some("a%FF!b%20c"));
    }
}
