//! A proxy, by HTTP and by SOCKS, that leads any name to a server of the test: so a test may have `docker.io` and
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

    /// `socks5h://ADDRESS:PORT`: it resolves the names.
    pub(crate) fn socks(&self) -> String {
        format!("socks5h://{}", self.listener.address())
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
    let mut first = [0];
    let is_socks = matches!(client.peek(&mut first), Ok(1)) && first == [SOCKS5];
    let request = match is_socks {
        true => greet(&mut client),
        false => request::read(&mut client, &mut unread),
    };
    let Some(request) = request else { return };
    log.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
    let name = match request.target.strip_prefix("http://") {
        Some(url) => with_port(url.split('/').next().unwrap_or_default()),
        None => request.target.clone(),
    };
    let Some(server) = routes.get(&name).and_then(|address| TcpStream::connect(address).ok()) else {
        let refusal: &[u8] = match is_socks {
            true => &[SOCKS5, 4, 0, 1, 0, 0, 0, 0, 0, 0],
            false => b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        };
        let _ = client.write_all(refusal);
        let _ = client.shutdown(Shutdown::Both);
        return;
    };
    if stop.watch(&server) {
        relay(&client, &server, &request, &unread);
    }
}

/// The method under which a connection by SOCKS is recorded, and the version that begins it.
const SOCKS: &str = "SOCKS";
const SOCKS5: u8 = 5;

/// SOCKS 5 (RFC 1928), without a login: who is asked for, by name or IPv4 address.
fn greet(client: &mut TcpStream) -> Option<Request> {
    let methods = take(client, 2)?;
    take(client, methods[1].into())?;
    client.write_all(&[SOCKS5, 0]).ok()?;
    let host = match take(client, 4)?[3] {
        1 => take(client, 4)?.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
        3 => {
            let length = take(client, 1)?[0];
            String::from_utf8(take(client, length.into())?).ok()?
        }
        _ => return None,
    };
    let port = take(client, 2)?;
    let target = format!("{host}:{}", u16::from_be_bytes([port[0], port[1]]));
    Some(Request::of_connection(SOCKS, target))
}

fn take(client: &mut TcpStream, count: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; count];
    client.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// A host of a URL with its port.
fn with_port(host: &str) -> String {
    if host.contains(':') { host.to_owned() } else { format!("{host}:80") }
}

fn relay(mut client: &TcpStream, mut server: &TcpStream, request: &Request, unread: &[u8]) {
    let begun = match request.method.as_str() {
        "CONNECT" => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n"),
        SOCKS => client.write_all(&[SOCKS5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        _ => server.write_all(&forwarded(request)),
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
