//! In which files a detector applies.

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

    /// Whether there is anything to ask.
    pub(super) fn is_empty(&self) -> bool {
        self.never.is_empty() && self.only.is_none()
    }

    /// Whether the detector applies in the file at `path`, as a layer records it.
    pub(super) fn admit(&self, path: &[u8]) -> bool {
        let path = String::from_utf8_lossy(path);
        let path = path.trim_start_matches("./").trim_start_matches('/');
        !self.never.is_match(path) && self.only.as_ref().is_none_or(|only| only.is_match(path))
    }
}

fn set(globs: &[String]) -> Result<GlobSet, String> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(compiled(glob).map_err(|error| error.to_string())?);
    }
    builder.build().map_err(|error| error.to_string())
}

/// A bare name matches in every folder; `*` stays within one.
fn compiled(glob: &str) -> Result<Glob, globset::Error> {
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
