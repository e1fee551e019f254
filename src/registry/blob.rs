//! A blob's bytes, in order and each once, however often the connection breaks. Where it broke off, the
//! next request asks for the rest; what comes is never spliced unless it says that it is that rest.
//! Whoever reads the blob hashes all of it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode};

use super::body::Pace;
use super::endpoint::{Endpoint, Endpoints};
use super::error::{ErrorKind, RegistryError};
use super::retry::backoff;
use super::transport::Reply;
use crate::image::digest::Digest;
use crate::limits::BLOB_BREAKS;
use crate::network::Sender;

/// A blob that is being fetched.
pub(super) struct BlobFetch {
    pub(super) digest: Digest,
    /// Its size in bytes, where a descriptor says it.
    pub(super) size: Option<u64>,
    /// How many bytes were given on.
    at: u64,
    /// Which endpoint's bytes they are, with its strong ETag.
    validator: Option<(usize, HeaderValue)>,
    /// Whether to ask for the rest only; not after an answer that was wrong about it.
    ranges: bool,
    breaks: u32,
    fruitless: u32,
    pace: Pace,
}

/// An answer with the blob's bytes from some place on.
struct Part {
    response: Response,
    /// Bytes of it that were given on before.
    skip: u64,
}

impl BlobFetch {
    pub(super) fn new(digest: Digest, size: Option<u64>, timeout: Duration) -> Self {
        Self {
            digest,
            size,
            at: 0,
            validator: None,
            ranges: true,
            breaks: 0,
            fruitless: 0,
            pace: Pace::new(timeout),
        }
    }

