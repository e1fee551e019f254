//! The table of report formats.

use std::io::{self, Write};

use super::{Report, Style, csv, html, json, jsonl, table};

/// How a report is written.
pub type WriteReport = fn(&Report, &Style, &mut dyn Write) -> io::Result<()>;

/// A report format.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Its name behind `-o`.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub about: &'static str,
    /// Writes a whole report. What it writes depends on the report and the style alone.
    pub write: WriteReport,
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The table for people: what is shown when nothing else goes to standard output.
pub const TABLE: Format = Format { name: "table", about: "for people (the default)", write: table::write };

/// Every format.
pub const FORMATS: &[Format] = &[
    TABLE,
    Format { name: "json", about: "everything, as docs/report.schema.json describes it", write: json::write },
    Format { name: "jsonl", about: "a finding a line, then a summary line", write: jsonl::write },
    Format { name: "csv", about: "a finding a row, for spreadsheets", write: csv::write },
    Format { name: "html", about: "a page to look at, in one file", write: html::write },
];

/// Names that are reserved for formats to come.
const RESERVED: &[&str] =
    &["sarif", "gitlab", "gitlab-secret", "junit", "markdown", "github", "intoto", "template"];

/// Why a format's name cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FormatError {
    /// It is planned.
    #[error("format '{0}' is not supported yet; there are {known}", known = names())]
    NotYet(String),
    /// It is none.
    #[error("there is no format '{0}'; there are {known}", known = names())]
    Unknown(String),
}

/// The format called `name`.
pub fn find(name: &str) -> Result<Format, FormatError> {
    if let Some(format) = FORMATS.iter().find(|format| format.name == name) {
        return Ok(*format);
    }
    let family = name.split_once(':').map_or(name, |(family, _)| family);
    Err(match RESERVED.contains(&family) {
        true => FormatError::NotYet(name.to_owned()),
        false => FormatError::Unknown(name.to_owned()),
    })
}

fn names() -> String {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name() {
        for format in FORMATS {
            assert_eq!(find(format.name).map(|found| found.name), Ok(format.name));
        }
    }

    #[test]
    fn planned_formats_are_told_from_unknown_ones() {
        for name in ["sarif", "junit", "template:a.j2"] {
            assert!(matches!(find(name), Err(FormatError::NotYet(_))), "{name}");
        }
        for name in ["yaml", "", "JSON", "templates"] {
            assert!(matches!(find(name), Err(FormatError::Unknown(_))), "{name}");
        }
        let message = find("sarif").err().map(|error| error.to_string());
        assert_eq!(
            message.as_deref(),
            Some("format 'sarif' is not supported yet; there are table, json, jsonl, csv, html")
        );
    }
}
