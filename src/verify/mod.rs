//! Whether a key still works: one question to its service, where the user asked for that (`--verify`).
//!
//! ```text
//! Judge --Subjects--> Subject --request--> Request --exchange--> Answer --answer--> live, dead, unknown
//! (findings)          (a key)  [[verify]]            (one host)           [[verify]]
//! ```
//!
//! Requests and the hosts that they go to stand in the definition files (`src/detectors/`) and nowhere else:
//! what was found in an image never says where a key is sent, and rules of the user's never send one. Each
//! key is sent once; keys whose issuers tell somebody when they are used are not sent at all.

mod answer;
mod canary;
mod endpoint;
mod exchange;
mod request;
mod sign;
mod subject;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use endpoint::{Endpoint, EndpointError};
pub use subject::{Subject, Subjects};

use crate::detect::catalogue::Catalogue;
use crate::detect::definition::Definition;
use crate::limits;
use crate::registry::credentials::Secret;
use crate::report::model::{Verification, VerificationStatus};
use request::Request;

/// How services are reached.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What is asked in place of a service's host.
    pub endpoints: Vec<Endpoint>,
    /// The proxy; without one, what the environment says.
    pub proxy: Option<Secret>,
    /// Certificates that are trusted too, a file of PEM.
    pub ca_file: Option<PathBuf>,
    /// How long one service may take for one key.
    pub timeout: Duration,
}

/// What became of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The status and what goes with it; its texts come from the service and are not clean.
    pub verification: Verification,
    /// Whether a request was sent.
    pub asked: bool,
}

impl Verdict {
    /// Of a key that nobody was asked about.
    fn not_asked(reason: impl Into<String>) -> Self {
        let verification = Verification { reason: Some(reason.into()), ..Verification::default() };
        Self { verification, asked: false }
    }

    /// Of one whose answer says nothing.
    fn unknown(request: &Request, reason: impl Into<String>) -> Self {
        let verification = Verification {
            status: VerificationStatus::Unknown,
            reason: Some(reason.into()),
            request: Some(request.shown.clone()),
            facts: BTreeMap::new(),
        };
        Self { verification, asked: true }
    }
}

/// Why keys of a definition are not asked about; none where they are.
pub fn reason_not_to_ask(definition: Option<&Definition>) -> Option<&'static str> {
    match definition {
        None => Some("it is one of the team's own values, of no service that could be asked"),
        Some(definition) if definition.verify().is_none() => {
            Some("no request is known that asks for nothing else, at a host that the image does not name")
        }
        Some(_) => None,
    }
}

/// Asks about `subjects`, the first ones first where there are too many. The verdicts are in their order.
///
/// # Errors
/// When no connection can be set up at all: a CA file or proxy that is wrong.
pub fn ask(
    subjects: &[&Subject],
    catalogue: &Catalogue,
    settings: &Settings,
) -> Result<Vec<Verdict>, String> {
    let mut verdicts = vec![Verdict::not_asked(""); subjects.len()];
    let mut by_host: BTreeMap<String, Vec<(usize, Request)>> = BTreeMap::new();
    let mut asked = 0;
    for (place, (number, subject)) in verdicts.iter_mut().zip(subjects.iter().enumerate()) {
        let request = match request(subject, catalogue.get(subject.detector)) {
            Ok(request) => request,
            Err(reason) => {
                *place = Verdict::not_asked(reason);
                continue;
            }
        };
        let of_host = by_host.entry(request.verify.host().to_owned()).or_default();
        if asked >= limits::VERIFIED || of_host.len() >= limits::VERIFIED_PER_HOST {
            *place = Verdict::not_asked("more keys than one run asks about were found");
            continue;
        }
        asked += 1;
        of_host.push((number, request));
    }
    for (number, verdict) in exchange::all(by_host, settings)? {
        if let Some(place) = verdicts.get_mut(number) {
            *place = verdict;
        }
    }
    Ok(verdicts)
}

/// The request about a key, or why there is none.
fn request(subject: &Subject, definition: Option<&Definition>) -> Result<Request, String> {
    let verify = definition.and_then(Definition::verify);
    let verify = verify.ok_or_else(|| reason_not_to_ask(definition).unwrap_or_default())?;
    match canary::issuer(subject) {
        Some(issuer) => Err(format!("it is a canary of {issuer}, who is told when it is used")),
        None => Request::new(verify, subject),
    }
}

#[cfg(test)]
mod tests;
