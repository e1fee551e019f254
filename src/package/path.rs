//! Paths as the records and the tar write them, made comparable: from the root, without `.`, `..` and
//! empty parts.

use std::borrow::Cow;

/// Folders that lie below `/usr` where it is merged, and below `/` where it is not. Packages record the
/// one, images ship the other.
const MERGED: [&[u8]; 7] = [b"bin/", b"sbin/", b"lib/", b"lib32/", b"lib64/", b"libx32/", b"libo32/"];

/// The path below the root; `..` removes the part before it and never leaves the root.
pub(super) fn clean(path: &[u8]) -> Cow<'_, [u8]> {
    let mut path = path;
    while let Some(rest) = path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")) {
        path = rest;
    }
    let odd = |part: &[u8]| matches!(part, b"" | b"." | b"..");
    if !path.split(|byte| *byte == b'/').any(odd) {
        return Cow::Borrowed(path);
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    Cow::Owned(parts.join(&b'/'))
}

/// The other path of a cleaned one in a system with `/usr` merged or not.
pub(super) fn merged(path: &[u8]) -> Option<Vec<u8>> {
    let is_merged = |path: &[u8]| MERGED.iter().any(|folder| path.starts_with(folder));
    match path.strip_prefix(b"usr/") {
        Some(rest) => is_merged(rest).then(|| rest.to_vec()),
        None => is_merged(path).then(|| [b"usr/", path].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_however_it_is_written() {
        for path in ["usr/lib/x", "/usr/lib/x", "./usr/lib/x", ".//usr/./lib//x", "/../usr/bin/../lib/x"] {
            assert_eq!(&*clean(path.as_bytes()), b"usr/lib/x", "{path}");
        }
        assert_eq!(&*clean(b"/"), b"");
        assert_eq!(&*clean(b"a/../.."), b"");
    }

    #[test]
    fn merged_folders_have_two_paths() {
        assert_eq!(merged(b"lib/x").as_deref(), Some(&b"usr/lib/x"[..]));
        assert_eq!(merged(b"usr/sbin/x").as_deref(), Some(&b"sbin/x"[..]));
        assert_eq!(merged(b"usr/share/x"), None);
        assert_eq!(merged(b"libexec/x"), None);
    }
}
