//! `docker keyseam …`: the program as a plugin of Docker's command line (docker/cli, cli-plugins). Docker runs
//! `docker-keyseam`, a link to this program, with its own global options in front of ours.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::exit_status::ExitStatus;
use super::messages::Messages;
use super::output::to;
use super::show;
use crate::engine::docker_folder;

/// The name under which Docker finds a plugin.
const NAME: &str = "docker-keyseam";

/// The command that it adds to Docker.
const COMMAND: &str = "keyseam";

/// What Docker asks every plugin for, whenever it lists its commands.
const METADATA: &str = "docker-cli-plugin-metadata";

/// The folder of plugins in Docker's own.
const FOLDER: &str = "cli-plugins";

/// Variables of the environment that stand for Docker's options.
type Variables = Vec<(&'static str, Option<OsString>)>;

/// Runs the program as Docker's plugin, if Docker called it. `line` is the whole command line.
pub(super) fn run(line: &[OsString], stdout: &mut dyn Write) -> Option<ExitStatus> {
    let program = line.first()?;
    if Path::new(program).file_name() != Some(OsStr::new(NAME)) {
        return None;
    }
    if line.get(1).is_some_and(|word| word == METADATA) {
        let metadata = serde_json::json!({
            "SchemaVersion": "0.1.0",
            "Vendor": "keyseam",
            "Version": env!("CARGO_PKG_VERSION"),
            "ShortDescription": env!("CARGO_PKG_DESCRIPTION"),
        });
        let written = to(stdout, |out| writeln!(out, "{metadata}"));
        return Some(if written.is_ok() { ExitStatus::Clean } else { ExitStatus::Failed });
    }
    let (variables, ours) = match split(line.get(1..).unwrap_or_default()) {
        Ok(both) => both,
        Err(problem) => return Some(failed(&problem)),
    };
    // What stands for Docker's options has to be in the environment from the start.
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Some(failed(&format!("the program does not find itself: {error}"))),
    };
    let mut command = Command::new(program);
    command.arg0(COMMAND).args(ours);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Some(failed(&format!("the program cannot be started again: {}", command.exec())))
}

fn failed(problem: &str) -> ExitStatus {
    Messages::default().error(problem);
    ExitStatus::Failed
}

/// Docker's options as variables, and what is ours.
fn split(words: &[OsString]) -> Result<(Variables, &[OsString]), String> {
    let mut variables: Variables = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        let text = word.to_string_lossy();
        if text == COMMAND {
            break;
        }
        let (name, given) = match text.split_once('=') {
            Some((name, value)) if name.starts_with('-') => (name, Some(OsString::from(value))),
            _ => (&*text, None),
        };
        let takes_value =
            matches!(name, "--config" | "-c" | "--context" | "-H" | "--host" | "-l" | "--log-level");
        let value = match given {
            None if takes_value => {
                at += 1;
                Some(words.get(at - 1).cloned().ok_or_else(|| format!("the value of {name} is missing"))?)
            }
            given => given,
        };
        match name {
            "--config" => variables.push(("DOCKER_CONFIG", value)),
            // What is typed goes before the environment, as with Docker.
            "-c" | "--context" => variables.extend([("DOCKER_CONTEXT", value), ("DOCKER_HOST", None)]),
            "-H" | "--host" => variables.extend([("DOCKER_HOST", value), ("DOCKER_CONTEXT", None)]),
            "-D" | "--debug" => variables.push(("KEYSEAM_VERBOSE", Some("1".into()))),
            "--tls" | "--tlsverify" => variables.push(("DOCKER_TLS_VERIFY", Some("1".into()))),
            "-l" | "--log-level" => {}
            other => {
                return Err(format!(
                    "docker {other} is not known here; certificates are those in DOCKER_CERT_PATH"
                ));
            }
        }
    }
    Ok((variables, words.get(at..).unwrap_or_default()))
}

/// Runs `keyseam docker-plugin install`: a link in Docker's folder of plugins to this program.
pub(super) fn install() -> ExitStatus {
    match link() {
        Ok(path) => show(Ok(format!("{}: docker keyseam scan IMAGE\n", path.display()).into_bytes())),
        Err(error) => failed(&format!("{error:#}")),
    }
}

fn link() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let docker = docker_folder(&|name| std::env::var_os(name));
    let docker =
        docker.ok_or_else(|| anyhow::anyhow!("HOME is unset; name Docker's folder in DOCKER_CONFIG"))?;
    let folder = docker.join(FOLDER);
    let failed = |path: &Path, error: io::Error| anyhow::anyhow!("{}: {error}", path.display());
    std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    let path = folder.join(NAME);
    match std::fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_symlink() => {
            std::fs::remove_file(&path).map_err(|error| failed(&path, error))?;
        }
        Ok(_) => anyhow::bail!("{} is there already and no link; remove it first", path.display()),
        Err(_) => {}
    }
    std::os::unix::fs::symlink(&program, &path).map_err(|error| failed(&path, error))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn dockers_options_stand_in_front_of_ours() {
        let line = words("--config dcfg -H unix:///s --debug --log-level=info keyseam scan -H --config x");
        let (variables, ours) = split(&line).expect("both");
        let expected = [
            ("DOCKER_CONFIG", Some("dcfg".into())),
            ("DOCKER_HOST", Some("unix:///s".into())),
            ("DOCKER_CONTEXT", None),
            ("KEYSEAM_VERBOSE", Some("1".into())),
        ];
        assert_eq!(variables, expected);
        assert_eq!(ours, words("scan -H --config x"));
        let line = words("--context=far keyseam");
        let (variables, ours) = split(&line).expect("both");
        assert_eq!(variables, [("DOCKER_CONTEXT", Some("far".into())), ("DOCKER_HOST", None)]);
        assert!(ours.is_empty());
        assert!(split(&words("--tlscacert ca.pem keyseam")).is_err());
        assert!(split(&words("--host")).is_err());
    }
}
