//! Sending: services side by side, of each one key after another, none for longer than it may take.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT_ENCODING, LOCATION};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, Response, StatusCode, redirect};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::answer::{self, Answer};
use super::endpoint::Endpoint;
use super::request::Request;
use super::{Settings, Verdict};
use crate::limits;
use crate::network;
use crate::registry::credentials::Secret;
use crate::registry::retry_after;

/// Sends every host's requests, and answers for each by its number.
///
/// # Errors
/// When no connection can be set up.
pub(super) fn all(
    by_host: BTreeMap<String, Vec<(usize, Request)>>,
    settings: &Settings,
) -> Result<Vec<(usize, Verdict)>, String> {
    if by_host.is_empty() {
        return Ok(Vec::new());
    }
    let runtime = network::runtime().map_err(|error| error.to_string())?;
    let trusted = settings.ca_file.as_deref().map(certificates).transpose()?.unwrap_or_default();
    let near = client(Client::builder().no_proxy(), &trusted)?;
    let far = client(proxied(Client::builder(), settings.proxy.as_ref())?, &trusted)?;
    let limit = settings.timeout.min(limits::VERIFY_TIME);
    runtime.block_on(async {
        let at_once = std::sync::Arc::new(Semaphore::new(limits::VERIFY_AT_ONCE));
        let mut hosts = JoinSet::new();
        for (host, requests) in by_host {
            let endpoint = settings.endpoints.iter().find(|endpoint| endpoint.host() == host).cloned();
            let is_local = endpoint.as_ref().is_some_and(Endpoint::is_local);
            let client = if is_local { near.clone() } else { far.clone() };
            let at_once = at_once.clone();
            hosts.spawn(async move {
                // It is never closed.
                let _permit = at_once.acquire().await.ok();
                Service { host, endpoint, client, limit }.ask(requests).await
            });
        }
        let mut verdicts = Vec::new();
        while let Some(of_host) = hosts.join_next().await {
            verdicts.extend(of_host.map_err(|_| "a request ended without an answer".to_owned())?);
        }
        Ok(verdicts)
    })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |what: &str| format!("--ca-file {}: {what}", path.display());
    let pem = fs::read(path).map_err(|error| wrong(&error.to_string()))?;
    Certificate::from_pem_bundle(&pem).map_err(|_| wrong("it holds no certificate (PEM)"))
}

/// Through this proxy, or else those of the environment.
fn proxied(builder: ClientBuilder, proxy: Option<&Secret>) -> Result<ClientBuilder, String> {
    let Some(proxy) = proxy else { return Ok(builder) };
    let proxy = Proxy::all(proxy.expose()).map_err(|_| "--proxy: it is no address of a proxy".to_owned())?;
    Ok(builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_env())))
}

/// Connections that follow no redirect by themselves.
fn client(builder: ClientBuilder, trusted: &[Certificate]) -> Result<Client, String> {
    builder
        .user_agent(concat!("keyseam/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(limits::REGISTRY_CONNECT)
        .tls_certs_merge(trusted.iter().cloned())
        .build()
        .map_err(|_| "no connections can be made: is there a wrong proxy in the environment?".to_owned())
}

/// One host, and what is asked in its place.
struct Service {
    host: String,
    endpoint: Option<Endpoint>,
    client: Client,
    limit: Duration,
}

/// What one request came to.
enum Outcome {
    Answer(Answer),
    /// Nobody is there.
    Silence(String),
    /// Somebody is, and it helps nothing.
    Useless(String),
}

impl Service {
    /// Asks about one key after another, until the service wants no more or is not there.
    async fn ask(&self, requests: Vec<(usize, Request)>) -> Vec<(usize, Verdict)> {
        let mut verdicts = Vec::new();
        let (mut silences, mut enough) = (0, None::<String>);
        let mut next = Instant::now();
        for (number, request) in requests {
            if let Some(reason) = &enough {
                verdicts.push((number, Verdict::unknown(&request, reason.clone())));
                continue;
            }
            tokio::time::sleep(next.saturating_duration_since(Instant::now())).await;
            let outcome = tokio::time::timeout(self.limit, self.exchange(&request)).await;
            let late = |_| Outcome::Silence(format!("{} does not answer in time", self.host));
            let mut wait = limits::VERIFY_GAP;
            let verdict = match outcome.unwrap_or_else(late) {
                Outcome::Answer(answer) => {
                    silences = 0;
                    if answer.status == StatusCode::TOO_MANY_REQUESTS.as_u16() {
                        let asked = retry_after(&answer.headers, OffsetDateTime::now_utc());
                        wait = asked.unwrap_or(limits::VERIFY_RETRY_AFTER).max(wait);
                        if asked.is_none() || wait > limits::VERIFY_RETRY_AFTER {
                            enough = Some(format!("{} asks for no more requests (429)", self.host));
                        }
                    }
                    answer::verdict(&request, &answer)
                }
                Outcome::Silence(reason) => {
                    silences += 1;
                    if silences >= limits::VERIFY_SILENCES {
                        enough = Some(reason.clone());
                    }
                    Verdict::unknown(&request, reason)
                }
                Outcome::Useless(reason) => Verdict::unknown(&request, reason),
            };
            next = Instant::now() + wait;
            verdicts.push((number, verdict));
        }
        verdicts
    }

    async fn exchange(&self, request: &Request) -> Outcome {
        let mut url = match &self.endpoint {
            Some(endpoint) => endpoint.instead_of(&request.url),
            None => request.url.clone(),
        };
        let origin = url.origin();
        for _ in 0..=limits::VERIFY_REDIRECTS {
            let mut sent = self
                .client
                .request(request.method.clone(), url.clone())
                .headers(request.headers.clone())
                .header(ACCEPT_ENCODING, "identity");
            if let Some(body) = &request.body {
                sent = sent.body(body.to_vec());
            }
            let response = match sent.send().await {
                Ok(response) => response,
                Err(error) => return Outcome::Silence(self.broken(&error)),
            };
            let Some(location) = redirect(&response) else { return self.answer(response).await };
            let is_read = request.body.is_none();
            match url.join(&location).ok().filter(|to| is_read && to.origin() == origin) {
                Some(to) => url = to,
                None => {
                    let status = response.status().as_u16();
                    return Outcome::Useless(format!(
                        "it redirects elsewhere ({status}), which is not followed"
                    ));
                }
            }
        }
        Outcome::Useless(format!("it redirects more than {} times", limits::VERIFY_REDIRECTS))
    }

    async fn answer(&self, mut response: Response) -> Outcome {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(piece)) if body.len() + piece.len() > limits::VERIFY_ANSWER => {
                    return Outcome::Useless(format!(
                        "its answer ({status}) is longer than any that was expected"
                    ));
                }
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => return Outcome::Answer(Answer::new(status, headers, body)),
                Err(error) => return Outcome::Silence(self.broken(&error)),
            }
        }
    }

    /// Why there is no answer; the address, which may hold the key, is not in it.
    fn broken(&self, error: &reqwest::Error) -> String {
        let mut cause: &dyn Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let what = if error.is_connect() { "cannot be reached" } else { "broke the connection" };
        // Without a cause, the error's own words hold the address.
        match error.source() {
            Some(_) => format!("{} {what}: {cause}", self.host),
            None => format!("{} {what}", self.host),
        }
    }
}

fn redirect(response: &Response) -> Option<String> {
    let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection())?;
    Some(location.to_str().unwrap_or_default().to_owned())
}
