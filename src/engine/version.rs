//! Versions of the engines' APIs: the lower of theirs and ours is spoken.

/// The newest version of Docker's API that is known here. Nothing that is asked for has changed since 1.24.
pub(super) const NEWEST: &str = "1.51";

/// The newest version of podman's own API that is known here.
pub(super) const NEWEST_LIBPOD: &str = "5.0.0";

/// The version since which Docker exports one platform when asked to.
pub(super) const PLATFORM_SINCE: &str = "1.48";

/// The lower one. `None` where the engine names none that can be read: then it is asked without a version.
pub(super) fn lower(theirs: Option<&str>, ours: &str) -> Option<String> {
    let theirs = theirs?.trim();
    let (their_parts, our_parts) = (parts(theirs)?, parts(ours)?);
    Some(if their_parts <= our_parts { theirs } else { ours }.to_owned())
}

/// Whether a version is known, and not below `least`.
pub(super) fn is_at_least(version: &Option<String>, least: &str) -> bool {
    version.as_deref().and_then(parts).is_some_and(|version| Some(version) >= parts(least))
}

fn parts(version: &str) -> Option<Vec<u32>> {
    let digits = |part: &str| !part.is_empty() && part.len() < 9 && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = version.split('.').collect();
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(|part| digits(part)) {
        return None;
    }
    parts.iter().map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_version_is_spoken() {
        for (theirs, spoken) in [
            (Some("1.41"), Some("1.41")),
            (Some("1.9"), Some("1.9")),
            (Some("1.99"), Some("1.51")),
            (Some("2.0"), Some("1.51")),
            (Some("1.41/../x"), None),
            (Some("1"), None),
            (Some("1."), None),
            (Some("1.99999999999"), None),
            (None, None),
        ] {
            assert_eq!(lower(theirs, NEWEST).as_deref(), spoken, "{theirs:?}");
        }
        assert_eq!(lower(Some("4.3.1"), NEWEST_LIBPOD).as_deref(), Some("4.3.1"));
        assert!(is_at_least(&Some("1.48".to_owned()), PLATFORM_SINCE));
        assert!(!is_at_least(&Some("1.9".to_owned()), PLATFORM_SINCE) && !is_at_least(&None, PLATFORM_SINCE));
    }
}
