//! Real engines that a test starts and stops: `dockerd` and `podman`, each with sockets and storage of
//! its own. They need root.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long an engine may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Docker daemon of the test's own, on a socket of its own, stopped when it is dropped.
pub(crate) struct Docker {
    folder: tempfile::TempDir,
    server: Server,
}

impl Docker {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With more arguments than those that keep it to itself.
    pub(crate) fn start_with(arguments: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let in_folder = |name: &str| folder.path().join(name).display().to_string();
        let mut daemon = Command::new("dockerd");
        daemon
            .args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"])
            .arg(format!("--exec-root={}", in_folder("exec")))
            .arg(format!("--data-root={}", in_folder("data")))
            .arg(format!("--pidfile={}", in_folder("pid")))
            .arg(format!("--host=unix://{}", in_folder("socket")))
            .args(arguments);
        let server = Server::start(daemon, &folder.path().join("log"));
        let mut docker = Self { folder, server };
        let address = docker.address();
        docker.server.wait_until(|| {
            run(Command::new("docker").args(["--host", &address, "version"]), None).status.success()
        });
        docker
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// What `DOCKER_HOST` is for it.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// `docker ARGUMENTS`.
    pub(crate) fn command(&self, arguments: &[&str], input: Option<&[u8]>) -> Output {
        run(Command::new("docker").args(["--host", &self.address()]).args(arguments), input)
    }

    /// `docker load`.
    #[track_caller]
    pub(crate) fn load(&self, archive: &[u8]) {
        let output = self.command(&["load"], Some(archive));
        assert!(output.status.success(), "docker load: {}", text(&output));
    }
}

/// podman with storage of its own; its command needs no daemon.
pub(crate) struct Podman {
    folder: tempfile::TempDir,
}

impl Podman {
    pub(crate) fn new() -> Self {
        let podman = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let path = |name: &str| podman.folder.path().join(name).display().to_string();
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = {:?}\nrunroot = {:?}\n",
            path("root"),
            path("run")
        );
        fs::write(podman.storage_conf(), storage).expect("a file");
        podman
    }

    /// What `CONTAINERS_STORAGE_CONF` is for it: with that, plain `podman` and `buildah` use its storage.
    pub(crate) fn storage_conf(&self) -> PathBuf {
        self.folder.path().join("storage.conf")
    }

    /// A command of the podman family on this storage.
    pub(crate) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("CONTAINERS_STORAGE_CONF", self.storage_conf());
        if program == "podman" {
            command.args(["--cgroup-manager", "cgroupfs"]);
        }
        command
    }

    /// `podman load`.
    #[track_caller]
    pub(crate) fn load(&self, archive: &[u8]) {
        let output = run(self.program("podman").args(["load"]), Some(archive));
        assert!(output.status.success(), "podman load: {}", text(&output));
    }

    /// `podman system service` on a socket.
    pub(crate) fn serve(&self) -> PodmanService {
        let socket = self.folder.path().join("podman.sock");
        let mut service = self.program("podman");
        service.args(["system", "service", "--time=0"]).arg(format!("unix://{}", socket.display()));
        let mut server = Server::start(service, &self.folder.path().join("log"));
        server.wait_until(|| std::os::unix::net::UnixStream::connect(&socket).is_ok());
        PodmanService { socket, _server: server }
    }
}

/// podman's API, stopped when it is dropped.
pub(crate) struct PodmanService {
    pub(crate) socket: PathBuf,
    _server: Server,
}

/// A process that serves until it is dropped.
struct Server {
    process: Child,
    log: PathBuf,
}

impl Server {
    fn start(mut command: Command, log: &Path) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let file = fs::File::create(log).expect("the server's log");
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn();
        let process = process.unwrap_or_else(|error| panic!("{name} is needed here, as root: {error}"));
        Self { process, log: log.to_owned() }
    }

    fn wait_until(&mut self, answers: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !answers() {
            let ended = self.process.try_wait().expect("the state of the server").is_some();
            if ended || Instant::now() > deadline {
                panic!("the server does not run:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.process, self.log.parent().unwrap_or(Path::new("/nowhere")));
    }
}

/// Ends a daemon with a polite signal, so that it ends its own processes; the last resort after that. What
/// it leaves mounted in its folder is unmounted.
pub(crate) fn end(daemon: &mut Child, folder: &Path) {
    let _ = Command::new("kill").arg(daemon.id().to_string()).status();
    let deadline = Instant::now() + PATIENCE;
    while matches!(daemon.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            let _ = daemon.kill();
            let _ = daemon.wait();
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts.lines().rev().filter_map(|line| line.split(' ').nth(1));
    for place in places.filter(|place| Path::new(place).starts_with(folder)) {
        let _ = Command::new("umount").args(["--lazy", place]).status();
    }
}

/// A port of loopback that is free now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Runs a command to its end, with `input` on its standard input.
pub(crate) fn run(command: &mut Command, input: Option<&[u8]>) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{name} is needed here: {error}"));
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // A program that ends early says why itself.
        let _ = stdin.write_all(input);
    }
    child.wait_with_output().unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All that a command said.
pub(crate) fn text(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{err}{out}")
}
