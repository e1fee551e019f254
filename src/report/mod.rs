//! What a user or a program reads: the report as data, its formats, and the files it is written to.
//! A format is one file here and one line in [`format::FORMATS`].

pub mod csv;
pub mod file;
#[cfg(test)]
pub(crate) mod fixture;
pub mod format;
pub mod html;
pub mod json;
pub mod jsonl;
pub mod model;
pub mod sanitize;
pub mod style;
pub mod table;
pub mod text;
mod texts;
pub mod threshold;
mod words;

pub use format::Format;
pub use model::Report;
pub use style::Style;
pub use threshold::{FailOn, Threshold};
