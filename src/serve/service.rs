//! What all doors share: who asks about an image gets what is known of it, or has it examined.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use time::{Date, OffsetDateTime};
use tracing::{info, warn};

use super::admission::workload::OwnedLiteral;
use super::examiner::{Examiner, NonePassed, Passed};
use super::facts::Facts;
use super::fault;
use super::metrics::Metrics;
use super::policy::{Ask, Decision, Policy, PolicyFile, Question, Unknown};
use super::queue::{Failure, Outcome, Queue, Refused, Taken, Urgency, Wanted};
use super::rate::Rate;
use super::registries::Registries;
use super::store::Store;
use super::tags::Tags;
use crate::image::digest::{Algorithm, Hasher};
use crate::image::platform::{Platform, PlatformSet};
use crate::registry::{ErrorKind, RegistryError, Repository};
use crate::source::{self, ImageSource, SourceError};
use crate::target::reference;

/// The one thing behind all doors.
pub struct Service {
    /// The engine.
    pub examiner: Examiner,
    /// What is known.
    pub store: Store,
    /// What is to be examined.
    pub queue: Queue,
    /// The registries.
    pub registries: Registries,
    /// The policy.
    pub policy: PolicyFile,
    /// What is counted.
    pub metrics: Metrics,
    /// Registries that the operator has named beside the policy.
    named: Vec<String>,
    tags: Tags,
    rate: Rate,
    /// Names that were made fit to be shown.
    shown: Cache<String, Arc<str>>,
    /// Images that could not be examined a moment ago.
    failed: Cache<String, Arc<Failure>>,
    /// Texts of manifests that were examined: pods of one workload repeat them.
    literals: Cache<String, Arc<Facts>>,
}

/// How long an image that cannot be examined is not tried again.
const FAILED_AGE: Duration = Duration::from_secs(30);

/// Images that could not be examined, and texts, that are remembered.
const REMEMBERED: u64 = 10_000;

/// Bytes of a name that is remembered as it may be shown.
const SHOWN: usize = 512;

/// How long a tag's digest is waited for by who does not wait for a verdict.
const TAG_TIME: Duration = Duration::from_secs(2);

/// How somebody asks about an image.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The namespace that it is to run in, where it is.
    pub namespace: Option<&'a str>,
    /// Until when there must be an answer.
    pub until: Instant,
    /// Whether it may be queued: nothing is to come of a dry run.
    pub may_queue: bool,
}

impl Service {
    /// Of these parts.
    pub fn new(
        examiner: Examiner,
        store: Store,
        queue: Queue,
        registries: Registries,
        policy: PolicyFile,
        named: Vec<String>,
    ) -> Self {
        Self {
            examiner,
            store,
            queue,
            registries,
            policy,
            metrics: Metrics::default(),
            named,
            tags: Tags::default(),
            rate: Rate::default(),
            shown: Cache::builder().max_capacity(REMEMBERED).build(),
            failed: Cache::builder().max_capacity(REMEMBERED).time_to_live(FAILED_AGE).build(),
            literals: Cache::builder().max_capacity(REMEMBERED).build(),
        }
    }

