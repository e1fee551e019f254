//! All integration tests, as one binary.

mod oracle;
mod support;
