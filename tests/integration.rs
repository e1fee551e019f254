//! All integration tests, as one binary, one module a subject.

mod damage;
mod detectors;
mod fuzz;
mod leaks;
mod memory;
mod oracle;
mod reports;
mod scan;
mod sources;
mod support;
mod tar_readers;
mod traces;
