//! Images as Docker 28 with BuildKit and buildx makes them: real history, real provenance, every form in
//! which they are handed on. `tests/docker28/run` brings what these tests need and runs them; they are no
//! part of `cargo test`. Without `KEYSEAM_DOCKER28`, the folder that it makes, they fail.

#[path = "docker28/attest.rs"]
mod attest;
#[path = "docker28/builds.rs"]
mod builds;
#[path = "rewrite/cases.rs"]
mod cases;
#[path = "docker28/docker.rs"]
mod docker;
#[path = "recorded/expected.rs"]
mod expected;
#[path = "docker28/forms.rs"]
mod forms;
#[path = "docker28/gate.rs"]
mod gate;
#[path = "docker28/record.rs"]
mod record;
#[path = "docker28/registry.rs"]
mod registry;
#[path = "docker28/rewrite.rs"]
mod rewrite;
mod support;
