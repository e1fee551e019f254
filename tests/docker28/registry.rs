//! A registry of our own on the loopback interface.

use std::net::TcpListener;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::docker::programs;

/// How long the registry may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running registry. It ends when the value is dropped.
pub(crate) struct Registry {
    server: Child,
    address: String,
    _folder: TempDir,
}

impl Registry {
    /// Starts one on a free port, with an empty store.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port").to_string();
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            folder.path().join("store").display()
        );
        let path = folder.path().join("settings.yml");
        std::fs::write(&path, settings).expect("a file");
        let mut server = Command::new(programs().join("usr/bin/docker-registry"))
            .arg("serve")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry runs");
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(&address).is_err() {
            let ended = server.try_wait().expect("a child");
            assert!(ended.is_none() && Instant::now() < deadline, "docker-registry does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { server, address, _folder: folder }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
