//! What an entry of a credentials file is for: a registry (`quay.io`), or the repositories below a path of
//! it (`quay.io/team`). All spellings of one registry, Docker Hub's many names above all, become one text,
//! so that a credential is found whichever tool wrote it, and never for another host.

/// Docker Hub, as references name it.
pub(super) const HUB: &str = "docker.io";

/// What Docker calls Docker Hub in its files, and before its credential helpers.
const HUB_SERVER: &str = "https://index.docker.io/v1/";

/// The scope that a key names. As Docker has it, a URL names its host whatever its path, and the paths of
/// the API versions mean nothing; any other path is podman's namespace.
pub(super) fn of_key(key: &str) -> String {
    let url = key
        .split_once("://")
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"));
    let rest = url.map_or(key, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    if url.is_some() || matches!(path, "" | "v1" | "v2") {
        return of_registry(host);
    }
    format!("{}/{path}", of_registry(host))
}

/// The scope of a whole registry (`docker.io`, `host[:port]`).
pub(super) fn of_registry(registry: &str) -> String {
    let host = registry.to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => HUB.to_owned(),
        _ => host,
    }
}

/// The scopes that hold a repository and are less than the whole registry, the closest first.
pub(super) fn namespaces(registry: &str, repository: &str) -> Vec<String> {
    let ends = repository.match_indices('/').map(|(at, _)| at).chain([repository.len()]);
    let paths = ends.filter_map(|end| repository.get(..end)).filter(|path| !path.is_empty());
    let mut scopes: Vec<String> = paths.map(|path| format!("{registry}/{path}")).collect();
    scopes.reverse();
    scopes
}

/// What Docker calls a registry where it stores credentials.
pub(super) fn docker_server(registry: &str) -> &str {
    if registry == HUB { HUB_SERVER } else { registry }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_what_docker_and_podman_mean_by_them() {
        for (key, scope) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("index.docker.io", "docker.io"),
            ("docker.io", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
            ("https://registry-1.docker.io/v2/", "docker.io"),
            ("docker.io/library", "docker.io/library"),
            ("index.docker.io/acme/app", "docker.io/acme/app"),
            ("quay.io", "quay.io"),
            ("Quay.IO", "quay.io"),
            ("quay.io/", "quay.io"),
            ("quay.io/v1/", "quay.io"),
            ("quay.io/v2", "quay.io"),
            ("HTTPS://quay.io/v2/", "quay.io"),
            ("http://localhost:5000", "localhost:5000"),
            ("https://registry.example.com/some/path", "registry.example.com"),
            ("quay.io/Team/app", "quay.io/Team/app"),
            ("quay.io/team/", "quay.io/team"),
            ("[::1]:5000/team", "[::1]:5000/team"),
            ("ssh://quay.io", "ssh://quay.io"),
            ("", ""),
        ] {
            assert_eq!(of_key(key), scope, "{key}");
        }
    }

    #[test]
    fn the_closest_namespace_comes_first() {
        assert_eq!(
            namespaces("quay.io", "team/group/app"),
            ["quay.io/team/group/app", "quay.io/team/group", "quay.io/team"]
        );
        assert_eq!(namespaces("localhost:5000", "app"), ["localhost:5000/app"]);
        assert!(namespaces("quay.io", "").is_empty());
    }

    #[test]
    fn docker_hub_is_stored_under_its_url() {
        assert_eq!(docker_server("docker.io"), "https://index.docker.io/v1/");
        assert_eq!(docker_server("quay.io"), "quay.io");
    }
}
