//! Reports by a template of the user's, in the language of Jinja: over the data of the JSON report, in which
//! every key is redacted. Wrong names are errors, the work is bounded, and a template reads no file.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

use super::Report;
use crate::cli::input;
use crate::limits;

/// A template, read and compiled.
pub struct Template {
    /// What stands behind `-o`.
    name: String,
    environment: Environment<'static>,
}

impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TemplateError {
    /// No file is named.
    #[error("the template's file is missing: say -o template:FILE, for example -o template:page.html.j2")]
    NoFile,
    /// The file cannot be read.
    #[error("cannot read the template {0}: {1}")]
    Read(PathBuf, String),
    /// It is no template.
    #[error("the template {0}: {1}")]
    Wrong(PathBuf, String),
}

/// The template's own name in its environment.
const ITSELF: &str = "template";

impl Template {
    /// Reads and compiles the template in a file. By the ending of the file's name (`.j2` apart) what it
    /// prints is escaped for HTML and XML, written as JSON, or left as it is.
    ///
    /// # Errors
    /// When the file cannot be read or is no template.
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        if path.as_os_str().is_empty() {
            return Err(TemplateError::NoFile);
        }
        let read = |problem: String| TemplateError::Read(path.to_owned(), problem);
        let bytes = input::file(path, limits::TEMPLATE).map_err(|error| read(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| read("it is not UTF-8 text".to_owned()))?;
        let mut environment = Environment::new();
        environment.set_debug(false);
        let escape = escape_of(path);
        environment.set_auto_escape_callback(move |_| escape.clone());
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(limits::TEMPLATE_WORK));
        let wrong = |error| TemplateError::Wrong(path.to_owned(), problem(&error));
        environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().map_err(wrong)?);
        environment.add_template_owned(ITSELF, text).map_err(wrong)?;
        Ok(Self { name: format!("template:{}", path.display()), environment })
    }

    /// What stands behind `-o`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes the report as the template says.
    ///
    /// # Errors
    /// When the template asks for what is not there, or takes too much; then nothing was written.
    pub fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let data = Value::from(Serde(serde_json::to_value(report)?));
        let mut text = Bounded::default();
        let template = self.environment.get_template(ITSELF).map_err(|error| self.failed(&error))?;
        let rendered = template.render_captured_to(data, &mut text);
        if text.is_full {
            let most = limits::TEMPLATE_OUTPUT;
            return Err(io::Error::other(format!("{}: it writes more than {most} bytes", self.name)));
        }
        rendered.map_err(|error| self.failed(&error))?;
        out.write_all(&text.bytes)
    }

    fn failed(&self, error: &minijinja::Error) -> io::Error {
        io::Error::other(format!("{}: {}", self.name, problem(error)))
    }
}

/// What is printed without a filter of its own: by the name's ending, as Jinja's users expect.
fn escape_of(path: &Path) -> AutoEscape {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = [".j2", ".jinja2", ".jinja"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    match name.rsplit('.').next() {
        Some("html" | "htm" | "xhtml" | "xml" | "svg") => AutoEscape::Html,
        Some("json" | "js" | "yaml" | "yml") => AutoEscape::Json,
        _ => AutoEscape::None,
    }
}

/// The line and what is wrong there, in one line.
fn problem(error: &minijinja::Error) -> String {
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => {
            format!("it takes more than {} steps", limits::TEMPLATE_WORK)
        }
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}

/// What a template wrote, up to a bound.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > limits::TEMPLATE_OUTPUT {
            self.is_full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn template(name: &str, text: &str) -> (Result<Template, TemplateError>, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        (Template::read(&path), folder)
    }

    fn rendered(name: &str, text: &str) -> Result<String, String> {
        let template = template(name, text).0.map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        let written = template.write(&fixture::hostile(), &mut out);
        assert!(written.is_ok() || out.is_empty(), "something was written before the error");
        written.map(|()| String::from_utf8(out).expect("UTF-8")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_data_is_that_of_the_json_report() {
        let text = "{% for result in results %}{{ result.findings|length }} in {{ result.kind }}\n{% endfor %}{{ summary.complete }}\n";
        assert_eq!(rendered("page.txt", text).as_deref(), Ok("7 in image\n1 in image\nFalse\n"));
    }

    #[test]
    fn what_is_printed_is_escaped_by_the_files_ending() {
        let text = "{{ results[0].findings[0].locations[0].name }}";
        for name in ["page.html.j2", "page.HTML", "page.xml", "page.htm.jinja"] {
            let page = rendered(name, text).expect("good");
            assert!(page.contains("&lt;script&gt;") && !page.contains('<'), "{name}: {page}");
        }
        let json = rendered("page.json.j2", text).expect("good");
        let back: String = serde_json::from_str(&json).expect("a JSON string");
        assert!(back.contains("<script>"));
        assert!(rendered("page.md.j2", text).expect("good").contains("<script>"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = template("page.j2", "one\n{% if x %}\n").0.expect_err("unfinished").to_string();
        assert!(error.contains("page.j2") && error.contains("line "), "{error}");
        assert!(
            template("page.j2", "{{ x|nofilter }}").0.is_ok(),
            "filters are looked up when they are used"
        );
        let error = rendered("page.j2", "one\n{{ nothing_such }}").expect_err("undefined");
        assert!(error.contains("page.j2: line 2: undefined value"), "{error}");
        assert_eq!(Template::read(Path::new("")).map(|_| ()), Err(TemplateError::NoFile));
        let missing = Template::read(Path::new("/no/such/page.j2")).expect_err("missing").to_string();
        assert!(missing.contains("/no/such/page.j2"), "{missing}");
    }

    #[test]
    fn a_template_can_neither_go_on_for_ever_nor_fill_the_memory() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
        let error = rendered("page.j2", endless).expect_err("endless");
        assert!(error.contains("steps") || error.contains("bytes"), "{error}");
        let long = "{% set x = 'xxxxxxxxxxxxxxxx' * 100000 %}{% for a in range(999) %}{{ x }}{% endfor %}";
        assert!(rendered("page.j2", long).is_err());
    }

    #[test]
    fn a_template_reads_no_file() {
        for text in ["{% include '/etc/passwd' %}", "{% import '/etc/passwd' as x %}"] {
            assert!(rendered("page.j2", text).is_err(), "{text}");
        }
    }
}
