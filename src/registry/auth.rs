//! Logging in: a registry's 401 says how, and only then are credentials looked up and sent, to it and to
//! the token service of its own domain. One token serves all requests for one repository: while it is
//! fetched, they wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::body;
use super::challenge::Challenge;
use super::credentials::{Credential, Credentials, Secret};
use super::error::{ErrorKind, RegistryError};
use super::exchange::{self, Body, Call};
use super::guard::{may_have_credentials, place};
use super::hosts::Host;
use super::words::Secrets;
use crate::limits::REGISTRY_TOKEN;

/// How long a token without `expires_in` lives (distribution's token specification).
const DEFAULT_LIFE: Duration = Duration::from_secs(60);

/// What is taken off a token's life: it must not end on the way.
const MARGIN: Duration = Duration::from_secs(10);

/// What one request may be sent with.
#[derive(Clone)]
pub(super) struct Grant {
    /// The header; none where the registry asks for nothing.
    pub(super) header: Option<HeaderValue>,
    /// Whether it took credentials of the user.
    pub(super) with_credentials: bool,
    /// Why it may lack credentials that the user has.
    pub(super) problem: Option<String>,
    /// Counts the grants for one repository.
    generation: u64,
    until: Option<Instant>,
}

/// Who the requests are from.
pub(super) struct Auth {
    /// What every request is sent with, in place of credentials.
    caller: Option<Grant>,
    credentials: Arc<Credentials>,
    trusted: Vec<String>,
    secrets: Arc<Secrets>,
    timeout: Duration,
    sessions: Mutex<HashMap<(String, String, bool), Arc<Session>>>,
}

/// What is known of one repository (or list) of one host. The lock is held while a token is fetched.
#[derive(Default)]
struct Session(tokio::sync::Mutex<State>);

#[derive(Default)]
struct State {
    grant: Option<Grant>,
    challenge: Option<Challenge>,
    scopes: Vec<String>,
    generation: u64,
}

/// Whose session it is.
pub(super) struct Visit<'a> {
    pub(super) host: &'a Host,
    /// As credentials are looked up: `docker.io`, `host[:port]`.
    pub(super) registry: &'a str,
    /// The repository; empty for lists of the registry itself.
    pub(super) repository: &'a str,
    /// Whether to ask as nobody, whatever credentials there are.
    pub(super) anonymous: bool,
}

impl Auth {
    pub(super) fn new(
        credentials: Credentials,
        trusted: Vec<String>,
        secrets: Arc<Secrets>,
        timeout: Duration,
    ) -> Self {
        let credentials = Arc::new(credentials);
        Self { caller: None, credentials, trusted, secrets, timeout, sessions: Mutex::default() }
    }

    /// Requests are from somebody else: they are sent with what that one sent, and no credentials are looked up.
    pub(super) fn of_caller(header: Option<HeaderValue>, secrets: Arc<Secrets>, timeout: Duration) -> Self {
        let with_credentials = header.is_some();
        let header = header.map(|mut header| {
            header.set_sensitive(true);
            header
        });
        let caller = Grant { header, with_credentials, problem: None, generation: 0, until: None };
        let nobody = Credentials::nobody();
        Self { caller: Some(caller), ..Self::new(nobody, Vec::new(), secrets, timeout) }
    }

    fn session(&self, visit: &Visit<'_>) -> Arc<Session> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (visit.host.name.clone(), visit.repository.to_owned(), visit.anonymous);
        Arc::clone(sessions.entry(key).or_default())
    }

    /// What a request is sent with, as far as that is known before an answer. A token that is about to
    /// end is replaced first.
    pub(super) async fn grant(&self, visit: &Visit<'_>) -> Result<Option<Grant>, RegistryError> {
        if let Some(caller) = &self.caller {
            return Ok(Some(caller.clone()));
        }
        let session = self.session(visit);
        let mut state = session.0.lock().await;
        let is_over = |grant: &Grant| grant.until.is_some_and(|until| until <= Instant::now());
        if state.grant.as_ref().is_some_and(is_over)
            && let Some(challenge) = state.challenge.clone()
        {
            self.log_in(visit, &mut state, &challenge).await?;
        }
        Ok(state.grant.clone())
    }

