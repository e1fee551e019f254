//! podman without a socket: its command line, on pipes. Nothing of an image touches a disk of ours, and
//! no process outlives its use.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::client::Patience;
use super::docker::Variables;
use super::error::{EngineError, words};
use super::inspect::Inspection;
use crate::limits::{ENGINE_ANSWER, ENGINE_ERROR};

/// Bytes read from a pipe at once.
const PIECE: usize = 64 * 1024;

/// Pieces that are read ahead.
const AHEAD: usize = 8;

/// How long a process may take to end when its output is over, or nobody reads it any more.
const ENDING: Duration = Duration::from_secs(5);

/// How long its pipes may stay open after that.
const PIPE_CLOSING: Duration = Duration::from_millis(500);

/// podman's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Podman {
    program: PathBuf,
}

impl Podman {
    /// The command at `program`.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
    }

    /// The first one on `PATH`. Relative folders are passed over: the working directory is not trusted.
    pub(super) fn on_path(variables: Variables<'_>) -> Option<Self> {
        let path = variables("PATH")?;
        let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
        let mut programs = folders.map(|folder| folder.join("podman"));
        programs.find(|program| is_executable(program)).map(Self::at)
    }

    /// What podman knows of the image `name`, which is a name or an id that was checked.
    ///
    /// # Errors
    /// [`EngineError::NoImage`] when it has none of that name.
    pub fn inspect(&self, name: &str, limit: Duration) -> Result<Inspection, EngineError> {
        let deadline = Instant::now() + limit;
        let output = self.answer(&["image", "inspect", "--", name], deadline, limit)?;
        if output.status.success() {
            return Inspection::parse_list(&output.stdout)
                .map_err(|why| EngineError::Garbled { engine: self.to_string(), why });
        }
        // Only this says in its status whether the image is missing or something failed.
        let exists = self.answer(&["image", "exists", "--", name], deadline, limit)?;
        if exists.status.code() == Some(1) {
            let hint = "podman images lists what it has, podman pull fetches it";
            let (engine, image) = (self.to_string(), name.to_owned());
            return Err(EngineError::NoImage { engine, image, hint: hint.to_owned() });
        }
        Err(self.refused(output.status, &output.stderr))
    }

    /// The image as an archive, as `podman save` writes it. What goes wrong is an error of reading.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub fn export(&self, image: &Inspection, patience: Patience) -> Result<Saving, EngineError> {
        let arguments = ["save", "--quiet", "--format", "docker-archive", "--", image.id.hex()];
        Saving::start(self.clone(), self.spawn(&arguments)?, patience)
            .map_err(|error| self.unreachable(&error))
    }

    fn spawn(&self, arguments: &[&str]) -> Result<Child, EngineError> {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Our own settings are nobody else's, and some are secret.
        let own = |name: &OsStr| name.to_string_lossy().starts_with("KEYSEAM_");
        for (name, _) in std::env::vars_os().filter(|(name, _)| own(name)) {
            command.env_remove(name);
        }
        command.spawn().map_err(|error| self.unreachable(&error))
    }

    /// Runs a command that says little, to its end or to the deadline.
    fn answer(&self, arguments: &[&str], deadline: Instant, limit: Duration) -> Result<Output, EngineError> {
        let mut child = self.spawn(arguments)?;
        let stdout = child.stdout.take().map(|pipe| Head::of(pipe, ENGINE_ANSWER));
        let stderr = child.stderr.take().map(|pipe| Head::of(pipe, ENGINE_ERROR));
        let status = end(&mut child, deadline);
        let status = status.ok_or_else(|| EngineError::Silent { engine: self.to_string(), limit })?;
        let (stdout, stderr) = (stdout.map(Head::take), stderr.map(Head::take));
        let (stdout, stderr) = (stdout.unwrap_or_default(), stderr.unwrap_or_default());
        if stdout.len() as u64 >= ENGINE_ANSWER {
            let why = format!("it is larger than {ENGINE_ANSWER} bytes");
            return Err(EngineError::Garbled { engine: self.to_string(), why });
        }
        Ok(Output { status, stdout, stderr })
    }

    fn refused(&self, status: ExitStatus, stderr: &[u8]) -> EngineError {
        let (engine, words) = (self.to_string(), words(stderr));
        EngineError::Refused { engine, status: status.to_string(), words }
    }

    fn unreachable(&self, error: &io::Error) -> EngineError {
        EngineError::Unreachable { engine: self.to_string(), cause: error.to_string() }
    }
}