    /// What becomes of an image that somebody named: by what is known of it, or else by policy, after a wait where
    /// that is the policy.
    pub async fn image(&self, named: &str, asking: &Asking<'_>) -> Decision {
        let policy = self.policy.current();
        let shown = if named.len() > SHOWN { "an image with an overlong name" } else { named };
        let shown = self.shown(shown);
        let plain = Question { image: &shown, repository: None, namespace: asking.namespace, today: today() };
        let Ok(parsed) = reference::parse(named) else {
            return policy.forbidden(&plain, "it is no name of an image");
        };
        let repository = Repository::from(&parsed);
        let whole = repository.whole_name();
        let question = Question { repository: Some(&whole), ..plain };
        match self.may_ask(&policy, &repository.registry) {
            Ask::Refuse => {
                return policy.forbidden(&question, "images may not come from this registry");
            }
            Ask::AdmitUnseen => return policy.unseen(&question),
            Ask::Anywhere | Ask::IfPublic => {}
        }
        let rules = policy.rules(asking.namespace, Some(&whole));
        let waits = rules.unknown == Unknown::Wait;
        let digest = match parsed.digest() {
            Some(digest) => digest.to_owned(),
            None if rules.require_digest => {
                return policy.forbidden(
                    &question,
                    "it is named by a tag, which may lead elsewhere tomorrow; name it by its digest",
                );
            }
            None => {
                let patience = if waits { asking.until } else { asking.until.min(Instant::now() + TAG_TIME) };
                let tag = parsed.tag().unwrap_or("latest");
                match self.digest(&policy, &repository, tag, patience).await {
                    Ok(digest) => digest,
                    Err(failure) => return policy.unknown(&question, failure.told(), true),
                }
            }
        };
        let wanted = wanted(&policy, &repository, digest);
        if let Some(facts) = self.store.get(&wanted.name()) {
            return policy.image(&question, &facts);
        }
        self.examined(&policy, &question, wanted, waits, asking).await
    }

    /// What becomes of an image that nothing is known of yet.
    async fn examined(
        &self,
        policy: &Policy,
        question: &Question<'_>,
        wanted: Wanted,
        waits: bool,
        asking: &Asking<'_>,
    ) -> Decision {
        if let Some(failure) = self.failed.get(&wanted.name()) {
            return policy.unknown(question, failure.told(), true);
        }
        if !asking.may_queue {
            return policy.unknown(question, "it was not examined yet", false);
        }
        let urgency = if waits { Urgency::Now } else { Urgency::Later };
        let mut waiting = match self.queue.submit(wanted, urgency) {
            Ok(waiting) => waiting,
            Err(refused) => return policy.unknown(question, &refused.to_string(), true),
        };
        if !waits {
            return policy.unknown(
                question,
                "it was not examined yet; that is queued now, so ask again in a minute",
                false,
            );
        }
        let until = tokio::time::Instant::from_std(asking.until);
        let outcome = tokio::time::timeout_at(until, waiting.wait_for(Option::is_some)).await;
        match outcome.ok().and_then(Result::ok).and_then(|outcome| outcome.clone()) {
            Some(Ok(facts)) => policy.image(question, &facts),
            Some(Err(failure)) => policy.unknown(question, failure.told(), true),
            None => policy.unknown(
                question,
                "there is no verdict yet; it is being examined, so ask again in a minute",
                true,
            ),
        }
    }

    async fn digest(
        &self,
        policy: &Policy,
        repository: &Repository,
        tag: &str,
        until: Instant,
    ) -> Result<String, Arc<Failure>> {
        let client =
            self.client(policy, &repository.registry).map_err(|error| Arc::new(Failure::of(&error)))?;
        let pause = || self.rate.pause(&repository.registry, policy.requests_per_second, Instant::now());
        let asked = self.tags.digest(&client, repository, tag, pause);
        match tokio::time::timeout_at(tokio::time::Instant::from_std(until), asked).await {
            Ok(answer) => answer.map(|digest| digest.to_string()),
            Err(_) => Err(Arc::new(Failure::silent())),
        }
    }

    fn client(&self, policy: &Policy, registry: &str) -> Result<crate::registry::Client, RegistryError> {
        self.registries.client(self.may_ask(policy, registry) != Ask::Anywhere)
    }

    fn may_ask(&self, policy: &Policy, registry: &str) -> Ask {
        if self.named.iter().any(|named| named == registry) {
            Ask::Anywhere
        } else {
            policy.may_ask(registry)
        }
    }

