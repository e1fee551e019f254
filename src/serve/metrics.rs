//! What is counted, in the text format of OpenMetrics. Labels are words of the program's own: no image, no host,
//! no name, no key.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// All counters.
pub struct Metrics {
    registry: Registry,
    decisions: Family<DecisionLabels, Counter>,
    seconds: Family<DoorLabels, Histogram, fn() -> Histogram>,
    refused: Family<DoorLabels, Counter>,
    scans: Family<OutcomeLabels, Counter>,
    notified: Family<SourceLabels, Counter>,
    policies: Family<OutcomeLabels, Counter>,
    uploads: Family<OutcomeLabels, Counter>,
    waiting: Gauge,
    images: Gauge,
    certificates: Family<DoorLabels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    door: &'static str,
    verdict: &'static str,
    admitted: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DoorLabels {
    door: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: &'static str,
}

/// Seconds within which decisions fall: from what memory answers to what API servers wait for.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("keyseam");
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let metrics = Self {
            decisions: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            refused: Family::default(),
            scans: Family::default(),
            notified: Family::default(),
            policies: Family::default(),
            uploads: Family::default(),
            waiting: Gauge::default(),
            images: Gauge::default(),
            certificates: Family::default(),
            registry: Registry::default(),
        };
        registry.register(
            "decisions",
            "Images and manifests that were decided on",
            metrics.decisions.clone(),
        );
        registry.register("decision_seconds", "How long a decision took", metrics.seconds.clone());
        registry.register("busy", "Requests that were told to come back", metrics.refused.clone());
        registry.register("scans", "Images that were examined", metrics.scans.clone());
        registry.register("notifications", "Pushes that registries told of", metrics.notified.clone());
        registry.register("policy_reloads", "Policy files that were read", metrics.policies.clone());
        registry.register("uploads", "Blobs that were read while they were pushed", metrics.uploads.clone());
        registry.register("queue", "Images that wait to be examined", metrics.waiting.clone());
        registry.register("images", "Images whose facts are in memory", metrics.images.clone());
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When a door's certificate ends",
            metrics.certificates.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// A decision of a door.
    pub fn decided(&self, door: &'static str, verdict: &'static str, admitted: bool, took: Duration) {
        let admitted = if admitted { "true" } else { "false" };
        self.decisions.get_or_create(&DecisionLabels { door, verdict, admitted }).inc();
        self.seconds.get_or_create(&DoorLabels { door }).observe(took.as_secs_f64());
    }

    /// A request that was told to come back.
    pub fn busy(&self, door: &'static str) {
        self.refused.get_or_create(&DoorLabels { door }).inc();
    }

    /// An image that was examined.
    pub fn scanned(&self, outcome: &'static str) {
        self.scans.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Pushes that a registry told of.
    pub fn notified(&self, source: &'static str, pushes: usize) {
        self.notified.get_or_create(&SourceLabels { source }).inc_by(pushes as u64);
    }

    /// A policy file that was read.
    pub fn policy(&self, outcome: &'static str) {
        self.policies.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// A blob that was read while it was pushed.
    pub fn upload(&self, outcome: &'static str) {
        self.uploads.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// When the certificate of a door ends, in seconds since 1970.
    pub fn certificate(&self, door: &'static str, until: i64) {
        self.certificates.get_or_create(&DoorLabels { door }).set(until);
    }

    /// All of it as text.
    pub fn text(&self, waiting: usize, images: u64) -> String {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.images.set(i64::try_from(images).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}
