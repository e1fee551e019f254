//! What doors have in common: a bound on how much they do at once, bounded bodies, and who may come in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body::{Body as _, Frame};
use sha2::Sha256;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::service::Service;
use crate::limits;
use crate::registry::credentials::Secret;

/// How long the body of a small request may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// A door, as its handlers know it.
#[derive(Clone)]
pub struct Door {
    /// Its name in metrics and logs.
    pub name: &'static str,
    /// What is behind it.
    pub service: Arc<Service>,
    room: Arc<Semaphore>,
}

impl Door {
    /// A door that nobody has come through.
    pub fn new(name: &'static str, service: Arc<Service>) -> Self {
        Self { name, service, room: Arc::new(Semaphore::new(limits::SERVE_REQUESTS)) }
    }

    /// Room for one more request; none when there are too many.
    pub fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// The answer to one that finds no room.
    pub fn busy(&self) -> Response {
        self.service.metrics.busy(self.name);
        come_back(1, "too many requests at once")
    }
}

/// What is wrong with a body that is to be JSON, without its words.
pub fn fault_of_json(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field is missing or of another type",
        serde_json::error::Category::Eof => "it breaks off",
        _ => "it is no JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// An answer to who should come back in so many seconds.
pub fn come_back(seconds: u32, why: &str) -> Response {
    let after = [(header::RETRY_AFTER, seconds.to_string())];
    (StatusCode::TOO_MANY_REQUESTS, after, format!("{why}; come back in {seconds} s\n")).into_response()
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// There is more than a door takes.
    #[error("a body has at most {0} bytes here")]
    TooLarge(usize),
    /// The client left.
    #[error("the body broke off")]
    Broken,
    /// It is not waited for any longer.
    #[error("the body took too long")]
    Late,
}

impl BodyError {
    /// The status that says so.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        (self.status(), format!("{self}\n")).into_response()
    }
}

/// A whole body of at most `most` bytes.
pub async fn body(body: Body, most: usize) -> Result<Vec<u8>, BodyError> {
    match tokio::time::timeout(BODY_TIME, whole(body, most)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(BodyError::TooLarge(most)),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::Late),
    }
}

/// All bytes; none when there are more than `most`.
async fn whole(body: Body, most: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let mut body = std::pin::pin!(body);
    let (mut bytes, mut over) = (Vec::new(), 0_usize);
    while let Some(frame) = next_frame(body.as_mut()).await {
        let Ok(data) = frame?.into_data() else { continue };
        if over == 0 && bytes.len().saturating_add(data.len()) <= most {
            bytes.extend_from_slice(&data);
            continue;
        }
        // Where a connection is closed before all was read, whoever sends may never see the answer.
        bytes = Vec::new();
        over = over.saturating_add(data.len());
        if over > DRAINED {
            break;
        }
    }
    Ok((over == 0).then_some(bytes))
}

/// Bytes of too large a body that are read and dropped.
const DRAINED: usize = 16 * 1024 * 1024;

/// The next piece of a body.
pub async fn next_frame(mut body: std::pin::Pin<&mut Body>) -> Option<Result<Frame<Bytes>, axum::Error>> {
    std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
}

/// Who may come in: who has the token, in `Authorization` by itself, as a bearer token, or as the password of
/// Basic authentication (registries differ in what they can send).
#[derive(Clone)]
pub struct Token(Secret);

impl Token {
    /// This token.
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// Whether the headers have it. It takes as long whatever they have.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        use base64::Engine as _;
        let Some(value) = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()) else {
            return false;
        };
        let word = |prefix: &[u8]| {
            value.split_at_checked(prefix.len()).filter(|(front, _)| front.eq_ignore_ascii_case(prefix))
        };
        let given = match (word(b"bearer "), word(b"basic ")) {
            (Some((_, token)), _) => token.to_vec(),
            (_, Some((_, pair))) => {
                let pair = base64::engine::general_purpose::STANDARD.decode(pair).unwrap_or_default();
                let colon = pair.iter().position(|byte| *byte == b':');
                colon.and_then(|colon| pair.get(colon + 1..)).unwrap_or_default().to_vec()
            }
            _ => value.to_vec(),
        };
        same(&given, self.0.expose().as_bytes())
    }
}

/// Compares in a time that says nothing of either: by their codes under a key of the moment.
fn same(left: &[u8], right: &[u8]) -> bool {
    let mut key = [0; 32];
    if getrandom::fill(&mut key).is_err() {
        return false;
    }
    let code = |text: &[u8]| {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).ok()?;
        mac.update(text);
        Some(mac)
    };
    let (Some(left), Some(right)) = (code(left), code(right)) else { return false };
    left.verify(&right.finalize().into_bytes()).is_ok()
}

/// The answer to who may not come in.
pub fn unauthorized() -> Response {
    let ask = [(header::WWW_AUTHENTICATE, "Bearer realm=\"keyseam\"")];
    (StatusCode::UNAUTHORIZED, ask, "the token is missing or wrong\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_comes_in_every_form_that_registries_send() {
        let token = Token::new(Secret::new("word".to_owned()));
        let sent = |value: &str| {
            let value = value.parse().expect("a value");
            token.is_in(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
        };
        // `me:word` in base64.
        for right in ["word", "Bearer word", "bearer word", "Basic bWU6d29yZA=="] {
            assert!(sent(right), "{right}");
        }
        for wrong in ["", "Bearer", "Bearer wor", "Bearer words", "Basic word", "Basic d29yZA=="] {
            assert!(!sent(wrong), "{wrong}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
    }
}
