//! Bodies as they come: held to a pace, bounded, whole or piece by piece.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Response;

use super::error::{ErrorKind, RegistryError};
use crate::limits::{BLOB_RATE, BLOB_TIME};
use crate::network::Sender;

/// A body, whole. `limit` is in bytes, `timeout` for each piece of it.
pub(super) async fn whole(
    mut response: Response,
    limit: u64,
    timeout: Duration,
    what: &str,
) -> Result<Vec<u8>, RegistryError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut pace = Pace::new(timeout);
    let mut bytes = Vec::new();
    loop {
        let late = || RegistryError::new(ErrorKind::TimedOut, format!("{what} does not come in time"));
        let piece = pace.next(&mut response).await.ok_or_else(late)?;
        let broken = |error: reqwest::Error| RegistryError::of_connection(what, &error);
        let Some(piece) = piece.map_err(broken)? else { return Ok(bytes) };
        if bytes.len() + piece.len() > limit {
            let message = format!("{what} has more than {limit} bytes, the limit");
            return Err(RegistryError::new(ErrorKind::Limit, message));
        }
        bytes.extend_from_slice(&piece);
    }
}

/// Gives one answer's bytes to `sender`, at most `size` of them, and at last an error if there is one.
pub(super) async fn pass(mut response: Response, size: Option<u64>, timeout: Duration, sender: Sender) {
    let mut pace = Pace::new(timeout);
    let mut left = size.unwrap_or(u64::MAX);
    let failed = |kind, text: &str| Err(io::Error::from(RegistryError::new(kind, text)));
    loop {
        let piece = match pace.next(&mut response).await {
            Some(Ok(None)) => return,
            Some(Ok(Some(piece))) if piece.len() as u64 > left => {
                failed(ErrorKind::Invalid, "it is longer than its descriptor says")
            }
            Some(Ok(Some(piece))) => {
                left -= piece.len() as u64;
                Ok(piece)
            }
            Some(Err(error)) => Err(RegistryError::of_connection("a foreign place", &error).into()),
            None => failed(ErrorKind::TimedOut, "it does not come in time"),
        };
        let broken = piece.is_err();
        if sender.send(piece).await.is_err() || broken {
            return;
        }
    }
}

/// How fast a body comes: silence and trickling end it. Time in which nobody takes the bytes does not
/// count.
pub(super) struct Pace {
    idle: Duration,
    window: Duration,
    waited: Duration,
    bytes: u64,
    total: Duration,
}

impl Pace {
    /// `timeout` is how long nothing may come.
    pub(super) fn new(timeout: Duration) -> Self {
        let window = timeout.saturating_mul(2).min(Duration::from_secs(60));
        Self { idle: timeout, window, waited: Duration::ZERO, bytes: 0, total: Duration::ZERO }
    }

    /// Bytes that must come in the time that may pass in silence.
    pub(super) fn least(&self) -> u64 {
        BLOB_RATE.saturating_mul(self.idle.as_secs().max(1))
    }

    /// Another answer begins.
    pub(super) fn restart(&mut self) {
        (self.waited, self.bytes) = (Duration::ZERO, 0);
    }

    /// The next piece; `None` where it does not come in time.
    pub(super) async fn next(
        &mut self,
        response: &mut Response,
    ) -> Option<Result<Option<Bytes>, reqwest::Error>> {
        let start = Instant::now();
        let piece = tokio::time::timeout(self.idle, response.chunk()).await.ok()?;
        let took = start.elapsed();
        self.waited += took;
        self.total += took;
        if let Ok(Some(piece)) = &piece {
            self.bytes += piece.len() as u64;
        }
        if self.waited >= self.window {
            if (self.bytes as f64) < BLOB_RATE as f64 * self.waited.as_secs_f64() {
                return None;
            }
            self.restart();
        }
        (self.total <= BLOB_TIME).then_some(piece)
    }
}
