//! What a server may answer: whole, or broken in the ways that networks and hostile servers have.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::Request;
use super::listener::Stop;

/// An answer in the making.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    manner: Manner,
}

/// How it is sent.
#[derive(Clone, Debug)]
enum Manner {
    /// As it should be.
    Whole,
    /// The connection is closed behind so many bytes of the body.
    Cut(usize),
    /// Nothing more comes behind so many bytes of the body, on an open connection.
    Stall(usize),
    /// Without a length, in chunks; the connection is closed before the last one, or it is whole.
    Chunked { cut: bool },
    /// A byte at a time, with so much time between them.
    Trickle(Duration),
    /// The body over and over again, until nobody reads it any more.
    Endless,
    /// Header fields over and over again, so many of them.
    Fields(usize),
    /// Bytes that are no HTTP.
    Raw,
    /// Nothing at all, on an open connection.
    Silence,
    /// The connection is closed at once.
    Close,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), manner: Manner::Whole }
    }

    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self::new(status).header("Content-Type", "text/plain").body(text)
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status).header("Content-Type", "application/json").body(value.to_string())
    }

    /// An error as the distribution specification has it.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "errors": [{ "code": code, "message": message }] }))
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header("Location", location)
    }

    /// Never answers.
    pub(crate) fn silence() -> Self {
        Self { manner: Manner::Silence, ..Self::new(0) }
    }

    /// Closes the connection without a word.
    pub(crate) fn close() -> Self {
        Self { manner: Manner::Close, ..Self::new(0) }
    }

    /// Sends these bytes, whatever they are, and closes the connection.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { manner: Manner::Raw, body: bytes.into(), ..Self::new(0) }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another value, or none, of a field.
    pub(crate) fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Says the whole length and closes the connection behind so many bytes.
    pub(crate) fn cut_after(self, bytes: usize) -> Self {
        Self { manner: Manner::Cut(bytes), ..self }
    }

    /// Says the whole length and falls silent behind so many bytes.
    pub(crate) fn stall_after(self, bytes: usize) -> Self {
        Self { manner: Manner::Stall(bytes), ..self }
    }

    /// Says no length; the body comes in chunks.
    pub(crate) fn chunked(self) -> Self {
        Self { manner: Manner::Chunked { cut: false }, ..self }
    }

    /// The same, and the last chunk never comes.
    pub(crate) fn chunked_cut(self) -> Self {
        Self { manner: Manner::Chunked { cut: true }, ..self }
    }

    /// Sends a byte, waits, sends the next one.
    pub(crate) fn trickle(self, between: Duration) -> Self {
        Self { manner: Manner::Trickle(between), ..self }
    }

    /// Sends the body again and again.
    pub(crate) fn endless(self) -> Self {
        Self { manner: Manner::Endless, ..self }
    }

    /// Sends so many more header fields.
    pub(crate) fn flood(self, fields: usize) -> Self {
        Self { manner: Manner::Fields(fields), ..self }
    }

    /// Sends it; false when the connection is over.
    pub(crate) fn send(
        &self,
        connection: &mut dyn Write,
        raw: &TcpStream,
        request: &Request,
        stop: &Stop,
        sent: &AtomicU64,
    ) -> bool {
        self.try_send(connection, raw, request, stop, sent).unwrap_or(false)
    }

    fn try_send(
        &self,
        connection: &mut dyn Write,
        raw: &TcpStream,
        request: &Request,
        stop: &Stop,
        sent: &AtomicU64,
    ) -> io::Result<bool> {
        match self.manner {
            Manner::Close => return Ok(false),
            Manner::Silence => {
                wait_for_end(raw);
                return Ok(false);
            }
            Manner::Raw => {
                connection.write_all(&self.body)?;
                connection.flush()?;
                return Ok(false);
            }
            _ => {}
        }
        let asked = request.header("connection") == Some("close");
        connection.write_all(self.head().as_bytes())?;
        if asked {
            connection.write_all(b"Connection: close\r\n")?;
        }
        if let Manner::Fields(count) = self.manner {
            let block: String = (0..1000).map(|at| format!("X-Field-{at}: value of a field\r\n")).collect();
            for _ in 0..count.div_ceil(1000) {
                connection.write_all(block.as_bytes())?;
            }
        }
        connection.write_all(b"\r\n")?;
        if request.method == "HEAD" || self.status == 304 || self.status == 204 {
            connection.flush()?;
            return Ok(!asked && !self.closes());
        }
        self.send_body(connection, stop, &|count| {
            sent.fetch_add(count as u64, Ordering::SeqCst);
        })?;
        connection.flush()?;
        if matches!(self.manner, Manner::Stall(_)) {
            wait_for_end(raw);
            return Ok(false);
        }
        let closes = asked || self.closes();
        if closes {
            // What was sent still arrives.
            raw.shutdown(Shutdown::Write)?;
        }
        Ok(!closes)
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let has = |name: &str| self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        match self.manner {
            Manner::Chunked { .. } => head.push_str("Transfer-Encoding: chunked\r\n"),
            Manner::Endless if !has("content-length") => head.push_str("Connection: close\r\n"),
            Manner::Endless => {}
            _ if !has("content-length") => head.push_str(&format!("Content-Length: {}\r\n", self.body.len())),
            _ => {}
        }
        head
    }

    fn send_body(&self, connection: &mut dyn Write, stop: &Stop, sent: &dyn Fn(usize)) -> io::Result<()> {
        match self.manner {
            Manner::Cut(bytes) | Manner::Stall(bytes) => {
                let part = &self.body[..bytes.min(self.body.len())];
                connection.write_all(part)?;
                sent(part.len());
            }
            Manner::Chunked { cut } => {
                for chunk in self.body.chunks(10_000) {
                    write!(connection, "{:x}\r\n", chunk.len())?;
                    connection.write_all(chunk)?;
                    connection.write_all(b"\r\n")?;
                    sent(chunk.len());
                }
                if !cut {
                    connection.write_all(b"0\r\n\r\n")?;
                }
            }
            Manner::Trickle(between) => {
                for byte in &self.body {
                    connection.write_all(&[*byte])?;
                    connection.flush()?;
                    sent(1);
                    if stop.pause(between) {
                        break;
                    }
                }
            }
            Manner::Endless => {
                let piece = if self.body.is_empty() { vec![b' '; 64 * 1024] } else { self.body.clone() };
                while !stop.pause(Duration::ZERO) {
                    connection.write_all(&piece)?;
                    sent(piece.len());
                }
            }
            _ => {
                connection.write_all(&self.body)?;
                sent(self.body.len());
            }
        }
        Ok(())
    }

    /// Whether the connection ends with this answer.
    fn closes(&self) -> bool {
        let close =
            |(name, value): &(String, String)| name.eq_ignore_ascii_case("connection") && value == "close";
        let manner = matches!(self.manner, Manner::Cut(_) | Manner::Chunked { cut: true } | Manner::Endless);
        let said = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let lie = said.is_some_and(|(_, length)| *length != self.body.len().to_string());
        manner || lie || self.headers.iter().any(close)
    }
}

/// Waits until the other side, or the server's end, closes the connection.
fn wait_for_end(mut raw: &TcpStream) {
    let mut ignored = [0; 1024];
    while matches!(raw.read(&mut ignored), Ok(count) if count > 0) {}
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Answer",
    }
}
