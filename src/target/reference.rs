//! References to images in registries, in full as Docker completes them. oci-client reads them too, with a
//! regular expression that takes thirty milliseconds and 18 MiB to compile: more than the rest of a start.

use oci_client::Reference;

use crate::image::digest::Digest;

/// The registry of a name without one, and the folder of its names of one word.
const DOCKER_HUB: &str = "docker.io";
const OFFICIAL: &str = "library";

/// What Docker Hub is called in old configurations.
const DOCKER_HUB_LEGACY: &str = "index.docker.io";

/// The longest repository name, in characters.
const NAME: usize = 255;

/// The longest tag (OCI distribution specification).
const TAG: usize = 128;

/// Why a text is no reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// There is no name in it.
    #[error("it has no repository name")]
    NameEmpty,
    /// Names are lowercase.
    #[error("repository name must be lowercase")]
    NameUppercase,
    /// The name has what no name has.
    #[error("invalid reference format")]
    Name,
    /// The name is too long.
    #[error("repository name must not be more than {NAME} characters")]
    NameTooLong,
    /// The registry is no host, or its port no number.
    #[error("invalid registry: it is a host name and, behind a colon, its port")]
    Registry,
    /// The tag has what no tag has.
    #[error("invalid tag format")]
    Tag,
    /// Behind the `@` is no digest.
    #[error("invalid digest: it is sha256, sha384 or sha512, a colon, and as many hex digits as that has")]
    Digest,
}

/// Reads `[REGISTRY[:PORT]/]NAME[:TAG][@DIGEST]` (OCI distribution specification, and the grammar of
/// distribution/reference).
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Reference, ReferenceError> {
    let (tagged, digest) = match text.split_once('@') {
        Some((tagged, digest)) => (tagged, Some(digest)),
        None => (text, None),
    };
    let is_digest = |digest: &str| digest.parse::<Digest>().is_ok();
    if !digest.is_none_or(is_digest) {
        return Err(ReferenceError::Digest);
    }
    let last = tagged.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match tagged.get(last..).and_then(|part| part.find(':')) {
        Some(colon) => {
            let (name, tag) = tagged.split_at(last + colon);
            (name, Some(&tag[1..]))
        }
        None => (tagged, None),
    };
    if !tag.is_none_or(is_tag) {
        return Err(ReferenceError::Tag);
    }
    let (registry, repository) = registry_and_repository(name)?;
    Ok(match (tag.map(str::to_owned), digest.map(str::to_owned)) {
        (Some(tag), Some(digest)) => Reference::with_tag_and_digest(registry, repository, tag, digest),
        (None, Some(digest)) => Reference::with_digest(registry, repository, digest),
        (Some(tag), None) => Reference::with_tag(registry, repository, tag),
        (None, None) => Reference::with_tag(registry, repository, "latest".to_owned()),
    })
}

fn registry_and_repository(name: &str) -> Result<(String, String), ReferenceError> {
    if name.is_empty() {
        return Err(ReferenceError::NameEmpty);
    }
    // The first part is a registry where no name of a repository would look like it.
    let is_registry = |first: &str| first.contains(['.', ':']) || first == "localhost";
    let (registry, repository) = match name.split_once('/').filter(|(first, _)| is_registry(first)) {
        Some((registry, repository)) if is_host(registry) => (registry, repository),
        Some(_) => return Err(ReferenceError::Registry),
        None => (DOCKER_HUB, name),
    };
    let registry = if registry == DOCKER_HUB_LEGACY { DOCKER_HUB } else { registry };
    if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ReferenceError::NameUppercase);
    }
    if !repository.split('/').all(is_component) {
        return Err(if repository.is_empty() { ReferenceError::NameEmpty } else { ReferenceError::Name });
    }
    let repository = match registry == DOCKER_HUB && !repository.contains('/') {
        true => format!("{OFFICIAL}/{repository}"),
        false => repository.to_owned(),
    };
    if repository.len() > NAME {
        return Err(ReferenceError::NameTooLong);
    }
    Ok((registry.to_owned(), repository))
}

/// Whether it is a host, perhaps with a port.
fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_plain && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    host.split('.').all(is_label) && port.is_none_or(is_port)
}