    /// What a request is sent with after a 401. `used` is what the refused one was sent with: if another
    /// request has logged in since, its token is taken.
    pub(super) async fn answer(
        &self,
        visit: &Visit<'_>,
        challenges: &[Challenge],
        used: Option<&Grant>,
    ) -> Result<Grant, RegistryError> {
        if self.caller.is_some() {
            return Err(denied("it does not take what the caller sent to log in"));
        }
        let session = self.session(visit);
        let mut state = session.0.lock().await;
        let is_newer = |grant: &&Grant| used.is_none_or(|used| grant.generation > used.generation);
        let covers = challenges.iter().any(|challenge| state.covers(challenge));
        if let Some(grant) = state.grant.as_ref().filter(is_newer).filter(|_| covers) {
            return Ok(grant.clone());
        }
        let bearer = challenges.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
        let Some(challenge) = bearer.or(challenges.first()) else {
            return Err(denied("it offers no way to log in that is known here (Basic or Bearer)"));
        };
        self.log_in(visit, &mut state, challenge).await?;
        state.grant.clone().ok_or_else(|| denied("it gave no token"))
    }

    async fn log_in(
        &self,
        visit: &Visit<'_>,
        state: &mut State,
        challenge: &Challenge,
    ) -> Result<(), RegistryError> {
        let found = self.find(visit).await?;
        let with_problem = |error: RegistryError| match &found.problem {
            Some(problem) => RegistryError::new(error.kind, format!("{error} ({problem})")),
            None => error,
        };
        state.generation += 1;
        let (header, life, with_credentials) = match challenge {
            Challenge::Basic => {
                let header = basic(&found.credential, &self.secrets).ok_or_else(|| {
                    with_problem(denied(&format!(
                        "it asks for a name and a password, and none is known: {}",
                        super::login_command(visit.registry)
                    )))
                })?;
                (header, None, true)
            }
            Challenge::Bearer { realm, service, scope } => {
                let scopes = state.scopes_for(scope, visit);
                let ask = Ask { visit, realm, service: service.as_deref(), scopes: &scopes };
                let token = self.token(&ask, &found.credential).await.map_err(with_problem)?;
                state.scopes = scopes;
                (token.header, Some(token.life), token.with_credentials)
            }
        };
        let until = life.and_then(|life: Duration| Instant::now().checked_add(life));
        state.challenge = Some(challenge.clone());
        let generation = state.generation;
        state.grant =
            Some(Grant { header: Some(header), with_credentials, problem: found.problem, generation, until });
        Ok(())
    }

    /// Looks credentials up. A helper may take its time, so another thread waits for it.
    async fn find(&self, visit: &Visit<'_>) -> Result<super::credentials::Found, RegistryError> {
        if visit.anonymous {
            return Ok(super::credentials::Found { credential: Credential::Anonymous, problem: None });
        }
        let credentials = Arc::clone(&self.credentials);
        let (registry, repository) = (visit.registry.to_owned(), visit.repository.to_owned());
        let found = tokio::task::spawn_blocking(move || credentials.find(&registry, &repository)).await;
        let found = found.map_err(|_| denied("credentials could not be looked up"))?;
        match &found.credential {
            Credential::Anonymous => {}
            Credential::Basic { password: secret, .. }
            | Credential::IdentityToken(secret)
            | Credential::RegistryToken(secret) => self.secrets.add(secret.expose()),
        }
        Ok(found)
    }

