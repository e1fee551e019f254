//! What a user or a program reads: the report as data, its formats, and the files it is written to.
//! A format is one file here and one line in [`format::FORMATS`].

pub mod csv;
pub(crate) mod describe;
pub mod file;
#[cfg(test)]
pub(crate) mod fixture;
pub mod format;
pub mod github;
pub mod gitlab;
pub(crate) mod guide;
pub mod html;
pub mod intoto;
pub mod json;
pub mod jsonl;
pub mod junit;
pub mod markdown;
pub mod model;
pub mod sanitize;
pub mod sarif;
pub mod style;
pub mod table;
pub mod template;
pub mod text;
mod texts;
pub mod threshold;
pub(crate) mod words;

pub use format::Format;
pub use model::Report;
pub use style::Style;
pub use threshold::{FailOn, StatusSet, Threshold};
