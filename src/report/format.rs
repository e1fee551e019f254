//! The table of report formats.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::template::{Template, TemplateError};
use super::{Report, Style, csv, github, gitlab, html, intoto, json, jsonl, junit, markdown, sarif, table};

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
    Format { name: "sarif", about: "SARIF 2.1.0, for code scanning", write: sarif::write },
    Format { name: "gitlab", about: "GitLab's container scanning report", write: gitlab::write_container },
    Format { name: "gitlab-secret", about: "GitLab's secret detection report", write: gitlab::write_secret },
    Format { name: "junit", about: "a test suite an image, for CI systems", write: junit::write },
    Format { name: "markdown", about: "for a pull request or a step summary", write: markdown::write },
    Format { name: "github", about: "annotations of a GitHub workflow", write: github::write },
    Format { name: "intoto", about: "the predicate of an attestation", write: intoto::write },
];

/// The name in front of a template's file: `template:FILE`.
const TEMPLATE: &str = "template";

/// Formats that `--show-secrets` has an effect on: they are read where they are made. The others are
/// made to be sent on.
const SHOWING_SECRETS: &[&str] = &["table", "json", "jsonl", "csv"];

/// What one `-o` writes with: a format of the table, or a template of the user's.
#[derive(Clone, Debug)]
pub enum Writer {
    /// A format of the table.
    Format(Format),
    /// A template, read and compiled.
    Template(Arc<Template>),
}

impl Writer {
    /// What stands behind `-o`, without the file.
    pub fn name(&self) -> &str {
        match self {
            Self::Format(format) => format.name,
            Self::Template(template) => template.name(),
        }
    }

    /// Whether it may show keys whole.
    pub fn may_show_secrets(&self) -> bool {
        matches!(self, Self::Format(format) if SHOWING_SECRETS.contains(&format.name))
    }

    /// Writes a whole report.
    ///
    /// # Errors
    /// When `out` fails, or the report cannot be told in this form: then nothing was written.
    pub fn write(&self, report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Format(format) => (format.write)(report, style, out),
            Self::Template(template) => template.write(report, out),
        }
    }
}

impl PartialEq for Writer {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

/// Why a format's name cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FormatError {
    /// It is none.
    #[error("there is no format '{0}'; there are {known}", known = names())]
    Unknown(String),
    /// The template is missing or wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// The format called `name`; a template is read and compiled.
///
/// # Errors
/// When there is none of this name, or the template cannot be used.
pub fn find(name: &str) -> Result<Writer, FormatError> {
    if let Some(format) = FORMATS.iter().find(|format| format.name == name) {
        return Ok(Writer::Format(*format));
    }
    let (family, file) = name.split_once(':').unwrap_or((name, ""));
    if family == TEMPLATE {
        return Ok(Writer::Template(Arc::new(Template::read(Path::new(file))?)));
    }
    Err(FormatError::Unknown(name.to_owned()))
}

/// The names of all, as they stand behind `-o`.
pub fn names() -> String {
    let names = FORMATS.iter().map(|format| format.name).chain(["template:FILE"]);
    names.collect::<Vec<_>>().join(", ")
}

/// The names of those that may show keys whole.
pub fn names_showing_secrets() -> String {
    SHOWING_SECRETS.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name() {
        for format in FORMATS {
            assert_eq!(find(format.name).map(|found| found.name().to_owned()), Ok(format.name.to_owned()));
        }
    }

    #[test]
    fn an_unknown_format_is_answered_with_those_that_there_are() {
        for name in ["yaml", "", "JSON", "templates"] {
            assert!(matches!(find(name), Err(FormatError::Unknown(_))), "{name}");
        }
        let message = find("yaml").err().map(|error| error.to_string()).expect("an error");
        assert!(
            message.starts_with("there is no format 'yaml'; there are table, json, jsonl, csv, html, sarif,")
        );
        assert!(message.ends_with(", template:FILE"), "{message}");
    }

    #[test]
    fn keys_are_shown_where_the_reader_asked_for_them_only() {
        let showing: Vec<&str> = FORMATS
            .iter()
            .filter(|format| Writer::Format(**format).may_show_secrets())
            .map(|format| format.name)
            .collect();
        assert_eq!(showing, ["table", "json", "jsonl", "csv"]);
    }

    #[test]
    fn what_a_format_writes_of_a_report_is_always_the_same() {
        let style = Style::plain(crate::report::Threshold::default());
        let written = |format: &Format, report: &Report| {
            let mut out = Vec::new();
            (format.write)(report, &style, &mut out).map(|()| out).ok()
        };
        for format in FORMATS {
            for report in crate::report::fixture::all() {
                assert_eq!(written(format, &report), written(format, &report), "{}", format.name);
            }
        }
    }
}
