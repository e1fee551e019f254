//! All integration tests, as one binary, one module a subject.

mod detectors;
mod leaks;
mod memory;
mod oracle;
mod reports;
mod sources;
mod support;
mod tar_readers;
mod traces;
