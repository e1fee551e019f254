//! How a manifest is deleted, and its layers with it, in the registries that people use: told by the host.

use crate::target::reference;

/// An image in a registry.
pub(super) struct Stored<'a> {
    /// The registry's host, with its port.
    pub(super) host: &'a str,
    /// The repository in it.
    pub(super) repository: &'a str,
    /// Digest of the manifest, or of the index where there is one.
    pub(super) digest: &'a str,
}

/// A registry that is known by its host, and what deletes an image there.
struct Known {
    is_host: fn(&str) -> bool,
    steps: fn(&Stored<'_>) -> Vec<String>,
}

/// The first one that fits.
const KNOWN: [Known; 10] = [
    Known { is_host: |host| host == "docker.io", steps: docker_hub },
    Known { is_host: |host| host == "ghcr.io", steps: github },
    Known { is_host: |host| host == "public.ecr.aws", steps: ecr_public },
    Known { is_host: |host| host.contains(".dkr.ecr"), steps: ecr },
    Known { is_host: |host| host.ends_with(".pkg.dev") || host.ends_with("gcr.io"), steps: google },
    Known { is_host: |host| host.ends_with(".azurecr.io"), steps: azure },
    Known { is_host: |host| host == "quay.io", steps: quay },
    Known { is_host: |host| host.starts_with("registry.gitlab."), steps: gitlab },
    Known { is_host: |host| host == "registry.digitalocean.com", steps: digitalocean },
    Known { is_host: |_| true, steps: distribution },
];

/// The steps that delete `digest` from the repository of `reference` for good.
pub(super) fn deletion(reference: &str, digest: &str) -> Option<Vec<String>> {
    let (host, repository) = parts(reference)?;
    let stored = Stored { host: &host, repository: &repository, digest };
    KNOWN.iter().find(|known| (known.is_host)(&host)).map(|known| (known.steps)(&stored))
}

/// Host and repository of a normalised reference.
fn parts(reference: &str) -> Option<(String, String)> {
    let parsed = reference::parse(reference).ok()?;
    Some((parsed.registry().to_owned(), parsed.repository().to_owned()))
}

fn docker_hub(stored: &Stored<'_>) -> Vec<String> {
    let Stored { repository, digest, .. } = stored;
    let page = repository.strip_prefix("library/").map_or_else(
        || format!("https://hub.docker.com/repository/docker/{repository}/tags"),
        |_| "https://hub.docker.com".to_owned(),
    );
    vec![
        format!(
            "Delete at Docker Hub, under Tags of {repository} ({page}), every tag that leads to `{digest}`, or the manifest itself under Image Management."
        ),
        format!(
            "Or by API, for each such tag: `curl -X DELETE -H \"Authorization: Bearer $HUB_TOKEN\" https://hub.docker.com/v2/repositories/{repository}/tags/<tag>/`. Docker Hub collects what no manifest names any more; until then the digest can be pulled."
        ),
    ]
}

fn github(stored: &Stored<'_>) -> Vec<String> {
    let (owner, package) = stored.repository.split_once('/').unwrap_or((stored.repository, ""));
    let package = package.replace('/', "%2F");
    let digest = stored.digest;
    vec![
        format!(
            "Find the version at GitHub: `gh api --paginate /orgs/{owner}/packages/container/{package}/versions --jq '.[] | select(.name == \"{digest}\") | .id'` (of a user: `/users/{owner}/...`)."
        ),
        format!(
            "Delete it: `gh api -X DELETE /orgs/{owner}/packages/container/{package}/versions/<id>`. It can be restored for 30 days; of a public package with over 5,000 downloads GitHub's support has to delete it."
        ),
    ]
}

fn ecr_public(stored: &Stored<'_>) -> Vec<String> {
    let name = stored.repository.rsplit('/').next().unwrap_or(stored.repository);
    vec![format!(
        "Delete it: `aws ecr-public batch-delete-image --region us-east-1 --repository-name {name} --image-ids imageDigest={}`. ECR drops the layers that no image needs on its own.",
        stored.digest
    )]
}

fn ecr(stored: &Stored<'_>) -> Vec<String> {
    let mut labels = stored.host.split('.');
    let account = labels.next().unwrap_or_default();
    let region = labels.nth(2).unwrap_or("<region>");
    vec![format!(
        "Delete it: `aws ecr batch-delete-image --registry-id {account} --region {region} --repository-name {} --image-ids imageDigest={}`. ECR drops the layers that no image needs on its own; replicas in other regions and accounts are deleted each for itself.",
        stored.repository, stored.digest
    )]
}

fn google(stored: &Stored<'_>) -> Vec<String> {
    vec![format!(
        "Delete it: `gcloud artifacts docker images delete {}/{}@{} --delete-tags`. Layers that no image needs go on their own.",
        stored.host, stored.repository, stored.digest
    )]
}

fn azure(stored: &Stored<'_>) -> Vec<String> {
    let name = stored.host.split('.').next().unwrap_or_default();
    vec![
        format!(
            "Delete it: `az acr repository delete --name {name} --image {}@{}`. All its tags go with it, and the layers that no manifest needs.",
            stored.repository, stored.digest
        ),
        format!(
            "Where soft delete is on, it can be restored for days: `az acr config soft-delete show --registry {name}`; purge it there as well."
        ),
    ]
}

fn quay(stored: &Stored<'_>) -> Vec<String> {
    vec![
        format!(
            "Delete at Quay, under Tags of https://quay.io/repository/{}?tab=tags, every tag that leads to `{}`.",
            stored.repository, stored.digest
        ),
        "Quay's time machine keeps deleted tags, two weeks by default: under Tags choose to delete permanently, or shorten the time in the organization's settings; then it collects the layers on its own.".to_owned(),
    ]
}

fn gitlab(stored: &Stored<'_>) -> Vec<String> {
    vec![
        format!(
            "Delete in GitLab, under Deploy > Container registry of {}, every tag that leads to `{}`, or `curl -X DELETE -H \"PRIVATE-TOKEN: $TOKEN\" https://<gitlab>/api/v4/projects/<id>/registry/repositories/<id>/tags/<tag>`.",
            stored.repository, stored.digest
        ),
        "GitLab.com collects the layers on its own after a day; a server of yours needs `gitlab-ctl registry-garbage-collect -m`.".to_owned(),
    ]
}

fn digitalocean(stored: &Stored<'_>) -> Vec<String> {
    let (registry, repository) = stored.repository.split_once('/').unwrap_or((stored.repository, ""));
    vec![format!(
        "Delete it: `doctl registry repository delete-manifest {repository} {}`, then collect: `doctl registry garbage-collection start {registry}`.",
        stored.digest
    )]
}

/// The distribution API, and what the common servers of one's own need besides.
fn distribution(stored: &Stored<'_>) -> Vec<String> {
    let Stored { host, repository, digest } = stored;
    vec![
        format!(
            "Delete the manifest: `skopeo delete docker://{host}/{repository}@{digest}`. The registry must allow it (Distribution: `REGISTRY_STORAGE_DELETE_ENABLED=true`)."
        ),
        "Then collect the layers that no manifest names, while nothing is pushed: Distribution `registry garbage-collect --delete-untagged /etc/docker/registry/config.yml`; Harbor: Clean Up > Garbage Collection; Nexus: the tasks for unused manifests and for compacting the blob store; Artifactory: empty the trash can, then run garbage collection.".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn first(reference: &str) -> String {
        deletion(reference, DIGEST).expect("a reference").remove(0)
    }

    #[test]
    fn each_registry_is_told_by_its_host() {
        let ecr = first("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1");
        assert!(ecr.contains("--registry-id 123456789012 --region eu-west-1 --repository-name team/app"));
        assert!(first("ghcr.io/acme/web/app:1").contains("/orgs/acme/packages/container/web%2Fapp/versions"));
        assert!(
            first("europe-docker.pkg.dev/p/r/app:1")
                .contains(&format!("europe-docker.pkg.dev/p/r/app@{DIGEST}"))
        );
        assert!(first("acme.azurecr.io/app:1").contains("--name acme --image app@sha256:"));
        assert!(
            first("docker.io/acme/app:1").contains("https://hub.docker.com/repository/docker/acme/app/tags")
        );
        assert!(first("docker.io/library/app:1").contains("(https://hub.docker.com)"));
        assert!(
            first("localhost:5000/app:1")
                .contains(&format!("skopeo delete docker://localhost:5000/app@{DIGEST}"))
        );
        assert!(first("public.ecr.aws/alias/app:1").contains("--repository-name app "));
    }
}
