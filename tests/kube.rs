//! A real API server asks the webhook: `tests/kube/run` brings it and runs these tests; they are no part of
//! `cargo test`. Without `KEYSEAM_KUBE`, the folder of its programs, they fail.

mod support;
