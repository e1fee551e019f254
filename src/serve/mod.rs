//! `keyseam serve`: a registry or a cluster asks whether an image may come in. One process over the engine of
//! `keyseam scan`, one store of what was found, and doors that are each on or off.
//!
//! ```text
//! gate/        a proxy before a registry: judges manifests when they are pushed
//! admission/   a Kubernetes ValidatingAdmissionWebhook: judges the images of pods and workloads
//! notify/      what registries tell of pushes: scanned before anybody asks
//! status       /healthz, /readyz, /metrics
//!
//! a door  --store-->  Facts of a digest     known: in memory, on disk, from the layers of the cache
//!         --queue-->  Examiner              unknown: scanned once, however many ask
//! Facts   --policy--> Decision              never kept: it changes with the policy file
//! ```
//!
//! A further door (Harbor's scanner adapter, say) is a folder here that asks the same store and queue, and a
//! line where [`run`] opens them.

pub mod admission;
pub mod door;
pub mod examiner;
pub mod facts;
pub mod fault;
pub mod gate;
pub mod log;
pub mod metrics;
pub mod notify;
pub mod policy;
pub mod queue;
pub mod rate;
pub mod registries;
pub mod server;
pub mod service;
pub mod status;
pub mod store;
pub mod tags;
pub mod tls;
