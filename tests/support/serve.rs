//! `keyseam serve`, started and stopped by the test that needs it; its ports are the system's choice.
//!
//! ```text
//! let server = Server::start(&["--gate", ANY, "--upstream", &registry]);
//! server.address("gate")                    127.0.0.1:PORT
//! server.logs()                             what it logged so far, as JSON
//! server.stop()                             SIGTERM, and its status
//! ```

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::cli::Keyseam;

/// An address of which the system chooses the port.
pub(crate) const ANY: &str = "127.0.0.1:0";

/// How long anything of a server may take in a test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Server {
    child: Child,
    said: Arc<Said>,
    /// What it keeps; shared by those that are started one after the other.
    store: Arc<TempDir>,
    _home: TempDir,
}

#[derive(Default)]
struct Said {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Server {
    /// `keyseam serve ARGUMENTS` with a store of its own; its doors are open when this returns.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(&Arc::new(tempfile::tempdir().expect("a folder")), arguments, &[])
    }

    /// The same over a store that another has left, with these variables.
    pub(crate) fn start_in(store: &Arc<TempDir>, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let server = Self::begin(store, arguments, variables);
        let doors =
            arguments.iter().filter(|word| ["--gate", "--admission", "--notify"].contains(word)).count();
        server.wait_for(|lines| {
            lines.iter().filter(|line| line["message"] == "listening").count() == doors + 1
        });
        server
    }

    /// The same without a wait: it may end before it listens.
    pub(crate) fn begin(store: &Arc<TempDir>, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut keyseam =
            Keyseam::new(&["serve", "--status", ANY]).args(arguments).arg("--store").arg(store.path());
        for (name, value) in variables {
            keyseam = keyseam.env(name, value);
        }
        let (mut command, home): (Command, TempDir) = keyseam.into_command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let stderr = child.stderr.take().expect("a pipe");
        let said = Arc::<Said>::default();
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                heard.lines.lock().expect("lines").push(line);
                heard.more.notify_all();
            }
            heard.more.notify_all();
        });
        Self { child, said, store: Arc::clone(store), _home: home }
    }

    /// Where a door is: `status`, `gate`, `admission` or `notify`.
    pub(crate) fn address(&self, door: &str) -> String {
        let doors: HashMap<String, String> = self
            .logs()
            .iter()
            .filter(|line| line["message"] == "listening")
            .filter_map(|line| {
                Some((line["door"].as_str()?.to_owned(), line["address"].as_str()?.to_owned()))
            })
            .collect();
        doors.get(door).unwrap_or_else(|| panic!("no door {door}:\n{}", self.text())).clone()
    }

    /// What it keeps.
    pub(crate) fn store(&self) -> Arc<TempDir> {
        Arc::clone(&self.store)
    }

    /// Everything that it said.
    pub(crate) fn text(&self) -> String {
        self.said.lines.lock().expect("lines").join("\n")
    }

    /// What it logged so far.
    pub(crate) fn logs(&self) -> Vec<Value> {
        let lines = self.said.lines.lock().expect("lines");
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until what it logged is as wanted.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&[Value]) -> bool) {
        let end = Instant::now() + PATIENCE;
        // Not under the lock: what is wanted may ask for the logs itself.
        while !wanted(&self.logs()) {
            assert!(Instant::now() < end, "it does not say what is waited for:\n{}", self.text());
            let lines = self.said.lines.lock().expect("lines");
            drop(self.said.more.wait_timeout(lines, Duration::from_millis(100)).expect("lines"));
        }
    }

    /// Waits until it has ended, and gives its status; none where a signal ended it.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a process") {
                return status.code();
            }
            assert!(Instant::now() < end, "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it as a system does, and gives its status.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        assert!(killed.success());
        self.wait()
    }

    /// Ends it as a power failure does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The status; 0 where there was no answer.
    pub(crate) status: u16,
    /// The headers, in lower case.
    pub(crate) headers: HashMap<String, String>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answered {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks by curl: `curl ARGUMENTS`, with a body on its standard input where `-d @-` or the like says so.
pub(crate) fn curl(arguments: &[&str], body: &[u8]) -> Answered {
    use std::io::Write;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    let (headers, content) = (file("headers"), file("content"));
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let mut child = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "--max-time", "60", "--write-out", "%{http_code}"])
        .args(["--dump-header", &path(&headers), "--output", &path(&content)])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl runs; tests/run installs it");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A server that refuses early does not read it all.
    let _ = stdin.write_all(body);
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let status = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0);
    let text = std::fs::read_to_string(&headers).unwrap_or_default();
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    Answered {
        status,
        headers: text.lines().filter_map(pair).collect(),
        body: std::fs::read(&content).unwrap_or_default(),
    }
}
