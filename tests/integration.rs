//! Tests of the whole program, one module a subject.

mod reports;
