//! Being written: part of the integration tests in the end.
#[path = "serve/crash.rs"]
mod crash;
mod support;
#[path = "serve/notify.rs"]
mod notify;
#[path = "serve/api.rs"]
mod api;
