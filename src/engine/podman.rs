//! Where podman is: its API socket, which only runs if somebody started it, or else its command.

use std::path::{Path, PathBuf};

use super::command::Podman;
use super::docker::{Variables, text};
use super::endpoint::Endpoint;
use super::error::EngineError;

/// How podman can be asked.
pub(super) enum Way {
    /// Over its API, at the first of these that answers.
    Api(Vec<Endpoint>),
    /// By its command line.
    Command(Podman),
}

/// The way to podman here.
///
/// # Errors
/// When there is none, or `CONTAINER_HOST` names one that cannot be used.
pub(super) fn find(variables: Variables<'_>) -> Result<Way, EngineError> {
    if let Some(host) = text(variables, "CONTAINER_HOST") {
        return Ok(Way::Api(vec![Endpoint::parse(&host, None, "CONTAINER_HOST")?]));
    }
    let there: Vec<PathBuf> = sockets(variables).into_iter().filter(|path| path.exists()).collect();
    if !there.is_empty() {
        return Ok(Way::Api(there.into_iter().map(Endpoint::unix).collect()));
    }
    Podman::on_path(variables).map(Way::Command).ok_or_else(|| {
        let sockets: Vec<String> = sockets(variables).iter().map(|path| path.display().to_string()).collect();
        let looked = format!(
            "no socket at {}, and no podman on PATH (install podman, or name its socket with CONTAINER_HOST)",
            sockets.join(" or ")
        );
        EngineError::Absent { engine: "Podman", looked, short: "not installed" }
    })
}

/// Where podman's sockets are when nobody says: of the user, of the system.
fn sockets(variables: Variables<'_>) -> Vec<PathBuf> {
    let runtime = variables("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    let user = runtime.map(|folder| Path::new(&folder).join("podman/podman.sock"));
    user.into_iter().chain([PathBuf::from("/run/podman/podman.sock")]).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn shown(way: Result<Way, EngineError>) -> String {
        match way {
            Ok(Way::Api(endpoints)) => {
                endpoints.iter().map(Endpoint::to_string).collect::<Vec<_>>().join(" ")
            }
            Ok(Way::Command(podman)) => podman.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_socket_wins_over_the_command_and_a_variable_over_both() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let program = root.join("bin/podman");
        std::fs::create_dir_all(root.join("bin")).expect("a folder");
        std::fs::write(&program, "").expect("a file");
        let variables = |name: &str| match name {
            "PATH" => Some(OsString::from(format!("bin:.:{}", root.join("bin").display()))),
            "XDG_RUNTIME_DIR" => Some(root.into()),
            _ => None,
        };
        let is_here = !Path::new("/run/podman/podman.sock").exists();
        if is_here {
            assert!(shown(find(&variables)).contains("no podman on PATH"), "it is not executable");
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("permissions");
            assert_eq!(shown(find(&variables)), format!("Podman ({})", program.display()));
        }
        std::fs::create_dir_all(root.join("podman")).expect("a folder");
        std::fs::write(root.join("podman/podman.sock"), "").expect("a file");
        assert!(shown(find(&variables)).starts_with(&format!("unix://{}", root.display())));
        let with_host =
            |name: &str| if name == "CONTAINER_HOST" { Some("tcp://h:1".into()) } else { variables(name) };
        assert_eq!(shown(find(&with_host)), "tcp://h:1");
    }
}
