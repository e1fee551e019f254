//! `keyseam serve health`: for images that hold no other program to ask with.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

/// How long a server may take to say how it is.
const TIME: Duration = Duration::from_secs(3);

/// Asks a server whether it is ready.
pub(super) fn ask(status: SocketAddr) -> anyhow::Result<()> {
    // Where it listens everywhere, it listens here.
    let host = if status.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { status.ip() };
    let address = SocketAddr::new(host, status.port());
    let failed = || format!("no server at {address} tells how it is");
    let mut stream = TcpStream::connect_timeout(&address, TIME).with_context(failed)?;
    stream.set_read_timeout(Some(TIME))?;
    stream.set_write_timeout(Some(TIME))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .with_context(failed)?;
    let mut answer = Vec::new();
    (&stream).take(4096).read_to_end(&mut answer).with_context(failed)?;
    let answer = String::from_utf8_lossy(&answer);
    if answer.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let why = answer.split("\r\n\r\n").nth(1).unwrap_or_default().trim();
    bail!("the server at {address} is not ready: {why}");
}