    /// What is in the texts of a manifest.
    pub async fn literals(self: &Arc<Self>, texts: Vec<OwnedLiteral>) -> Arc<Facts> {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        for text in &texts {
            for part in [&text.place, &text.value] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        let name = hasher.finish().to_string();
        if let Some(facts) = self.literals.get(&name) {
            return facts;
        }
        let service = Arc::clone(self);
        let examined = tokio::task::spawn_blocking(move || {
            let borrowed: Vec<_> = texts.iter().map(OwnedLiteral::borrowed).collect();
            service.examiner.literals(&borrowed)
        });
        match examined.await {
            Ok(facts) => {
                let facts = Arc::new(facts);
                self.literals.insert(name, Arc::clone(&facts));
                facts
            }
            Err(_) => Arc::new(Facts {
                incomplete: Some("its texts could not be searched, for an error of the program".to_owned()),
                ..Facts::default()
            }),
        }
    }

    /// A name of others as it may be shown.
    pub fn shown(&self, text: &str) -> Arc<str> {
        if text.len() > SHOWN {
            return self.examiner.clean(text).into();
        }
        self.shown.get_with_by_ref(text, || self.examiner.clean(text).into())
    }

    /// Waits until a registry may be asked again.
    pub fn wait_for_turn(&self, registry: &str) {
        let per_second = self.policy.current().requests_per_second;
        std::thread::sleep(self.rate.pause(registry, per_second, Instant::now()));
    }

    /// Has a pushed image examined, and says whether that was not done already.
    ///
    /// # Errors
    /// When there is too much to do already.
    pub fn pushed(&self, repository: &Repository, reference: &str) -> Result<bool, Refused> {
        let wanted = wanted(&self.policy.current(), repository, reference.to_owned());
        if self.store.get(&wanted.name()).is_some() {
            return Ok(false);
        }
        self.queue.submit(wanted, Urgency::Later).map(|_| true)
    }

    /// Examines what is in the queue, until that is stopped.
    pub fn work(&self) {
        while let Some(taken) = self.queue.take() {
            let start = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| self.examine(&taken))).unwrap_or_else(|_| {
                Err(Arc::new(Failure { message: "an error of the program".to_owned(), is_passing: false }))
            });
            let image = taken.places.first().map(Wanted::image).unwrap_or_default();
            let seconds = start.elapsed().as_secs_f64();
            match &outcome {
                Ok(facts) => {
                    let word = if facts.incomplete.is_some() { "incomplete" } else { "examined" };
                    self.metrics.scanned(word);
                    info!(image, seconds, leaks = facts.leaks.len(), "{word}");
                }
                Err(failure) => {
                    self.metrics.scanned("failed");
                    warn!(image, seconds, why = failure.message, again = failure.is_passing, "not examined");
                }
            }
            self.queue.finish(&taken, outcome);
        }
    }

    fn examine(&self, taken: &Taken) -> Outcome {
        let mut last =
            Failure { message: "it is in no registry that may be asked".to_owned(), is_passing: false };
        for wanted in &taken.places {
            match self.examine_at(wanted) {
                Ok(facts) => return Ok(facts),
                Err(failure) => last = failure,
            }
        }
        let last = Arc::new(last);
        if let Some(wanted) = taken.places.first() {
            self.failed.insert(wanted.name(), Arc::clone(&last));
        }
        Err(last)
    }

    fn examine_at(&self, wanted: &Wanted) -> Result<Arc<Facts>, Failure> {
        fault::point("job-taken");
        if let Some(facts) = self.store.get(&wanted.name()) {
            return Ok(facts);
        }
        let policy = self.policy.current();
        if matches!(self.may_ask(&policy, &wanted.registry), Ask::Refuse | Ask::AdmitUnseen) {
            return Err(Failure {
                message: "the policy does not let it be asked for".to_owned(),
                is_passing: false,
            });
        }
        self.wait_for_turn(&wanted.registry);
        let client = self.client(&policy, &wanted.registry).map_err(|error| Failure::of(&error))?;
        let repository = Repository { registry: wanted.registry.clone(), name: wanted.repository.clone() };
        let manifest =
            client.manifest(&repository, &wanted.reference).map_err(|error| Failure::of(&error))?;
        fault::point("manifest-fetched");
        let digest = manifest.digest.to_string();
        let name = Wanted { reference: digest.clone(), ..wanted.clone() };
        if digest != wanted.reference
            && let Some(facts) = self.store.get(&name.name())
        {
            return Ok(facts);
        }
        let image = name.image();
        let source = source::with_manifest(image.clone(), manifest, client, repository);
        let platforms = platforms(&wanted.platforms);
        let all = PlatformSet::All;
        // An image of another platform than the cluster's is judged as it is.
        let facts = match self.facts(&source, &image, &platforms, &NonePassed) {
            Err(_) if platforms != all => self.facts(&source, &image, &all, &NonePassed),
            facts => facts,
        }?;
        self.keep(&name.name(), &facts);
        Ok(facts)
    }

    /// What is in the images of a source.
    ///
    /// # Errors
    /// When there is no image to speak of.
    pub fn facts(
        &self,
        source: &dyn ImageSource,
        image: &str,
        platforms: &PlatformSet,
        passed: &dyn Passed,
    ) -> Result<Arc<Facts>, Failure> {
        let failed = |error: SourceError| Failure {
            message: self.shown(&error.to_string()).to_string(),
            is_passing: true,
        };
        self.examiner.images(source, image, platforms, passed).map(Arc::new).map_err(failed)
    }

    /// Keeps what was found. What cannot be kept is found again by the next process.
    pub fn keep(&self, name: &str, facts: &Arc<Facts>) {
        if let Err(error) = self.store.put(name, facts) {
            warn!(%error, "what was found cannot be written to disk");
        }
    }
}

