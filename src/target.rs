//! What the user names on the command line, in the transports of skopeo and podman.
//!
//! Nothing is read here but whether a file exists: a path may hold colons, so the longest path that
//! exists is the path and the rest is the reference.

pub mod reference;

use std::path::{Path, PathBuf};

use oci_client::Reference;
use reference::ReferenceError;

use crate::image::digest::Digest;

/// A target as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The words of the user, unredacted.
    pub text: String,
    /// What they name.
    pub place: Place,
}

/// Where the image is.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// An archive or an OCI layout; which, its content says.
    Path {
        /// It existed when the target was parsed.
        path: PathBuf,
        /// Which of its images; all, if none.
        selector: Option<Selector>,
    },
    /// An archive on standard input.
    Stdin,
    /// An image in a registry.
    Registry(Reference),
    /// An image in the Docker engine, by name or id.
    DockerDaemon(String),
    /// An image in podman's store, by name or id.
    Podman(String),
    /// A bare reference: engines first, then the registry.
    Reference(Reference),
}

/// Which image of an archive or layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// By name, or by tag alone.
    Name(String),
    /// By digest of its manifest, index or config: `@sha256:…`.
    Digest(Digest),
    /// By position, from 0: `@0`.
    Position(usize),
}

/// Why a text names no target: one clear line.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct TargetError(String);

/// Transports of skopeo that are no registry's host, and what to do instead.
const OTHER_TRANSPORTS: [(&str, &str); 6] = [
    ("dir:", "use skopeo copy dir:… oci:…"),
    ("containers-storage:", "use podman save … | keyseam scan -"),
    ("docker-tar:", "use docker-archive:"),
    ("ostree:", "use skopeo copy ostree:… oci:…"),
    ("sif:", "use skopeo copy sif:… oci:…"),
    ("tarball:", "use docker-archive: or oci-archive:"),
];

const ARCHIVE_ENDINGS: [&str; 4] = [".tar", ".tgz", ".tar.gz", ".tar.zst"];

impl Target {
    /// Parses a target. A path that is not there is an error.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let place = parse_place(text)?;
        Ok(Self { text: text.to_owned(), place })
    }

    /// The normalised reference (`docker.io/library/alpine:latest`), where the target is one.
    pub fn reference(&self) -> Option<String> {
        match &self.place {
            Place::Registry(reference) | Place::Reference(reference) => Some(reference.whole()),
            Place::DockerDaemon(name) | Place::Podman(name) => normalise_reference(name),
            Place::Path { selector: Some(Selector::Name(name)), .. } => normalise_reference(name),
            Place::Path { .. } | Place::Stdin => None,
        }
    }
}

/// A reference in its full form, with registry and tag; `None` where the text is none.
pub fn normalise_reference(text: &str) -> Option<String> {
    reference::parse(text).ok().map(|reference| reference.whole())
}

fn parse_place(text: &str) -> Result<Place, TargetError> {
    if text == "-" {
        return Ok(Place::Stdin);
    }
    for prefix in ["docker-archive:", "oci-archive:", "oci:"] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return path_and_selector(rest).ok_or_else(|| no_path(rest, text))?;
        }
    }
    if let Some(name) = text.strip_prefix("docker://") {
        // The message repeats the whole text: a password is known by the scheme in front of it.
        let named = |error: ReferenceError| TargetError(format!("'{text}' is no image reference: {error}"));
        return reference::parse(name).map(Place::Registry).map_err(named);
    }
    for (prefix, place) in
        [("docker-daemon:", Place::DockerDaemon as fn(String) -> Place), ("podman:", Place::Podman)]
    {
        match text.strip_prefix(prefix) {
            Some("") => return Err(TargetError(format!("'{text}' names no image"))),
            Some(name) => return Ok(place(name.to_owned())),
            None => {}
        }
    }
    bare(text)
}

fn bare(text: &str) -> Result<Place, TargetError> {
    if text.starts_with(['.', '/', '~']) {
        return path_and_selector(text).ok_or_else(|| no_path(text, text))?;
    }
    let path = Path::new(text);
    if path.is_file() || path.join("index.json").is_file() {
        return Ok(Place::Path { path: path.to_owned(), selector: None });
    }
    if ARCHIVE_ENDINGS.iter().any(|ending| text.ends_with(ending)) {
        return Err(no_path(text, text));
    }
    if let Some((prefix, hint)) = OTHER_TRANSPORTS.iter().find(|(prefix, _)| text.starts_with(prefix)) {
        return Err(TargetError(format!("{prefix} is not supported: {hint}")));
    }
    if path.is_dir() && parse_reference(text).is_err() {
        return Err(TargetError(format!("{text} is a folder, but no OCI layout: it has no index.json")));
    }
    parse_reference(text).map(Place::Reference)
}