impl std::fmt::Display for Podman {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Podman ({})", self.program.display())
    }
}

struct Output {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The beginning of what comes through a pipe, read to its end on a thread of its own.
struct Head {
    kept: Arc<Mutex<Vec<u8>>>,
    /// Closed when the pipe is over.
    over: Receiver<()>,
}

impl Head {
    fn of(mut pipe: impl Read + Send + 'static, limit: u64) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (open, over) = sync_channel(0);
        let keep = Arc::clone(&kept);
        thread::spawn(move || {
            let _open: SyncSender<()> = open;
            let mut piece = [0; 4096];
            // A pipe that breaks ends there. What is too much is read so that the writer does not wait.
            while let Ok(length @ 1..) = pipe.read(&mut piece) {
                let mut kept = keep.lock().unwrap_or_else(PoisonError::into_inner);
                let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(kept.len());
                kept.extend_from_slice(piece.get(..length.min(room)).unwrap_or_default());
            }
        });
        Self { kept, over }
    }

    /// What was kept when the pipe is over, or soon after its process ended: another one that it started
    /// may hold the pipe open.
    fn take(self) -> Vec<u8> {
        let _ = self.over.recv_timeout(PIPE_CLOSING);
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Waits for a process until the deadline; then it is killed. It is reaped in any case.
fn end(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(pause),
            Ok(None) | Err(_) => break,
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// `podman save`, while it writes.
pub struct Saving {
    podman: Podman,
    child: Child,
    pieces: Option<Receiver<io::Result<Vec<u8>>>>,
    piece: io::Cursor<Vec<u8>>,
    stderr: Option<Head>,
    /// How long the next piece may take.
    limit: Duration,
    patience: Patience,
}

impl Saving {
    fn start(podman: Podman, mut child: Child, patience: Patience) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(AHEAD);
        if let Some(pipe) = child.stdout.take() {
            thread::spawn(move || pass_on(pipe, &sender));
        }
        let stderr = child.stderr.take().map(|pipe| Head::of(pipe, ENGINE_ERROR));
        let (pieces, limit) = (Some(receiver), patience.export);
        Ok(Self { podman, child, pieces, piece: io::Cursor::default(), stderr, limit, patience })
    }

    /// The output is over: how the process ended says whether it was whole.
    fn finish(&mut self) -> io::Result<usize> {
        if self.pieces.take().is_none() {
            return Ok(0);
        }
        let status = end(&mut self.child, Instant::now() + ENDING);
        let said = self.stderr.take().map(Head::take).unwrap_or_default();
        match status {
            Some(status) if status.success() => Ok(0),
            Some(status) => Err(io::Error::other(self.podman.refused(status, &said))),
            None => Err(self.silent(ENDING)),
        }
    }

    fn silent(&self, limit: Duration) -> io::Error {
        io::Error::other(EngineError::Silent { engine: self.podman.to_string(), limit })
    }
}

fn pass_on(mut pipe: ChildStdout, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match pipe.read(&mut piece) {
            Ok(0) => return,
            Ok(length) => {
                piece.truncate(length);
                Ok(piece)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let over = read.is_err();
        // Where nobody reads any more, closing the pipe tells the process to stop.
        if sender.send(read).is_err() || over {
            return;
        }
    }
}

impl Read for Saving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.piece.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            let Some(pieces) = &self.pieces else { return Ok(0) };
            match pieces.recv_timeout(self.limit) {
                Ok(piece) => self.piece = io::Cursor::new(piece?),
                Err(RecvTimeoutError::Disconnected) => return self.finish(),
                Err(RecvTimeoutError::Timeout) => {
                    self.pieces = None;
                    let _ = self.child.kill();
                    return Err(self.silent(self.limit));
                }
            }
            self.limit = self.patience.answer;
        }
    }
}

impl Drop for Saving {
    /// A process that is stopped early gets a moment to clean up its temporary files.
    fn drop(&mut self) {
        self.pieces = None;
        end(&mut self.child, Instant::now() + ENDING);
    }
}
