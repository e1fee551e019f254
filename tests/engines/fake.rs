//! An engine of our own, for what real ones do not do when asked.
//!
//! ```text
//! let engine = Engine::start(|path| if path.ends_with("/get") { Reply::ok(tar).cut() } else { … });
//! Keyseam::scan(&["docker-daemon:app:1"]).env("DOCKER_HOST", engine.address())
//! engine.requests()                    "GET /v1.41/images/app:1/json", in the order they came
//! ```

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What it answers.
#[derive(Clone)]
pub(super) struct Reply {
    status: &'static str,
    headers: Vec<String>,
    body: Vec<u8>,
    end: End,
}

/// What follows the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// The body was to be longer; the connection closes.
    Cut,
    /// The body is in chunks, and the connection closes before the last.
    CutChunks,
    /// The body was to be longer; the connection stays open in silence.
    Hang,
    /// Not even a status line comes.
    Silence,
}

impl Reply {
    pub(super) fn new(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), end: End::Whole }
    }

    pub(super) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new("200 OK", body)
    }

    pub(super) fn header(mut self, line: impl Into<String>) -> Self {
        self.headers.push(line.into());
        self
    }

    pub(super) fn cut(self) -> Self {
        Self { end: End::Cut, ..self }
    }

    pub(super) fn cut_chunks(self) -> Self {
        Self { end: End::CutChunks, ..self }
    }

    pub(super) fn hang(self) -> Self {
        Self { end: End::Hang, ..self }
    }

    pub(super) fn silence() -> Self {
        Self { end: End::Silence, ..Self::ok("") }
    }

    fn write(&self, out: &mut dyn Write, stopped: &AtomicBool) -> std::io::Result<()> {
        let (length, chunked) = match self.end {
            End::Silence => (0, false),
            End::CutChunks => (self.body.len(), true),
            End::Whole => (self.body.len(), false),
            End::Cut | End::Hang => (self.body.len() + 4096, false),
        };
        if self.end != End::Silence {
            let framing = match chunked {
                true => "transfer-encoding: chunked".to_owned(),
                false => format!("content-length: {length}"),
            };
            let headers: String = self.headers.iter().map(|line| format!("{line}\r\n")).collect();
            write!(out, "HTTP/1.1 {}\r\n{headers}{framing}\r\nconnection: close\r\n\r\n", self.status)?;
            if chunked {
                write!(out, "{:x}\r\n", self.body.len() + 1)?;
            }
            out.write_all(&self.body)?;
            out.flush()?;
        }
        while matches!(self.end, End::Silence | End::Hang) && !stopped.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

type Answer = Arc<dyn Fn(&str) -> Reply + Send + Sync>;

/// A server that ends when it is dropped.
pub(super) struct Engine {
    address: String,
    state: Arc<State>,
    server: Option<JoinHandle<()>>,
    wake: Box<dyn Fn()>,
    _folder: tempfile::TempDir,
}

struct State {
    answer: Answer,
    requests: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

impl Engine {
    /// On a unix socket. `answer` is given each path with its query.
    pub(super) fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let address = format!("unix://{}", socket.display());
        let wake = Box::new(move || drop(UnixStream::connect(&socket)));
        let accept = move || listener.accept().map(|(stream, _)| stream);
        Self::serve(answer, accept, |stream| drop(stream.shutdown(Shutdown::Both)), address, wake, folder)
    }

    /// On a port of loopback.
    pub(super) fn start_tcp(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address");
        let wake = Box::new(move || drop(TcpStream::connect(port)));
        let accept = move || listener.accept().map(|(stream, _)| stream);
        let address = format!("tcp://{port}");
        Self::serve(answer, accept, |stream| drop(stream.shutdown(Shutdown::Both)), address, wake, folder)
    }

    fn serve<S: Read + Write + Send + 'static>(
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
        accept: impl Fn() -> std::io::Result<S> + Send + 'static,
        close: fn(&S),
        address: String,
        wake: Box<dyn Fn()>,
        folder: tempfile::TempDir,
    ) -> Self {
        let (requests, stopped) = (Mutex::default(), AtomicBool::new(false));
        let state = Arc::new(State { answer: Arc::new(answer), requests, stopped });
        let shared = Arc::clone(&state);
        let server = std::thread::spawn(move || {
            let mut connections = Vec::new();
            while let Ok(mut stream) = accept() {
                if shared.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&shared);
                connections.push(std::thread::spawn(move || {
                    shared.connection(&mut stream);
                    close(&stream);
                }));
            }
            connections.into_iter().for_each(|connection| drop(connection.join()));
        });
        Self { address, state, server: Some(server), wake, _folder: folder }
    }

    /// What `DOCKER_HOST` is for it.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Methods and paths, in the order they came.
    pub(super) fn requests(&self) -> Vec<String> {
        self.state.requests.lock().expect("no panic").clone()
    }
}

impl State {
    fn connection(&self, stream: &mut (impl Read + Write)) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.requests.lock().expect("no panic").push(format!("{method} {path}"));
        // A client that has heard enough closes the connection.
        let _ = (self.answer)(path).write(stream, &self.stopped);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        (self.wake)();
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}
