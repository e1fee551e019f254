//! All integration tests, as one binary, one module a subject.

mod detectors;
mod oracle;
mod reports;
//! All integration tests in one binary: one link, shared builders.

mod sources;
mod support;
mod tar_readers;
