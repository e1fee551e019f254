//! Where credentials are looked for: what is named is the only place; else the places of podman and of
//! Docker, in podman's order. Nothing is ever looked for in the working directory.

use std::ffi::OsString;
use std::path::PathBuf;

use super::file::Shape;

/// One place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A file that the user named, with what named it: it must be there.
    Named(&'static str, PathBuf),
    /// A file that may be there.
    Usual(PathBuf, Shape),
    /// The text of a file, in `$DOCKER_AUTH_CONFIG`.
    Text,
    /// A variable that would lead into the working directory, and is not followed.
    Relative(&'static str),
}

/// All places, in the order in which they are asked.
pub(super) fn places(authfile: Option<&PathBuf>, env: impl Fn(&str) -> Option<OsString>) -> Vec<Place> {
    let variable = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = authfile {
        return vec![Place::Named("--authfile", path.clone())];
    }
    if let Some(path) = variable("REGISTRY_AUTH_FILE") {
        return vec![Place::Named("REGISTRY_AUTH_FILE", path)];
    }
    let mut places = Vec::new();
    if variable("DOCKER_AUTH_CONFIG").is_some() {
        places.push(Place::Text);
    }
    let home = variable("HOME");
    // A variable, the folder that it names or that stands for it, and the file below.
    let below = |name: &'static str, otherwise: Option<&str>, file: &str| {
        let named = variable(name).map(|folder| (name, folder.join(file)));
        named.or_else(|| Some(("HOME", home.as_ref()?.join(otherwise?).join(file))))
    };
    let session = below("XDG_RUNTIME_DIR", None, "containers/auth.json");
    // Elsewhere than on Linux, podman keeps its logins where no variable moves them.
    let fixed = below("HOME", None, ".config/containers/auth.json").filter(|_| !cfg!(target_os = "linux"));
    let known = [
        (session.or_else(without_session), Shape::Containers),
        (fixed, Shape::Containers),
        (below("XDG_CONFIG_HOME", Some(".config"), "containers/auth.json"), Shape::Containers),
        (below("DOCKER_CONFIG", Some(".docker"), "config.json"), Shape::Docker),
        (below("HOME", None, ".dockercfg"), Shape::Legacy),
    ];
    for (found, shape) in known {
        let Some((name, path)) = found else { continue };
        let place = if path.is_absolute() { Place::Usual(path, shape) } else { Place::Relative(name) };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// Where podman keeps the logins of a user without a session (root in a container, in CI).
fn without_session() -> Option<(&'static str, PathBuf)> {
    let path = || PathBuf::from(format!("/run/containers/{}/auth.json", rustix::process::getuid().as_raw()));
    cfg!(target_os = "linux").then(|| ("XDG_RUNTIME_DIR", path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Vec<Place> {
        places(None, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    fn usual(path: &str, shape: Shape) -> Place {
        Place::Usual(PathBuf::from(path), shape)
    }

    #[test]
    fn what_is_named_is_the_only_place() {
        let env = |name: &str| (name == "REGISTRY_AUTH_FILE").then(|| OsString::from("/env.json"));
        let option = PathBuf::from("auth.json");
        assert_eq!(places(Some(&option), env), [Place::Named("--authfile", option)]);
        let named = Place::Named("REGISTRY_AUTH_FILE", PathBuf::from("/env.json"));
        let all = [("REGISTRY_AUTH_FILE", "/env.json"), ("HOME", "/h"), ("DOCKER_AUTH_CONFIG", "{}")];
        assert_eq!(with(&all), [named]);
    }

    #[test]
    fn the_variables_of_podman_and_docker_are_followed() {
        let all = [
            ("XDG_RUNTIME_DIR", "/run/user/7"),
            ("XDG_CONFIG_HOME", "/c"),
            ("DOCKER_CONFIG", "/d"),
            ("HOME", "/h"),
            ("DOCKER_AUTH_CONFIG", "{}"),
            ("REGISTRY_AUTH_FILE", ""),
        ];
        let mut expected = vec![
            Place::Text,
            usual("/run/user/7/containers/auth.json", Shape::Containers),
            usual("/c/containers/auth.json", Shape::Containers),
            usual("/d/config.json", Shape::Docker),
            usual("/h/.dockercfg", Shape::Legacy),
        ];
        if !cfg!(target_os = "linux") {
            expected.insert(2, usual("/h/.config/containers/auth.json", Shape::Containers));
        }
        assert_eq!(with(&all), expected);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn without_variables_the_places_are_below_home_and_run() {
        use std::os::unix::fs::MetadataExt;
        let uid = std::fs::metadata("/proc/self").expect("this process").uid();
        let expected = [
            usual(&format!("/run/containers/{uid}/auth.json"), Shape::Containers),
            usual("/h/.config/containers/auth.json", Shape::Containers),
            usual("/h/.docker/config.json", Shape::Docker),
            usual("/h/.dockercfg", Shape::Legacy),
        ];
        assert_eq!(with(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", ""), ("DOCKER_CONFIG", "")]), expected);
        assert_eq!(with(&[]), expected[..1]);
    }

    #[test]
    fn no_variable_leads_into_the_working_directory() {
        let relative =
            [("XDG_RUNTIME_DIR", "r"), ("XDG_CONFIG_HOME", "."), ("DOCKER_CONFIG", "./d"), ("HOME", "h")];
        let expected = ["XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "HOME"].map(Place::Relative);
        let found = with(&relative);
        assert!(found.iter().all(|place| matches!(place, Place::Relative(_))), "{found:?}");
        assert!(expected.iter().all(|place| found.contains(place)), "{found:?}");
    }
}
