//! Paths of tar entries, cleaned inside the root as runtimes do it: by their text alone, before any
//! symlink is looked at.

/// What a whiteout's name begins with (OCI image specification, layer.md).
pub(crate) const WHITEOUT: &[u8] = b".wh.";

/// Name of the whiteout that hides all that lower layers have in its folder.
pub(crate) const OPAQUE: &[u8] = b".wh..wh..opq";

/// What the names of AUFS's own files begin with.
pub(crate) const AUFS: &[u8] = b".wh..wh.";

/// The components of `path` below the root: empty ones and `.` left out, `..` removing the one before
/// it and never leaving the root. Absolute or relative makes no difference.
pub(super) fn clean(path: &[u8]) -> Vec<&[u8]> {
    let mut components = Vec::new();
    for component in path.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                components.pop();
            }
            name => components.push(name),
        }
    }
    components
}

/// What the last component of a path makes of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark<'a> {
    /// Nothing: the entry is itself.
    None,
    /// It removes this name in its folder.
    Whiteout(&'a [u8]),
    /// It removes all in its folder.
    Opaque,
}

/// What an entry with this name in its folder is, whatever its kind.
pub(super) fn mark(name: &[u8]) -> Mark<'_> {
    match name.strip_prefix(WHITEOUT) {
        _ if name == OPAQUE => Mark::Opaque,
        Some(hidden) => Mark::Whiteout(hidden),
        None => Mark::None,
    }
}

/// Whether the cleaned path lies in the metadata of AUFS, which old layers hold at their top and Docker
/// passes over.
pub(super) fn is_aufs_metadata(components: &[&[u8]]) -> bool {
    components.first().is_some_and(|name| name.starts_with(AUFS) && *name != OPAQUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_inside_the_root() {
        let cases: [(&[u8], &[&[u8]]); 9] = [
            (b"a/b", &[b"a", b"b"]),
            (b"./a//b/", &[b"a", b"b"]),
            (b"/a/./b", &[b"a", b"b"]),
            (b"a/../b", &[b"b"]),
            (b"../../a", &[b"a"]),
            (b"a/../../../b/c/..", &[b"b"]),
            (b"./", &[]),
            (b"", &[]),
            (b"a/..b/...", &[b"a", b"..b", b"..."]),
        ];
        for (path, expected) in cases {
            assert_eq!(clean(path), expected, "{}", path.escape_ascii());
        }
    }

    #[test]
    fn names_of_whiteouts() {
        assert_eq!(mark(b"a"), Mark::None);
        assert_eq!(mark(b".wh"), Mark::None);
        assert_eq!(mark(b"a.wh.b"), Mark::None);
        assert_eq!(mark(b".wh.a"), Mark::Whiteout(b"a"));
        assert_eq!(mark(b".wh."), Mark::Whiteout(b""));
        assert_eq!(mark(b".wh..wh..opq"), Mark::Opaque);
        assert_eq!(mark(b".wh..wh..opqs"), Mark::Whiteout(b".wh..opqs"));
    }

    #[test]
    fn metadata_of_aufs_lies_at_the_top_only() {
        assert!(is_aufs_metadata(&clean(b".wh..wh.plnk/17")));
        assert!(is_aufs_metadata(&clean(b"./.wh..wh.aufs")));
        assert!(!is_aufs_metadata(&clean(b".wh..wh..opq")));
        assert!(!is_aufs_metadata(&clean(b"a/.wh..wh.aufs")));
    }
}
