//! All integration tests, as one binary, one module a subject.

mod base;
mod damage;
mod detectors;
mod diff;
mod engines;
mod fuzz;
mod leaks;
mod memory;
mod oracle;
mod owner;
mod recorded;
mod registry;
mod reports;
mod scan;
mod sources;
mod support;
mod tar_readers;
mod traces;