    /// Asks for the blob from its start; an error is that it is not to be had at all.
    pub(super) async fn open<'e>(
        &mut self,
        inner: &Endpoints,
        endpoints: &'e [Endpoint],
    ) -> Result<Reply<'e>, RegistryError> {
        let reply = self.request(inner, endpoints).await?;
        // What is of another length is another thing, a page of a proxy perhaps. If it comes again, it is
        // taken for what the registry has, and whoever reads it finds that it is not the blob.
        let length = reply.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let length = length.and_then(|text| text.parse::<u64>().ok());
        match (length, self.size) {
            (Some(length), Some(size)) if size != length => {
                drop(reply);
                self.request(inner, endpoints).await
            }
            _ => Ok(reply),
        }
    }

    /// Gives the blob's bytes to `sender`, beginning with `reply`, and at last an error if there is one.
    pub(super) async fn run<'e>(
        mut self,
        inner: &Endpoints,
        endpoints: &'e [Endpoint],
        reply: Reply<'e>,
        sender: Sender,
    ) {
        let mut reply = Some(reply);
        loop {
            let before = self.at;
            let ended = match self.next_part(inner, endpoints, reply.take()).await {
                Ok((part, permit)) => {
                    let ended = self.pump(part, &sender).await;
                    drop(permit);
                    ended
                }
                Err(error) => Ended::Lost(error),
            };
            let error = match ended {
                Ended::Whole | Ended::Unread => return,
                Ended::Lost(error) => error,
                Ended::Broken(error) => {
                    self.breaks += 1;
                    // What trickles in and falls silent brings nothing.
                    let brought = self.at - before;
                    let enough = if error.kind == ErrorKind::TimedOut { self.pace.least() } else { 1 };
                    self.fruitless = if brought >= enough { 0 } else { self.fruitless + 1 };
                    let retries = inner.transport.retries;
                    let allowed = if error.kind == ErrorKind::TimedOut { retries.min(1) } else { retries };
                    if self.fruitless <= allowed && self.breaks <= BLOB_BREAKS {
                        tokio::time::sleep(backoff(self.fruitless.max(1))).await;
                        continue;
                    }
                    error
                }
            };
            let read = self.at;
            let size = self.size.map_or_else(String::new, |size| format!(" of {size}"));
            let error = error.about(&format!("blob {} after {read}{size} bytes", self.digest));
            // An error of sending is that nobody reads any more.
            let _ = sender.send(Err(io::Error::from(error))).await;
            return;
        }
    }

    async fn next_part<'e>(
        &mut self,
        inner: &Endpoints,
        endpoints: &'e [Endpoint],
        first: Option<Reply<'e>>,
    ) -> Result<(Part, Reply<'e>), RegistryError> {
        let mut reply = match first {
            Some(reply) => reply,
            None => match self.request(inner, endpoints).await {
                // The rest may still come with the whole.
                Err(error) if error.kind == ErrorKind::Range && self.ranges => {
                    self.ranges = false;
                    self.request(inner, endpoints).await?
                }
                other => other?,
            },
        };
        let mut response = reply.take();
        let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
        if is_part && self.continues(response.headers()) {
            return Ok((Part { response, skip: 0 }, reply));
        }
        if is_part {
            self.ranges = false;
            // Its place among the host's requests is given up first: others may wait for one as well.
            drop(reply);
            reply = self.request(inner, endpoints).await?;
            response = reply.take();
        }
        Ok((Part { response, skip: self.at }, reply))
    }

    /// Asks each endpoint in turn, from where the blob broke off.
    async fn request<'e>(
        &mut self,
        inner: &Endpoints,
        endpoints: &'e [Endpoint],
    ) -> Result<Reply<'e>, RegistryError> {
        let mut refused = None;
        for (index, endpoint) in endpoints.iter().enumerate() {
            let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("*/*"))]);
            if self.at > 0 && self.ranges {
                let range = HeaderValue::from_str(&format!("bytes={}-", self.at));
                headers.extend(range.ok().map(|range| (RANGE, range)));
                let own = self.validator.as_ref().filter(|(of, _)| *of == index);
                headers.extend(own.map(|(_, etag)| (IF_RANGE, etag.clone())));
            }
            let path = format!("v2/{}/blobs/{}", endpoint.repository, self.digest);
            match inner.get(endpoint, path, headers).await {
                Ok(reply) => {
                    if self.at == 0 {
                        self.validator = strong_etag(reply.headers()).map(|etag| (index, etag));
                    }
                    return Ok(reply);
                }
                // What the registry itself says is told, not what its mirrors say.
                Err(error) => refused = Some(error),
            }
        }
        let nobody = || RegistryError::new(ErrorKind::Settings, "there is no registry to ask");
        Err(refused.unwrap_or_else(nobody))
    }

    /// Whether the answer is the rest: from this place on, of a blob of this size.
    fn continues(&self, headers: &HeaderMap) -> bool {
        let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).and_then(content_range);
        let Some((start, total)) = range else { return false };
        let fits = self.size.is_none_or(|size| total.is_none_or(|total| total == size));
        start == self.at && fits
    }

    async fn pump(&mut self, part: Part, sender: &Sender) -> Ended {
        let Part { mut response, mut skip } = part;
        self.pace.restart();
        loop {
            let piece = self.pace.next(&mut response).await;
            let mut piece = match piece {
                Some(Ok(Some(piece))) => piece,
                Some(Ok(None)) => return self.end(),
                // All of it is here: what broke is the end of the answer.
                _ if self.size == Some(self.at) => return Ended::Whole,
                None => {
                    let slow = "it does not come in time";
                    return Ended::Broken(RegistryError::new(ErrorKind::TimedOut, slow));
                }
                Some(Err(error)) => {
                    return Ended::Broken(RegistryError::of_connection("the registry", &error));
                }
            };
            let known = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
            skip -= known as u64;
            let _ = piece.split_to(known);
            if let Some(ended) = self.give(piece, sender).await {
                return ended;
            }
        }
    }

    /// Passes bytes on; the end, where this is one.
    async fn give(&mut self, mut piece: Bytes, sender: &Sender) -> Option<Ended> {
        let left = self.size.map_or(u64::MAX, |size| size.saturating_sub(self.at));
        let room = usize::try_from(left).unwrap_or(usize::MAX);
        let too_long = piece.len() > room;
        piece.truncate(room);
        self.at += piece.len() as u64;
        if !piece.is_empty() && sender.send(Ok(piece)).await.is_err() {
            return Some(Ended::Unread);
        }
        too_long.then(|| {
            Ended::Lost(RegistryError::new(ErrorKind::Invalid, "it is longer than its descriptor says"))
        })
    }

    /// The other side says that this is all.
    fn end(&self) -> Ended {
        match self.size {
            Some(size) if self.at < size => {
                Ended::Broken(RegistryError::new(ErrorKind::Invalid, "it ends before its size"))
            }
            _ => Ended::Whole,
        }
    }
}

/// How an answer ended.
enum Ended {
    /// With the blob.
    Whole,
    /// Nobody reads any more.
    Unread,
    /// Before its time; the rest may still be had.
    Broken(RegistryError),
    /// The rest is not to be had.
    Lost(RegistryError),
}

/// An ETag that stands for the very bytes (RFC 9110, section 8.8.1).
fn strong_etag(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ETAG).filter(|etag| etag.as_bytes().starts_with(b"\"")).cloned()
}

/// `bytes START-END/TOTAL`, the total `*` where it is not known.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end): (u64, u64) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (start <= end && total.is_none_or(|total: u64| end < total)).then_some((start, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ranges_and_refuses_what_cannot_be() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for text in ["", "bytes", "bytes 9-5/10", "bytes 5-10/10", "bytes */10", "items 5-9/10", "bytes 5-9"]
        {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