    /// Asks a token service.
    async fn token(&self, ask: &Ask<'_>, credential: &Credential) -> Result<Token, RegistryError> {
        if let Credential::RegistryToken(token) = credential {
            let header = bearer(token.expose(), &self.secrets)?;
            return Ok(Token { header, life: DEFAULT_LIFE, with_credentials: true });
        }
        let base = ask.visit.host.base().await?;
        let wrong = || denied(&format!("it names a token service that is no address: '{:.100}'", ask.realm));
        let mut realm = base.join(ask.realm).map_err(|_| wrong())?;
        // A name in the address would be sent as credentials.
        let _ = realm.set_username("");
        let _ = realm.set_password(None);
        super::guard::check(base, ask.visit.host.reach(), &realm)?;
        let trusted = may_have_credentials(base, &realm, &self.trusted);
        let known = *credential != Credential::Anonymous;
        let credential = if trusted { credential } else { &Credential::Anonymous };
        let result = match credential {
            Credential::IdentityToken(token) => {
                let grant = [("grant_type", "refresh_token"), ("refresh_token", token.expose())];
                self.post(ask, &realm, &grant).await
            }
            Credential::Basic { username, password } => match self.get(ask, &realm, credential).await {
                // Services that know OAuth2 only.
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Unsupported) => {
                    let login = [("username", username.as_str()), ("password", password.expose())];
                    let grant = [("grant_type", "password"), login[0], login[1]];
                    self.post(ask, &realm, &grant).await
                }
                other => other,
            },
            Credential::Anonymous | Credential::RegistryToken(_) => self.get(ask, &realm, credential).await,
        };
        let is_stranger = known && !trusted;
        match result {
            Err(error) if is_stranger => {
                let host = realm.host_str().unwrap_or_default();
                let hint =
                    format!("credentials were not sent to it; --trust-realm {host} lets them go there");
                Err(RegistryError::new(error.kind, format!("{error} ({hint})")))
            }
            Err(error) if !known && error.kind == ErrorKind::Denied => {
                let login = super::login_command(ask.visit.registry);
                Err(RegistryError::new(error.kind, format!("{error}; {login} makes you known")))
            }
            Err(error) => Err(error),
            Ok(answer) => {
                let (text, life) = answer
                    .token()
                    .ok_or_else(|| denied(&format!("the token service {} gave no token", place(&realm))))?;
                let with_credentials = trusted && known;
                Ok(Token { header: bearer(text.expose(), &self.secrets)?, life, with_credentials })
            }
        }
    }

    /// Distribution's token specification: GET, with Basic where there are credentials.
    async fn get(
        &self,
        ask: &Ask<'_>,
        realm: &Url,
        credential: &Credential,
    ) -> Result<Answer, RegistryError> {
        let mut url = realm.clone();
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(ask.service.map(|service| ("service", service)));
            query.extend_pairs(ask.scopes.iter().map(|scope| ("scope", scope)));
            if let Credential::Basic { username, .. } = credential {
                query.append_pair("account", username);
            }
            query.append_pair("client_id", "keyseam");
        }
        let header = basic(credential, &self.secrets);
        self.ask(ask, Call { method: Method::GET, url, authorization: header, body: None }).await
    }

    /// OAuth2 (RFC 6749, sections 4.3.2 and 6) as Docker's token services have it.
    async fn post(
        &self,
        ask: &Ask<'_>,
        realm: &Url,
        grant: &[(&str, &str)],
    ) -> Result<Answer, RegistryError> {
        let bytes = {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(grant).append_pair("client_id", "keyseam");
            form.extend_pairs(ask.service.map(|service| ("service", service)));
            form.append_pair("scope", &ask.scopes.join(" ")).finish()
        };
        let body = Some(Body { media_type: "application/x-www-form-urlencoded", bytes });
        let url = realm.clone();
        self.ask(ask, Call { method: Method::POST, url, authorization: None, body }).await
    }

    async fn ask(&self, ask: &Ask<'_>, call: Call<'_>) -> Result<Answer, RegistryError> {
        let service = place(&call.url);
        let response = exchange::follow(ask.visit.host, call, self.timeout, &[]).await?;
        let status = response.status();
        if !status.is_success() {
            let words = super::words::read(response, self.timeout, &self.secrets).await;
            let words = if words.is_empty() { String::new() } else { format!(": {words}") };
            let kind = match status {
                StatusCode::NOT_FOUND => ErrorKind::NotFound,
                StatusCode::METHOD_NOT_ALLOWED => ErrorKind::Unsupported,
                StatusCode::TOO_MANY_REQUESTS => ErrorKind::Throttled,
                status if status.is_server_error() => ErrorKind::Unavailable,
                _ => ErrorKind::Denied,
            };
            let message = format!("the token service {service} refused with {}{words}", status.as_u16());
            return Err(RegistryError::new(kind, message));
        }
        let what = format!("the answer of the token service {service}");
        let bytes = body::whole(response, REGISTRY_TOKEN, self.timeout, &what).await?;
        let bytes = zeroize::Zeroizing::new(bytes);
        serde_json::from_slice(&bytes).map_err(|_| denied(&format!("{what} is no JSON with a token")))
    }
}

