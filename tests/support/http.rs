//! A small HTTP/1.1 server that answers as a test tells it, right or wrong, and records what it was asked.
//! It stops, and its threads end, when it is dropped.
//!
//! ```text
//! let server = Server::start(|request| Answer::text(404, "nothing here"));
//! server.host()                          127.0.0.1:PORT
//! server.host_as("localhost")            localhost:PORT, another host to a client
//! server.requests()                      all that it was asked, in order
//! ```
//!
//! On top of it: [`answer`] what it may answer, [`registry`] a registry, [`token`] its token service,
//! [`certificates`] a private authority, [`proxy`] a proxy that leads any name to a server of the test.

pub(crate) mod answer;
pub(crate) mod certificates;
pub(crate) mod listener;
pub(crate) mod proxy;
pub(crate) mod registry;
pub(crate) mod request;
pub(crate) mod token;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub(crate) use answer::Answer;
use listener::{Listener, Stop};
pub(crate) use request::Request;

/// What decides on answers.
type Script = Box<dyn Fn(&Request) -> Answer + Send + Sync>;

/// A running server.
pub(crate) struct Server {
    listener: Listener,
    shared: Arc<Shared>,
}

struct Shared {
    script: Script,
    tls: Option<Arc<ServerConfig>>,
    log: Mutex<Vec<Request>>,
    sent: AtomicU64,
    busy: AtomicUsize,
    busiest: AtomicUsize,
}

impl Server {
    /// Starts a server over http at 127.0.0.1, on a port that was free.
    pub(crate) fn start(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), None, script)
    }

    /// The same over TLS.
    pub(crate) fn start_tls(
        tls: Arc<ServerConfig>,
        script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), Some(tls), script)
    }

    /// The same at any address of this machine.
    pub(crate) fn start_at(
        address: IpAddr,
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let (sent, busy, busiest) = (AtomicU64::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let log = Mutex::new(Vec::new());
        let shared = Arc::new(Shared { script: Box::new(script), tls, log, sent, busy, busiest });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(address, move |stream, stop| serve(&serving, stream, stop));
        Self { listener, shared }
    }

    /// A server that nobody should ask; it says 404 to everything.
    pub(crate) fn witness() -> Self {
        Self::start(|_| Answer::text(404, "nobody was to ask here"))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// `ADDRESS:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address().to_string()
    }

    /// `NAME:PORT`.
    pub(crate) fn host_as(&self, name: &str) -> String {
        format!("{name}:{}", self.address().port())
    }

    /// `SCHEME://ADDRESS:PORT` with this path.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.host())
    }

    /// All that it was asked, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it was asked by this method of a path that ends so.
    pub(crate) fn asked(&self, method: &str, ending: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.method == method && request.path().ends_with(ending));
        requests
    }

    /// Bytes of bodies that it could send. More may have been sent than anybody read: the system buffers.
    pub(crate) fn bytes_sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// How many requests it was answering at once, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.busiest.load(Ordering::SeqCst)
    }
}

/// A connection, encrypted or not.
trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

/// Serves one connection to its end.
fn serve(shared: &Shared, stream: TcpStream, stop: &Stop) {
    /// First byte of a TLS handshake.
    const HANDSHAKE: u8 = 22;
    let mut first = [0];
    if !matches!(stream.peek(&mut first), Ok(1)) {
        return;
    }
    let Ok(raw) = stream.try_clone() else { return };
    let mut connection: Box<dyn Connection> = match (&shared.tls, first == [HANDSHAKE]) {
        (None, false) => Box::new(stream),
        (Some(config), true) => match ServerConnection::new(Arc::clone(config)) {
            Ok(session) => Box::new(StreamOwned::new(session, stream)),
            Err(_) => return,
        },
        // As servers do that are asked in the other way.
        (None, true) | (Some(_), false) => {
            let _ = raw.shutdown(std::net::Shutdown::Both);
            return;
        }
    };
    let mut unread = Vec::new();
    while let Some(mut request) = request::read(&mut connection, &mut unread) {
        {
            let mut log = shared.log.lock().unwrap_or_else(PoisonError::into_inner);
            request.number = log.len();
            request.nth = log.iter().filter(|other| other.is_like(&request)).count();
            log.push(request.clone());
        }
        let busy = shared.busy.fetch_add(1, Ordering::SeqCst) + 1;
        shared.busiest.fetch_max(busy, Ordering::SeqCst);
        let answer = (shared.script)(&request);
        let go_on = answer.send(&mut connection, &raw, &request, stop, &shared.sent);
        shared.busy.fetch_sub(1, Ordering::SeqCst);
        if !go_on {
            break;
        }
    }
    let _ = raw.shutdown(std::net::Shutdown::Both);
}
