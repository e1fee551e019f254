//! Being written: part of the integration tests in the end.
#[path = "serve/admission.rs"]
mod admission;
mod support;
