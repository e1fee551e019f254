//! The API of one engine: Docker's, or podman's in the form of Docker's. Only GET is ever sent.
//!
//! ```text
//! GET /_ping                          who it is, and which version of the API it speaks
//! GET /v1.41/images/NAME/json         what it knows of the image
//! GET /v1.41/images/ID/get            the image as an archive, passed on as it comes
//! ```

use std::future::Future;
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::{Response, StatusCode};
use tokio::runtime::Handle;

use super::endpoint::Endpoint;
use super::error::{EngineError, cause, words};
use super::inspect::Inspection;
use super::version::{self, PLATFORM_SINCE};
use crate::image::platform::Platform;
use crate::limits::{ENGINE_ANSWER, ENGINE_ERROR, ENGINE_EXPORT};
use crate::network::{Prefetched, Sender};

/// What names of images may hold that paths of URLs may not.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS.add(b'[').add(b']');

/// How long an engine is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// To connect, to answer a question whole, and between two pieces of an image.
    pub answer: Duration,
    /// For the first byte of an image.
    pub export: Duration,
}

impl From<&super::Settings> for Patience {
    fn from(settings: &super::Settings) -> Self {
        Self { answer: settings.timeout, export: ENGINE_EXPORT.max(settings.timeout) }
    }
}

/// An engine that has answered.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// Which engine, as errors call it.
    name: String,
    patience: Patience,
    version: Option<String>,
    /// The version of podman's own API, where it is podman.
    libpod: Option<String>,
}

/// An image on its way.
pub struct Export {
    client: Client,
    response: Response,
    /// Whether the engine could give one platform only, without what belongs to all of them.
    pub one_platform: bool,
}

impl Client {
    /// Asks the engine who it is. `kind` is what errors call it: Docker or Podman.
    ///
    /// # Errors
    /// When nobody answers, or no engine.
    pub async fn connect(kind: &str, endpoint: &Endpoint, patience: Patience) -> Result<Self, EngineError> {
        let mut client = Self {
            http: endpoint.http(patience.answer)?,
            base: endpoint.base(),
            name: format!("{kind} ({endpoint})"),
            patience,
            version: None,
            libpod: None,
        };
        let answer = client.answer("/_ping").await?;
        if answer.status != StatusCode::OK {
            return Err(client.refused(answer.status, &answer.body));
        }
        client.version = version::lower(answer.api_version.as_deref(), version::NEWEST);
        client.libpod = version::lower(answer.libpod_version.as_deref(), version::NEWEST_LIBPOD);
        Ok(client)
    }

    /// What the engine knows of the image `name`, which is a name or an id that was checked.
    ///
    /// # Errors
    /// [`EngineError::NoImage`] when it has none of that name.
    pub async fn inspect(&self, name: &str) -> Result<Inspection, EngineError> {
        // podman's own answer finds its short names, and has the manifest's annotations.
        let prefix = match &self.libpod {
            Some(version) => format!("/v{version}/libpod"),
            None => self.prefix(),
        };
        let name = utf8_percent_encode(name, NOT_IN_PATHS);
        let answer = self.answer(&format!("{prefix}/images/{name}/json")).await?;
        match answer.status {
            StatusCode::OK => Inspection::parse(&answer.body).map_err(|why| self.garbled(&why)),
            // The same status is that of a path that is not there.
            StatusCode::NOT_FOUND if words(&answer.body).to_lowercase().contains("image") => {
                let (command, image) = (self.command(), name.to_string());
                let hint = format!("{command} images lists what it has, {command} pull fetches it");
                Err(EngineError::NoImage { engine: self.name.clone(), image, hint })
            }
            status => Err(self.refused(status, &answer.body)),
        }
    }

    /// Asks for the image as an archive, and waits until it begins.
    ///
    /// # Errors
    /// When the engine refuses, or does not begin.
    pub async fn export(&self, image: &Inspection) -> Result<Export, EngineError> {
        let path = format!("{}/images/{}/get", self.prefix(), image.id);
        let response = self.begin(&path).await?;
        if response.status() == StatusCode::OK {
            return Ok(Export { client: self.clone(), response, one_platform: false });
        }
        // With containerd's store, Docker cannot export all of an image of which it has no platform
        // that it could run. It can export the one that it has.
        let platform =
            image.platform.as_ref().filter(|_| version::is_at_least(&self.version, PLATFORM_SINCE));
        if let Some(platform) = platform {
            let response = self.begin(&format!("{path}?platform={}", platform_query(platform))).await?;
            if response.status() == StatusCode::OK {
                return Ok(Export { client: self.clone(), response, one_platform: true });
            }
        }
        let status = response.status();
        let body = self.within(self.patience.answer, self.head_of(response, ENGINE_ERROR)).await?;
        Err(self.refused(status, &body))
    }

