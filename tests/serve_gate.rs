//! Being written: part of the integration tests in the end.
#[path = "serve/gate.rs"]
mod gate;
mod support;
