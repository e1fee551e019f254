//! What an engine knows of an image before it gives any of it: id, names, platform, layers.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::image::digest::Digest;
use crate::image::platform::Platform;
use crate::target::normalise_reference;

/// An image of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its id: the digest of its config, or of its manifest or index in containerd's store.
    pub id: Digest,
    /// Its names, as the engine has them.
    pub repo_tags: Vec<String>,
    /// `repository@digest` forms, as the engine has them.
    pub repo_digests: Vec<String>,
    /// Which platform the engine would run, where it says so.
    pub platform: Option<Platform>,
    /// Digests of the layers' tars, base first.
    pub diff_ids: Vec<Digest>,
    /// Annotations of its manifest, which podman does not export.
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    id: String,
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    #[serde(rename = "RootFS")]
    rootfs: Option<Rootfs>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rootfs {
    layers: Option<Vec<String>>,
}

impl Inspection {
    /// Reads the answer of `GET /images/NAME/json`, of Docker or of podman.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        Self::new(serde_json::from_slice(bytes).map_err(no_image)?)
    }

    /// Reads the answer of `podman image inspect NAME`: a list of one.
    pub(super) fn parse_list(bytes: &[u8]) -> Result<Self, String> {
        let answers: Vec<Answer> = serde_json::from_slice(bytes).map_err(no_image)?;
        Self::new(answers.into_iter().next().ok_or("it describes no image")?)
    }

    fn new(answer: Answer) -> Result<Self, String> {
        let id = match answer.id.contains(':') {
            true => answer.id.parse(),
            false => format!("sha256:{}", answer.id).parse(),
        };
        let named = |text: Option<String>| text.filter(|text| !text.is_empty());
        let platform = match (named(answer.os), named(answer.architecture)) {
            (Some(os), Some(architecture)) => {
                Some(Platform { os, architecture, variant: named(answer.variant), os_version: None })
            }
            _ => None,
        };
        let layers = answer.rootfs.and_then(|rootfs| rootfs.layers).unwrap_or_default();
        Ok(Self {
            id: id.map_err(|_| "its id is no digest")?,
            repo_tags: answer.repo_tags.unwrap_or_default(),
            repo_digests: answer.repo_digests.unwrap_or_default(),
            platform,
            diff_ids: layers.iter().filter_map(|text| text.parse().ok()).collect(),
            annotations: answer.annotations.unwrap_or_default(),
        })
    }

    /// The name of the image that was asked for as `asked`, in its full form: its own name by which it
    /// was found, or its first one if it was asked for by id. None if it has none.
    pub fn name(&self, asked: &str) -> Option<String> {
        let named = self.repo_tags.iter().filter(|tag| *tag != "<none>:<none>");
        let tags: Vec<String> = named.map(|tag| full(tag)).collect();
        // podman finds `app` as `localhost/app:latest` too, and in other registries.
        let with_tag = format!("{asked}:latest");
        let ends = |tag: &str, name: &str| tag.strip_suffix(name).is_some_and(|head| head.ends_with('/'));
        let ways: [&dyn Fn(&str) -> bool; 3] =
            [&|tag| tag == full(asked), &|tag| tag == full(&format!("localhost/{asked}")), &|tag| {
                ends(tag, asked) || ends(tag, &with_tag)
            }];
        match ways.iter().find_map(|way| tags.iter().find(|tag| way(tag))) {
            Some(tag) => Some(tag.clone()),
            None if asked.contains('@') => Some(full(asked)),
            None => tags.into_iter().next(),
        }
    }

    /// [`Self::repo_digests`] in their full form.
    pub fn full_repo_digests(&self) -> Vec<String> {
        self.repo_digests.iter().map(|digest| full(digest)).collect()
    }
}

/// serde's own words repeat parts of the answer.
fn no_image(error: serde_json::Error) -> String {
    format!("it describes no image (line {}, column {})", error.line(), error.column())
}

fn full(name: &str) -> String {
    normalise_reference(name).unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "35e419a67efc2aace011967795ff1d183fe80f862939baec97d6238189dd9b00";

    fn inspection(tags: &[&str]) -> Inspection {
        let answer =
            serde_json::json!({ "Id": ID, "RepoTags": tags, "RepoDigests": [format!("app@sha256:{ID}")] });
        Inspection::parse(answer.to_string().as_bytes()).expect("an image")
    }

    #[test]
    fn the_name_is_the_one_asked_for_or_the_first() {
        let docker = inspection(&["app:1", "team/app:2", "app:latest"]);
        for (asked, name) in [
            ("app:1", "docker.io/library/app:1"),
            ("team/app:2", "docker.io/team/app:2"),
            ("app", "docker.io/library/app:latest"),
            ("docker.io/library/app:1", "docker.io/library/app:1"),
            ("35e419a67efc", "docker.io/library/app:1"),
        ] {
            assert_eq!(docker.name(asked).as_deref(), Some(name), "{asked}");
        }
        let by_digest = format!("app@sha256:{ID}");
        assert_eq!(docker.name(&by_digest), Some(format!("docker.io/library/{by_digest}")));
        assert_eq!(docker.full_repo_digests(), [format!("docker.io/library/{by_digest}")]);
        assert_eq!(inspection(&[]).name("35e419a67efc"), None);
        assert_eq!(inspection(&["<none>:<none>"]).name("35e419a67efc"), None);
    }

    #[test]
    fn podman_finds_short_names_elsewhere() {
        let podman = inspection(&["quay.io/team/app:1", "localhost/app:1", "localhost/app:latest"]);
        assert_eq!(podman.name("app:1").as_deref(), Some("localhost/app:1"));
        assert_eq!(podman.name("app").as_deref(), Some("localhost/app:latest"));
        assert_eq!(podman.name("team/app:1").as_deref(), Some("quay.io/team/app:1"));
    }

    #[test]
    fn an_id_that_is_no_digest_is_refused() {
        for answer in [r#"{"Id":"../../x"}"#, r#"{"Id":""}"#, r#"{"Id":"sha256:--help"}"#, "{}", "[]", "ok"] {
            assert!(Inspection::parse(answer.as_bytes()).is_err(), "{answer}");
        }
        assert!(Inspection::parse_list(b"[]").is_err());
    }
}