    fn prefix(&self) -> String {
        self.version.as_ref().map(|version| format!("/v{version}")).unwrap_or_default()
    }

    fn command(&self) -> &'static str {
        if self.libpod.is_some() { "podman" } else { "docker" }
    }

    async fn begin(&self, path: &str) -> Result<Response, EngineError> {
        self.within(self.patience.export, self.get(path)).await
    }

    async fn get(&self, path: &str) -> Result<Response, EngineError> {
        let sent = self.http.get(format!("{}{path}", self.base)).send().await;
        sent.map_err(|error| self.unreachable(&error))
    }

    /// A small answer, whole.
    async fn answer(&self, path: &str) -> Result<Answer, EngineError> {
        let asking = async {
            let response = self.get(path).await?;
            let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
            let (api, libpod) = (header("api-version"), header("libpod-api-version"));
            let (api_version, libpod_version) = (api.map(str::to_owned), libpod.map(str::to_owned));
            let status = response.status();
            let limit = if status == StatusCode::OK { ENGINE_ANSWER } else { ENGINE_ERROR };
            let body = self.head_of(response, limit).await?;
            if status == StatusCode::OK && body.len() as u64 >= limit {
                return Err(self.garbled(&format!("it is larger than {limit} bytes")));
            }
            Ok(Answer { status, api_version, libpod_version, body })
        };
        self.within(self.patience.answer, asking).await
    }

    /// The beginning of a body, `limit` bytes at most.
    async fn head_of(&self, mut response: Response, limit: u64) -> Result<Vec<u8>, EngineError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut head = Vec::new();
        while head.len() < limit {
            match response.chunk().await {
                Ok(Some(piece)) => head.extend_from_slice(&piece),
                Ok(None) => break,
                Err(error) => return Err(self.unreachable(&error)),
            }
        }
        head.truncate(limit);
        Ok(head)
    }

    async fn within<T>(
        &self,
        limit: Duration,
        asking: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let silent = || EngineError::Silent { engine: self.name.clone(), limit };
        tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| Err(silent()))
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> EngineError {
        EngineError::Refused { engine: self.name.clone(), status: status.to_string(), words: words(body) }
    }

    fn garbled(&self, why: &str) -> EngineError {
        EngineError::Garbled { engine: self.name.clone(), why: why.to_owned() }
    }

    fn unreachable(&self, error: &reqwest::Error) -> EngineError {
        let mut cause = cause(error);
        if cause.to_lowercase().contains("permission denied") {
            cause.push_str(" (is your user in the engine's group?)");
        }
        EngineError::Unreachable { engine: self.name.clone(), cause }
    }
}

struct Answer {
    status: StatusCode,
    api_version: Option<String>,
    libpod_version: Option<String>,
    body: Vec<u8>,
}

impl Export {
    /// The archive, as it comes. A connection that breaks off is an error of reading.
    pub fn body(self, runtime: &Handle) -> Prefetched {
        Prefetched::start(runtime, move |sender| pass_on(self.client, self.response, sender))
    }
}

async fn pass_on(client: Client, mut response: Response, sender: Sender) {
    loop {
        let piece = client.within(client.patience.answer, async {
            response.chunk().await.map_err(|error| client.unreachable(&error))
        });
        let piece = match piece.await {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => return,
            Err(EngineError::Unreachable { engine, cause }) => Err(format!("{engine} broke off: {cause}")),
            Err(error) => Err(error.to_string()),
        };
        let over = piece.is_err();
        // Where nobody reads any more, dropping the connection tells the engine to stop.
        if sender.send(piece.map_err(std::io::Error::other)).await.is_err() || over {
            return;
        }
    }
}

fn platform_query(platform: &Platform) -> String {
    let json = serde_json::to_string(platform).unwrap_or_default();
    utf8_percent_encode(&json, percent_encoding::NON_ALPHANUMERIC).to_string()
}
