//! All integration tests, as one binary, one module a subject.

mod archives;
mod base;
mod bombs;
mod catalogue;
mod damage;
mod detectors;
mod diff;
mod encodings;
mod engines;
mod forms;
mod fuzz;
mod leaks;
mod memory;
mod oracle;
mod owner;
mod packages;
mod pairs;
mod places;
mod recorded;
mod registry;
mod reports;
mod scan;
mod sources;
mod support;
mod tar_readers;
mod traces;
