//! The JSON report, version 1: the model as it is, one document. `docs/report.schema.json` describes it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::sanitize::is_hidden_or_active;
use super::{Report, Style};

/// Writes the whole report, indented, with a line break at its end.
pub fn write(report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
    write_document(report, out)
}

/// Writes one value, indented, with a line break at its end.
pub(super) fn write_document(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Visible(PrettyFormatter::new())))?;
    out.write_all(b"\n")
}

/// Writes one value on one line.
pub(super) fn write_line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Visible(CompactFormatter)))?;
    out.write_all(b"\n")
}

/// Writes what a terminal would act on as `\u` escapes. A reader gets the same strings, and a person
/// who looks at the file is not deceived. (JSON itself asks for this below U+0020 only.)
struct Visible<F>(F);

impl<F: Formatter> Formatter for Visible<F> {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((start, c)) = rest.char_indices().find(|(_, c)| is_hidden_or_active(*c)) {
            let (safe, from) = rest.split_at(start);
            out.write_all(safe.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = from.split_at(c.len_utf8()).1;
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use serde_json::Value;

    fn written(report: &Report) -> String {
        fixture::written(write, report)
    }

    fn problems(report: &Report) -> Vec<String> {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/report.schema.json")).expect("the schema is JSON");
        jsonschema::meta::validate(&schema).expect("the schema is a schema");
        let validator = jsonschema::validator_for(&schema).expect("the schema compiles");
        let document: Value = serde_json::from_str(&written(report)).expect("the report is JSON");
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    #[test]
    fn every_fixture_fits_the_schema() {
        for report in fixture::all() {
            assert_eq!(problems(&report), Vec::<String>::new());
        }
    }

    #[test]
    fn the_schema_finds_what_is_wrong() {
        let mut report = fixture::rich();
        report.results[0].findings[0].fingerprint = "ksf1:short".into();
        report.version = "2";
        assert_eq!(problems(&report).len(), 2);
    }

    #[test]
    fn hostile_strings_arrive_whole_and_are_written_harmless() {
        let mut report = fixture::rich();
        let hostile = "\u{1b}]0;x\u{7}\u{202e}\u{9b}2J\u{e0041}</script>";
        report.results[0].target = hostile.into();
        let text = written(&report);
        assert!(!text.chars().any(|c| c != '\n' && is_hidden_or_active(c)));
        let document: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document["results"][0]["target"], hostile);
    }
}
