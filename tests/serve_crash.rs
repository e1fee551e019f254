//! Being written: part of the integration tests in the end.
#[path = "serve/api.rs"]
mod api;
#[path = "serve/crash.rs"]
mod crash;
#[path = "serve/notify.rs"]
mod notify;
mod support;