/// An image as the queue and the store know it.
pub fn wanted(policy: &Policy, repository: &Repository, reference: String) -> Wanted {
    Wanted {
        registry: repository.registry.clone(),
        repository: repository.name.clone(),
        reference,
        platforms: policy.platforms.iter().map(ToString::to_string).collect(),
    }
}

fn platforms(words: &[String]) -> PlatformSet {
    let chosen: Vec<Platform> = words.iter().filter_map(|word| word.parse().ok()).collect();
    if chosen.is_empty() { PlatformSet::All } else { PlatformSet::Chosen(chosen) }
}

/// The day in UTC.
pub fn today() -> Date {
    OffsetDateTime::now_utc().date()
}

impl Failure {
    /// Of a registry's error.
    pub fn of(error: &RegistryError) -> Self {
        let passes =
            matches!(error.kind, ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Throttled);
        Self { message: crate::cli::messages::without_keys(&error.to_string()), is_passing: passes }
    }

    /// There are too many questions.
    pub fn busy() -> Self {
        Self { message: "too much is asked at once".to_owned(), is_passing: true }
    }

    /// Nobody answered.
    pub fn silent() -> Self {
        Self { message: "the registry does not answer in time".to_owned(), is_passing: true }
    }

    /// What somebody is told who named the image: the same whether it is not there or not theirs to see.
    pub fn told(&self) -> &'static str {
        if self.is_passing {
            "its registry does not answer in time, so nothing is known of it"
        } else {
            "it cannot be examined: it is not there, or may not be read by keyseam"
        }
    }
}

/// Looks for a new policy now and then.
pub fn watch_policy(service: &Service) {
    match service.policy.reload_if_changed() {
        Ok(false) => {}
        Ok(true) => {
            service.metrics.policy("read");
            info!("policy read");
            tell_policy(service);
        }
        Err(error) => {
            service.metrics.policy("broken");
            warn!(why = error.to_string(), "the policy file cannot be used; the one before stays in force");
        }
    }
}

/// Logs what an operator should know of the policy.
pub fn tell_policy(service: &Service) {
    let key_id = service.examiner.fingerprints().id();
    for note in service.policy.current().notes(today(), key_id) {
        warn!(note, "policy");
    }
}

/// Makes room on disk.
pub fn tidy(service: &Service) {
    if let Err(error) = service.examiner.tidy().and_then(|()| service.store.tidy()) {
        warn!(%error, "the store cannot be kept small");
    }
}
