//! A token service as registries have one: GET with Basic, POST as OAuth2, opaque tokens, all counted.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Answer, Request};

/// A word that nobody can guess, with something in front by which a reader knows it.
pub(crate) fn secret(prefix: &str) -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("random bytes");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}-{hex}")
}

/// What `Authorization: Basic` carries.
pub(crate) fn basic(username: &str, password: &str) -> String {
    STANDARD.encode(format!("{username}:{password}"))
}

/// Who may have tokens, and which were given.
pub(crate) struct Tokens {
    username: String,
    password: String,
    identity: String,
    anonymous: bool,
    expires_in: Option<u64>,
    refusal: Option<Answer>,
    given: Mutex<Vec<Given>>,
}

struct Given {
    token: String,
    until: Option<Instant>,
}

impl Tokens {
    /// Tokens for one user, with a password and an identity token made up now.
    pub(crate) fn new() -> Self {
        Self {
            username: "robot$wire".to_owned(),
            password: secret("password"),
            identity: secret("identity"),
            anonymous: false,
            expires_in: Some(300),
            refusal: None,
            given: Mutex::default(),
        }
    }

    /// Whoever says nothing gets one too.
    pub(crate) fn for_anyone(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// So many seconds are said, and kept; none: nothing is said, and they last.
    pub(crate) fn expiring_in(mut self, seconds: Option<u64>) -> Self {
        self.expires_in = seconds;
        self
    }

    /// What it says to whom it does not know.
    pub(crate) fn refusing_with(mut self, answer: Answer) -> Self {
        self.refusal = Some(answer);
        self
    }

    pub(crate) fn username(&self) -> &str {
        &self.username
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// The identity token that POST takes.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// One more token, given at once; it lasts.
    pub(crate) fn lasting_token(&self) -> String {
        let token = secret("token");
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.push(Given { token: token.clone(), until: None });
        token
    }

    /// Tokens given so far.
    pub(crate) fn given(&self) -> usize {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// No token given so far is good any more.
    pub(crate) fn revoke(&self) {
        for given in self.given.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            given.until = Some(Instant::now());
        }
    }

    /// Whether a request carries a token that is good now.
    pub(crate) fn admits(&self, request: &Request) -> bool {
        let Some(token) = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "))
        else {
            return false;
        };
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        given.iter().any(|one| one.token == token && one.until.is_none_or(|until| now < until))
    }

    /// All that must never be seen: the password in its forms, the identity token, every token given.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets =
            vec![self.password.clone(), self.identity.clone(), basic(&self.username, &self.password)];
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.extend(given.iter().map(|given| given.token.clone()));
        secrets
    }

    /// Answers a request for a token.
    pub(crate) fn answer(&self, request: &Request) -> Answer {
        let known = match request.method.as_str() {
            "POST" => self.knows_form(request),
            _ => self.knows_header(request),
        };
        if !known {
            let usual = Answer::error(401, "UNAUTHORIZED", "incorrect username or password");
            return self.refusal.clone().unwrap_or(usual);
        }
        let token = secret("token");
        let until =
            self.expires_in.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.push(Given { token: token.clone(), until });
        // One name in GET's answer, the other in POST's, as services have them.
        let name = if request.method == "POST" { "access_token" } else { "token" };
        let mut answer = json!({ name: token });
        if let Some(seconds) = self.expires_in {
            answer["expires_in"] = json!(seconds);
        }
        Answer::json(200, &answer)
    }

    fn knows_header(&self, request: &Request) -> bool {
        match request.header("authorization") {
            Some(text) => text == format!("Basic {}", basic(&self.username, &self.password)),
            None => self.anonymous,
        }
    }

    fn knows_form(&self, request: &Request) -> bool {
        let form = |name: &str| request.form(name).unwrap_or_default();
        match form("grant_type").as_str() {
            "refresh_token" => form("refresh_token") == self.identity,
            "password" => form("username") == self.username && form("password") == self.password,
            _ => false,
        }
    }
}