fn parse_reference(text: &str) -> Result<Reference, TargetError> {
    reference::parse(text).map_err(|error| TargetError(format!("'{text}' is no image reference: {error}")))
}

fn no_path(rest: &str, text: &str) -> TargetError {
    let path = rest.split(':').next().unwrap_or_default();
    if path.is_empty() {
        return TargetError(format!("'{text}' names no path"));
    }
    TargetError(format!("there is no file or folder {path}"))
}

/// Splits `PATH[:REF]` at the longest path that exists; `None` where none does.
fn path_and_selector(text: &str) -> Option<Result<Place, TargetError>> {
    let ends = text.match_indices(':').map(|(at, _)| at);
    let mut ends: Vec<usize> = ends.chain([text.len()]).collect();
    ends.reverse();
    ends.into_iter().find_map(|end| {
        let (path, rest) = text.split_at_checked(end)?;
        let path = expand_home(path);
        // Following a link that leads nowhere gives an error of the system later, which names it.
        if path.as_os_str().is_empty() || path.symlink_metadata().is_err() {
            return None;
        }
        let selector = rest.strip_prefix(':').filter(|reference| !reference.is_empty()).map(parse_selector);
        Some(selector.transpose().map(|selector| Place::Path { path, selector }))
    })
}

fn parse_selector(text: &str) -> Result<Selector, TargetError> {
    let Some(rest) = text.strip_prefix('@') else {
        // `name@sha256:…` is as exact as the digest alone.
        return match text.split_once('@') {
            Some((_, digest)) => parse_selector(&format!("@{digest}")),
            None => Ok(Selector::Name(text.to_owned())),
        };
    };
    if let Ok(position) = rest.parse() {
        return Ok(Selector::Position(position));
    }
    rest.parse().map(Selector::Digest).map_err(|error| TargetError(error.to_string()))
}

/// The shell leaves `~` alone behind a transport.
fn expand_home(path: &str) -> PathBuf {
    let rest = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match (rest, std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<Place, String> {
        Target::parse(text).map(|target| target.place).map_err(|error| error.to_string())
    }

    #[test]
    fn the_longest_path_that_exists_is_the_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().to_str().expect("UTF-8");
        for name in ["a", "a:1"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let expect = |text: &str, path: &str, selector: Option<Selector>| {
            let path = folder.path().join(path);
            assert_eq!(place(text), Ok(Place::Path { path, selector }), "{text}");
        };
        let name = |text: &str| Some(Selector::Name(text.to_owned()));
        expect(&format!("docker-archive:{root}/a:app:2"), "a", name("app:2"));
        expect(&format!("oci-archive:{root}/a:1"), "a:1", None);
        expect(&format!("oci:{root}/a:1:x"), "a:1", name("x"));
        expect(&format!("{root}/a:@3"), "a", Some(Selector::Position(3)));
        let digest = Digest::sha256_of(b"x");
        expect(&format!("{root}/a:app@{digest}"), "a", Some(Selector::Digest(digest.clone())));
        assert!(place(&format!("oci:{root}/a:@sha256:12")).is_err());
        assert_eq!(
            place(&format!("oci:{root}/none:x")),
            Err(format!("there is no file or folder {root}/none"))
        );
    }

    #[test]
    fn references_are_normalised_as_docker_does() {
        for (text, whole) in [
            ("docker://alpine", "docker.io/library/alpine:latest"),
            ("alpine:3", "docker.io/library/alpine:3"),
            ("docker-daemon:app", "docker.io/library/app:latest"),
            ("localhost:5000/app:1", "localhost:5000/app:1"),
        ] {
            let target = Target::parse(text).expect("a reference");
            assert_eq!(target.reference().as_deref(), Some(whole));
        }
        assert_eq!(place("-"), Ok(Place::Stdin));
    }

    #[test]
    fn what_is_missing_is_said_without_any_network() {
        for text in [
            "missing.tar",
            "missing.tgz",
            "./missing",
            "/missing",
            "~/missing-file",
            "docker-archive:missing",
        ] {
            assert!(place(text).is_err_and(|error| error.contains("no file or folder")), "{text}");
        }
        for text in
            ["docker-archive:", "oci:", "podman:", "docker://UPPER", "", "dir:/tmp", "containers-storage:x"]
        {
            assert!(place(text).is_err(), "{text}");
        }
    }
}