impl State {
    /// Whether what is held is for all that the challenge asks for.
    fn covers(&self, challenge: &Challenge) -> bool {
        match challenge {
            Challenge::Basic => true,
            Challenge::Bearer { scope, .. } => {
                scope.split_whitespace().all(|scope| self.scopes.iter().any(|held| held == scope))
            }
        }
    }

    /// What to ask for: what the registry says and what was granted before, else what pulling needs.
    fn scopes_for(&self, asked: &str, visit: &Visit<'_>) -> Vec<String> {
        let mut scopes = self.scopes.clone();
        for scope in asked.split_whitespace() {
            if !scopes.iter().any(|held| held == scope) {
                scopes.push(scope.to_owned());
            }
        }
        if scopes.is_empty() {
            scopes.push(match visit.repository {
                "" => "registry:catalog:*".to_owned(),
                name => format!("repository:{name}:pull"),
            });
        }
        scopes
    }
}

/// A token that is asked for.
struct Ask<'a> {
    visit: &'a Visit<'a>,
    realm: &'a str,
    service: Option<&'a str>,
    scopes: &'a [String],
}

/// A token as it is sent.
struct Token {
    header: HeaderValue,
    life: Duration,
    with_credentials: bool,
}

/// What a token service answers. Some call the token so, some so.
#[derive(Deserialize)]
struct Answer {
    token: Option<Secret>,
    access_token: Option<Secret>,
    expires_in: Option<f64>,
}

impl Answer {
    fn token(&self) -> Option<(Secret, Duration)> {
        let given = [&self.token, &self.access_token].into_iter().flatten();
        let token = given.into_iter().find(|token| !token.expose().is_empty())?;
        let life = self.expires_in.filter(|seconds| *seconds > 0.0);
        let life = life.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(DEFAULT_LIFE);
        // Of a short life a part is left off, not all of it.
        let margin = MARGIN.min(life / 4);
        Some((token.clone(), life.saturating_sub(margin)))
    }
}

fn denied(message: &str) -> RegistryError {
    RegistryError::new(ErrorKind::Denied, message)
}

fn basic(credential: &Credential, secrets: &Secrets) -> Option<HeaderValue> {
    let Credential::Basic { username, password } = credential else { return None };
    let both = zeroize::Zeroizing::new(format!("{username}:{}", password.expose()));
    let encoded = STANDARD.encode(both.as_bytes());
    secrets.add(&encoded);
    sensitive(&format!("Basic {encoded}"))
}

fn bearer(token: &str, secrets: &Secrets) -> Result<HeaderValue, RegistryError> {
    secrets.add(token);
    sensitive(&format!("Bearer {token}"))
        .ok_or_else(|| denied("the token cannot be sent: it holds odd letters"))
}

/// A header that no log shows.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
