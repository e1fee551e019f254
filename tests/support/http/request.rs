//! A request as it came in.

use std::io::Read;
use std::time::Instant;

use percent_encoding::percent_decode_str;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Position among all requests of the server, from 0.
    pub(crate) number: usize,
    /// How many requests of the same method and path came before it.
    pub(crate) nth: usize,
    /// When it had been read.
    pub(crate) at: Instant,
    pub(crate) method: String,
    /// Path and query, as they stood in the request line.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// What a proxy is asked for in another language than HTTP.
    pub(crate) fn of_connection(method: &str, target: String) -> Self {
        let (method, headers) = (method.to_owned(), Vec::new());
        Self { number: 0, nth: 0, at: Instant::now(), method, target, headers, body: Vec::new() }
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        parameters(self.target.split_once('?')?.1, name).into_iter().next()
    }

    /// All of this name.
    pub(crate) fn queries(&self, name: &str) -> Vec<String> {
        self.target.split_once('?').map(|(_, query)| parameters(query, name)).unwrap_or_default()
    }

    /// A field of a posted form, decoded.
    pub(crate) fn form(&self, name: &str) -> Option<String> {
        parameters(std::str::from_utf8(&self.body).ok()?, name).into_iter().next()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The host that it was sent to, with its port.
    pub(crate) fn host(&self) -> &str {
        self.header("host").unwrap_or_default()
    }

    /// Same method, same path.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.method == other.method && self.path() == other.path()
    }

    /// The repository and what follows `/v2/REPOSITORY/` (`manifests`, `blobs` …) with its reference.
    pub(crate) fn registry_path(&self) -> Option<(&str, &str, &str)> {
        let path = self.path().strip_prefix("/v2/")?;
        let kinds = ["/manifests/", "/blobs/", "/tags/", "/referrers/"];
        kinds.into_iter().find_map(|kind| {
            let (repository, reference) = path.rsplit_once(kind)?;
            Some((repository, kind.trim_matches('/'), reference))
        })
    }

    /// Whether it asks for a blob (by GET), any or this one.
    pub(crate) fn gets_blob(&self, digest: Option<&str>) -> bool {
        let blob = |(_, kind, of): (&str, &str, &str)| kind == "blobs" && digest.is_none_or(|one| one == of);
        self.method == "GET" && self.registry_path().is_some_and(blob)
    }

    /// Whether it asks for a manifest, by any method.
    pub(crate) fn asks_manifest(&self) -> bool {
        self.registry_path().is_some_and(|(_, kind, _)| kind == "manifests")
    }

    /// All of it in one text, to look for what must not be in it.
    pub(crate) fn whole(&self) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{} {}\n{headers}\n{}", self.method, self.target, String::from_utf8_lossy(&self.body))
    }
}

fn parameters(query: &str, name: &str) -> Vec<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let decode = |value: &str| percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned();
    pairs.filter(|(other, _)| decode(other) == name).map(|(_, value)| decode(value)).collect()
}

/// Reads the next request of a connection; `unread` holds what came behind the one before.
pub(crate) fn read(connection: &mut dyn Read, unread: &mut Vec<u8>) -> Option<Request> {
    const END: &[u8] = b"\r\n\r\n";
    let head = loop {
        if let Some(at) = unread.windows(END.len()).position(|window| window == END) {
            break at;
        }
        more(connection, unread)?;
    };
    let text = String::from_utf8_lossy(&unread[..head]).into_owned();
    unread.drain(..head + END.len());
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let pair =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let headers = lines.filter_map(pair).collect();
    let mut request =
        Request { number: 0, nth: 0, at: Instant::now(), method, target, headers, body: Vec::new() };
    let length: usize = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    while unread.len() < length {
        more(connection, unread)?;
    }
    request.body = unread.drain(..length).collect();
    request.at = Instant::now();
    Some(request)
}

fn more(connection: &mut dyn Read, unread: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 16 * 1024];
    let count = connection.read(&mut piece).ok().filter(|count| *count > 0)?;
    unread.extend_from_slice(&piece[..count]);
    Some(())
}
