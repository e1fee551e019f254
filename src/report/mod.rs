//! What a user or a program reads: the report as data, and its formats.

pub mod model;
