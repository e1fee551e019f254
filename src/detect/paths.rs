//! In which files a detector applies.

use std::borrow::Cow;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::definition::Paths;

/// The compiled `[detector.paths]`.
pub(super) struct PathRules {
    never: GlobSet,
    only: Option<GlobSet>,
}

impl PathRules {
    pub(super) fn new(paths: &Paths) -> Result<Self, String> {
        let only = if paths.only.is_empty() { None } else { Some(set(&paths.only)?) };
        Ok(Self { never: set(&paths.never)?, only })
    }

    /// Whether the detector applies in the file at `path`, as a layer records it.
    pub(super) fn admit(&self, path: &[u8]) -> bool {
        let path = plain(path);
        // Few files are among those that are named.
        self.only.as_ref().is_none_or(|only| only.is_match(&*path)) && !self.never.is_match(&*path)
    }
}

/// A path as globs look at it: from the root, without a mark of it.
pub(super) fn plain(path: &[u8]) -> Cow<'_, str> {
    let mut path = path;
    while let Some(rest) = path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")) {
        path = rest;
    }
    String::from_utf8_lossy(path)
}

fn set(globs: &[String]) -> Result<GlobSet, String> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(compiled(glob).map_err(|error| error.to_string())?);
    }
    builder.build().map_err(|error| error.to_string())
}

/// A bare name matches in every folder; `*` stays within one.
pub(super) fn compiled(glob: &str) -> Result<Glob, globset::Error> {
    let whole =
        if glob.contains('/') { glob.trim_start_matches('/').to_owned() } else { format!("**/{glob}") };
    GlobBuilder::new(&whole).literal_separator(true).build()
}

#[cfg(test)]
mod tests {
    use super::PathRules;
    use crate::detect::definition::Paths;

    fn admits(never: &[&str], only: &[&str], path: &str) -> bool {
        let list = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
        PathRules::new(&Paths { never: list(never), only: list(only) }).expect("valid").admit(path.as_bytes())
    }

    #[test]
    fn a_bare_name_matches_in_every_folder() {
        assert!(!admits(&["composer.lock"], &[], "app/composer.lock"));
        assert!(!admits(&["composer.lock"], &[], "./composer.lock"));
        assert!(admits(&["composer.lock"], &[], "app/composer.lock.txt"));
        assert!(admits(&[], &["*.npmrc"], "/root/.npmrc") && !admits(&[], &["*.npmrc"], "/root/x"));
    }

    #[test]
    fn a_path_matches_from_the_root() {
        assert!(!admits(&["etc/*.conf"], &[], "/etc/a.conf"));
        assert!(
            admits(&["etc/*.conf"], &[], "/etc/d/a.conf") && admits(&["etc/*.conf"], &[], "x/etc/a.conf")
        );
    }

    #[test]
    fn what_has_no_path_is_in_no_folder() {
        assert!(admits(&["*.lock"], &[], "") && !admits(&[], &["*.lock"], ""));
    }
}