/// Whether it is a part of a name: runs of letters and digits, joined by `.`, `_`, `__` or hyphens.
fn is_component(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let run = rest.iter().take_while(|byte| is_plain(**byte)).count();
        let joint = rest.get(run..).unwrap_or_default();
        if run == 0 || joint.is_empty() {
            return run > 0;
        }
        let length = joint.iter().take_while(|byte| !is_plain(**byte)).count();
        let (joint, next) = joint.split_at(length);
        if !matches!(joint, b"." | b"_" | b"__") && joint.iter().any(|byte| *byte != b'-') {
            return false;
        }
        rest = next;
    }
}

fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let all = text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'));
    all && text.bytes().next().is_some_and(is_word) && text.len() <= TAG
}

/// Whether a tag is one that tools make for what is attached to an image: `sha256-HEX`, and behind it
/// `.sig`, `.att` or `.sbom` (the referrers fallback of the distribution specification, and cosign).
pub fn is_attachment(tag: &str) -> bool {
    let stem = [".sig", ".att", ".sbom"].iter().find_map(|end| tag.strip_suffix(end)).unwrap_or(tag);
    let digest = ["sha256-", "sha512-"].iter().find_map(|algorithm| stem.strip_prefix(algorithm));
    digest.is_some_and(|hex| hex.len() >= 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn references_are_completed_as_docker_does() {
        for (text, whole) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("test.com:5000", "docker.io/library/test.com:5000"),
            ("test.com/repo", "test.com/repo:latest"),
            ("test:5000/repo:Tag", "test:5000/repo:Tag"),
            ("localhost/a__b/c-d---e.f:1", "localhost/a__b/c-d---e.f:1"),
            ("foo/bar", "docker.io/foo/bar:latest"),
            ("index.docker.io/redis", "docker.io/library/redis:latest"),
            ("Registry.Example/app", "Registry.Example/app:latest"),
        ] {
            assert_eq!(parse(text).map(|reference| reference.whole()).as_deref(), Ok(whole), "{text}");
        }
        let pinned = parse(&format!("app:1@sha256:{HEX}")).expect("a reference");
        assert_eq!((pinned.tag(), pinned.digest()), (Some("1"), Some(format!("sha256:{HEX}").as_str())));
        assert_eq!(parse(&format!("app@sha256:{HEX}")).expect("a reference").tag(), None);
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, error) in [
            ("", ReferenceError::NameEmpty),
            (":1", ReferenceError::NameEmpty),
            ("a.b/", ReferenceError::NameEmpty),
            ("UPPER", ReferenceError::NameUppercase),
            ("Foo/bar", ReferenceError::NameUppercase),
            ("a//b", ReferenceError::Name),
            ("a/-b", ReferenceError::Name),
            ("a___b", ReferenceError::Name),
            ("a..b", ReferenceError::Name),
            ("a b", ReferenceError::Name),
            ("a:", ReferenceError::Tag),
            ("a:-1", ReferenceError::Tag),
            ("a:é", ReferenceError::Tag),
            ("a:b:c", ReferenceError::Tag),
            ("-a.b/c", ReferenceError::Registry),
            ("a:b/c", ReferenceError::Registry),
            ("a@b", ReferenceError::Digest),
            ("a@sha256:00", ReferenceError::Digest),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        assert_eq!(parse(&"a".repeat(300)), Err(ReferenceError::NameTooLong));
        assert!(parse(&format!("a:{}", "b".repeat(128))).is_ok());
        assert_eq!(parse(&format!("a:{}", "b".repeat(129))), Err(ReferenceError::Tag));
    }

    proptest! {
        /// oci-client takes what we take, and reads it alike; what it takes beyond that is in no specification.
        #[test]
        fn it_is_read_as_oci_client_reads_it(text in "[a-c0A.:/_@-]{0,14}", pinned in any::<bool>()) {
            let text = if pinned { format!("{text}@sha256:{HEX}") } else { text };
            let theirs = text.parse::<Reference>();
            match parse(&text) {
                Ok(ours) => prop_assert_eq!(Some(ours), theirs.ok()),
                Err(ReferenceError::NameUppercase) => {}
                Err(error) => prop_assert!(theirs.is_err(), "{} but {:?}", error, theirs),
            }
        }
    }
}
