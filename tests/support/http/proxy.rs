//! A proxy that leads any name to a server of the test: so a test may have `docker.io` and
//! `registry.example.com` without asking anybody for them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use super::listener::{Listener, Stop};
use super::request::{self, Request};

/// A running proxy.
pub(crate) struct Proxy {
    listener: Listener,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Proxy {
    /// Leads `NAME:PORT` to an address; everything else is refused with 502.
    pub(crate) fn start(routes: &[(&str, SocketAddr)]) -> Self {
        let routes: BTreeMap<String, SocketAddr> =
            routes.iter().map(|(name, address)| ((*name).to_owned(), *address)).collect();
        let log = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::clone(&log);
        let listener = Listener::start(Ipv4Addr::LOCALHOST.into(), move |stream, stop| {
            serve(stream, stop, &routes, &asked);
        });
        Self { listener, log }
    }

    /// `http://ADDRESS:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.address())
    }

    /// The same with a name and a password.
    pub(crate) fn url_for(&self, username: &str, password: &str) -> String {
        format!("http://{username}:{password}@{}", self.listener.address())
    }

    /// All that it was asked: `CONNECT NAME:PORT`, and requests with a whole URL.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(
    mut client: TcpStream,
    stop: &Stop,
    routes: &BTreeMap<String, SocketAddr>,
    log: &Mutex<Vec<Request>>,
) {
    let mut unread = Vec::new();
    let Some(request) = request::read(&mut client, &mut unread) else { return };
    log.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
    let name = match request.target.strip_prefix("http://") {
        Some(url) => with_port(url.split('/').next().unwrap_or_default()),
        None => request.target.clone(),
    };
    let Some(server) = routes.get(&name).and_then(|address| TcpStream::connect(address).ok()) else {
        let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
        let _ = client.shutdown(Shutdown::Both);
        return;
    };
    if stop.watch(&server) {
        relay(&client, &server, &request, &unread);
    }
}

/// A host of a URL with its port.
fn with_port(host: &str) -> String {
    if host.contains(':') { host.to_owned() } else { format!("{host}:80") }
}

fn relay(mut client: &TcpStream, mut server: &TcpStream, request: &Request, unread: &[u8]) {
    let begun = if request.method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
    } else {
        server.write_all(&forwarded(request))
    };
    if begun.and_then(|()| server.write_all(unread)).is_err() {
        return;
    }
    std::thread::scope(|scope| {
        scope.spawn(|| copy(client, server));
        copy(server, client);
    });
}

/// The request as its server gets it: without what was for the proxy, and one to a connection.
fn forwarded(request: &Request) -> Vec<u8> {
    let path = request.target.trim_start_matches("http://").split_once('/').map_or("", |(_, path)| path);
    let mut head = format!("{} /{path} HTTP/1.1\r\nConnection: close\r\n", request.method);
    let kept =
        |name: &str| !["proxy-authorization", "connection"].contains(&name.to_ascii_lowercase().as_str());
    for (name, value) in request.headers.iter().filter(|(name, _)| kept(name)) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&request.body);
    bytes
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let mut piece = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
