//! All integration tests in one binary: one link, shared builders.

mod sources;
mod support;
