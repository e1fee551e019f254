//! The program as a whole, and its catalogue.

mod detectors;
//! All integration tests, as one binary.

mod oracle;
mod support;
//! Tests of the whole program, one module a subject.

mod reports;
