//! A Docker engine of our own and the command line that talks to it, both out of the folder that
//! `tests/docker28/run` makes. The engine is stopped, with its containerd, when the value is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::engine::end;

/// How long the engine may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder with the programs.
pub(crate) fn programs() -> PathBuf {
    let folder = std::env::var_os("KEYSEAM_DOCKER28");
    PathBuf::from(folder.expect("KEYSEAM_DOCKER28 names no folder: run these tests with tests/docker28/run"))
}

/// A running engine.
pub(crate) struct Docker {
    daemon: Child,
    folder: TempDir,
}

impl Docker {
    /// Starts an engine with the containerd image store, without any network.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("daemon.json"), r#"{"features":{"containerd-snapshotter":true}}"#).expect("a file");
        let plugins = path("home/.docker/cli-plugins");
        fs::create_dir_all(&plugins).expect("a folder");
        let buildx = programs().join("usr/libexec/docker/cli-plugins/docker-buildx");
        std::os::unix::fs::symlink(buildx, plugins.join("docker-buildx")).expect("a link");
        let log = fs::File::create(path("log")).expect("a log");
        let daemon = command("usr/sbin/dockerd", folder.path())
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=native"])
            .arg("--config-file")
            .arg(path("daemon.json"))
            .arg("--data-root")
            .arg(path("data"))
            .arg("--exec-root")
            .arg(path("exec"))
            .arg("--pidfile")
            .arg(path("pid"))
            .args(["--host", &socket(folder.path())])
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("dockerd runs");
        let mut docker = Self { daemon, folder };
        docker.wait_until_it_answers();
        docker
    }

    fn wait_until_it_answers(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.command(&["version"]).output().is_ok_and(|output| output.status.success()) {
            let ended = self.daemon.try_wait().expect("a child");
            assert!(ended.is_none() && Instant::now() < deadline, "dockerd does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The last lines that the engine wrote.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// `docker ARGUMENTS` against this engine.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command("usr/bin/docker", self.folder.path());
        command.args(arguments).env("DOCKER_HOST", self.host());
        command
    }

    /// Runs `docker ARGUMENTS`, which must succeed.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("docker runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}:\n{said}\n{}", self.log());
        output
    }

    /// Builds `context` with `options`: RUN steps have no network, as there is none.
    #[track_caller]
    pub(crate) fn build(&self, context: &Path, options: &[&str]) {
        let context = context.to_str().expect("a plain path");
        let before = ["buildx", "build", "--progress=plain", "--network=none", "--sbom=false"];
        let arguments: Vec<&str> = before.iter().chain(options).copied().chain([context]).collect();
        self.run(&arguments);
    }

    /// Where the engine listens, as `DOCKER_HOST` has it.
    pub(crate) fn host(&self) -> String {
        socket(self.folder.path())
    }
}

fn socket(folder: &Path) -> String {
    format!("unix://{}", folder.join("docker.sock").display())
}

/// A program of the folder, with nothing of this process' environment.
fn command(program: &str, folder: &Path) -> Command {
    let root = programs();
    let mut path = vec![root.join("usr/sbin"), root.join("usr/bin")];
    path.extend(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from));
    let mut command = Command::new(root.join(program));
    command.env_clear().env("PATH", std::env::join_paths(path).expect("plain paths"));
    command.env("HOME", folder.join("home")).current_dir(folder).stdin(Stdio::null());
    command
}

impl Drop for Docker {
    fn drop(&mut self) {
        end(&mut self.daemon, self.folder.path());
    }
}
