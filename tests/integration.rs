//! All integration tests, as one binary, one module a subject.

mod detectors;
mod oracle;
mod reports;
mod scan;
mod sources;
mod support;
mod tar_readers;
