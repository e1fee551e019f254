//! Logs: a JSON object a line on standard error. Every line goes through the redaction of the whole catalogue:
//! names of repositories, users and objects are written by others.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use serde_json::Value;

use crate::cli::messages::without_known_keys;

/// Writes what the program's own parts log, from now on.
pub fn start() {
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_events(FmtSpan::NONE)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(Redacting)
        .try_init();
}

struct Redacting;

/// One line, gathered until it is whole.
pub struct Line(Vec<u8>);

impl MakeWriter<'_> for Redacting {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line(Vec::new())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(&self.0) else { return };
        for value in fields.values_mut() {
            if let Value::String(text) = value {
                *text = without_known_keys(text);
            }
        }
        // Nobody can be told when standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{}", Value::Object(fields));
    }
}
