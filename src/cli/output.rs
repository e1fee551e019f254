//! Where reports go: `-o FORMAT[=FILE]`, several at once.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

use crate::report::file::{self, FileError};
use crate::report::format::{self, FormatError, Writer};
use crate::report::{Report, Style};

/// One `-o`.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The format.
    pub format: Writer,
    /// The file; standard output where there is none.
    pub file: Option<PathBuf>,
}

/// Why a text is no `-o`.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum OutputError {
    /// There is no such format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// It looks like a file.
    #[error("'{0}' is not a format; to write a file, say -o FORMAT=FILE, for example -o json={0}")]
    FileOnly(String),
    /// Nothing behind the `=`.
    #[error("the file's name is missing behind '{0}='")]
    NoFile(String),
}

impl FromStr for Output {
    type Err = OutputError;

    fn from_str(text: &str) -> Result<Self, OutputError> {
        let (name, file) = match text.split_once('=') {
            Some((name, "")) => return Err(OutputError::NoFile(name.to_owned())),
            Some((name, file)) => (name, Some(PathBuf::from(file))),
            None => (text, None),
        };
        match format::find(name) {
            Ok(format) => Ok(Self { format, file }),
            Err(FormatError::Unknown(name)) if file.is_none() && name.contains(['.', '/']) => {
                Err(OutputError::FileOnly(name))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// All reports of a run: one to standard output, any number to files.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    stdout: Writer,
    files: Vec<(Writer, PathBuf)>,
}

/// Why several `-o` do not go together.
#[derive(Debug, thiserror::Error)]
pub enum OutputsError {
    /// Only one format can go to standard output.
    #[error("both {0} and {1} would go to standard output; give one of them a file: -o {1}=FILE")]
    TwoOnStdout(String, String),
    /// Two formats in one file.
    #[error("two reports would be written to {0}; give each a file of its own")]
    SameFile(PathBuf),
    /// Keys in clear in a format that is made to be sent on.
    #[error(
        "--show-secrets has no place in -o {0}, which is made to be sent on; it is for {known}",
        known = format::names_showing_secrets()
    )]
    ShowsSecrets(String),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Outputs {
    /// Puts several `-o` together, and checks that their files can be written. Without one for standard
    /// output, that gets the table.
    pub fn new(outputs: Vec<Output>) -> Result<Self, OutputsError> {
        let mut stdout: Option<Writer> = None;
        let mut files: Vec<(Writer, PathBuf)> = Vec::new();
        for Output { format, file } in outputs {
            match (file, &stdout) {
                (None, Some(first)) => {
                    return Err(OutputsError::TwoOnStdout(first.name().to_owned(), format.name().to_owned()));
                }
                (None, None) => stdout = Some(format),
                (Some(path), _) if files.iter().any(|(_, known)| *known == path) => {
                    return Err(OutputsError::SameFile(path));
                }
                (Some(path), _) => {
                    file::check(&path)?;
                    files.push((format, path));
                }
            }
        }
        Ok(Self { stdout: stdout.unwrap_or(Writer::Format(format::TABLE)), files })
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(_, path)| path.as_path())
    }

    /// Checks that another file can be written beside the reports, to `path`.
    ///
    /// # Errors
    /// When it cannot, or a report is written there.
    pub fn leaves_free(&self, path: &Path) -> Result<(), OutputsError> {
        if self.files().any(|known| known == path) {
            return Err(OutputsError::SameFile(path.to_owned()));
        }
        Ok(file::check(path)?)
    }

    /// Whether standard output gets the table, which names the targets that failed.
    pub fn shows_table(&self) -> bool {
        self.stdout == Writer::Format(format::TABLE)
    }

    /// Refuses what would be sent on with keys in it.
    ///
    /// # Errors
    /// When one of the formats is not made to show keys whole.
    pub fn check_showing_secrets(&self) -> Result<(), OutputsError> {
        let mut all = self.files.iter().map(|(format, _)| format).chain([&self.stdout]);
        match all.find(|format| !format.may_show_secrets()) {
            Some(format) => Err(OutputsError::ShowsSecrets(format.name().to_owned())),
            None => Ok(()),
        }
    }

    /// Writes `report` everywhere, to files first, `stdout` last. One that fails does not keep the others
    /// from being written; the errors are given back. A closed pipe is none.
    pub fn write(&self, report: &Report, style: &Style, stdout: &mut dyn Write) -> Vec<FileError> {
        let mut errors = Vec::new();
        let plain = Style { unicode: true, ..Style::plain(style.threshold) };
        for (format, path) in &self.files {
            let mut bytes = Vec::new();
            let rendered = format.write(report, &plain, &mut bytes);
            let written = match rendered {
                Ok(()) => file::write(path, &bytes),
                Err(error) => Err(FileError::Io(path.clone(), error)),
            };
            errors.extend(written.err());
        }
        let written = to(stdout, |out| self.stdout.write(report, style, out));
        errors.extend(written.err().map(|error| FileError::Io("standard output".into(), error)));
        errors
    }
}

/// Writes to standard output. A reader that left early is no error.
pub fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    to(&mut io::stdout().lock(), write)
}

/// Writes an answer for programs to standard output.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_json(answer: &impl Serialize, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(answer)?;
    text.push(b'\n');
    Ok(to(stdout, |out| out.write_all(&text))?)
}

/// Writes to `stream`. A reader that left early is no error.
pub fn to(stream: &mut dyn Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(stream);
    let written = write(&mut out).and_then(|()| out.flush());
    // What a failed write left in the buffer would be tried again when the buffer is dropped.
    let _ = out.into_parts();
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Threshold, fixture};

    fn parsed(texts: &[&str]) -> Vec<Output> {
        texts.iter().map(|text| text.parse().expect("a good output")).collect()
    }

    #[test]
    fn a_format_and_perhaps_a_file() {
        let output: Output = "json=a=b.json".parse().expect("good");
        assert_eq!((output.format.name(), output.file.as_deref()), ("json", Some(Path::new("a=b.json"))));
        assert_eq!("csv".parse::<Output>().expect("good").file, None);
    }

    #[test]
    fn mistakes_are_answered_with_the_right_form() {
        assert_eq!("report.json".parse::<Output>(), Err(OutputError::FileOnly("report.json".into())));
        assert_eq!("json=".parse::<Output>(), Err(OutputError::NoFile("json".into())));
        assert!(matches!("sarif=x".parse::<Output>(), Ok(Output { file: Some(_), .. })));
        assert!(matches!("yaml=x".parse::<Output>(), Err(OutputError::Format(FormatError::Unknown(_)))));
    }

    #[test]
    fn one_format_for_standard_output_and_the_table_without_any() {
        let two = Outputs::new(parsed(&["json", "csv"])).expect_err("two").to_string();
        assert!(two.contains("both json and csv would go to standard output"), "{two}");
        assert!(Outputs::new(Vec::new()).expect("good").shows_table());
        let files = Outputs::new(parsed(&["json=a.json", "csv=a.csv"])).expect("good");
        assert_eq!((files.stdout.name(), files.files.len()), ("table", 2));
        let both = Outputs::new(parsed(&["json", "csv=a.csv"])).expect("good");
        assert_eq!(both.stdout.name(), "json");
        assert!(matches!(Outputs::new(parsed(&["json=a", "csv=a"])), Err(OutputsError::SameFile(_))));
        assert!(matches!(Outputs::new(parsed(&["json=no-such-folder/a"])), Err(OutputsError::File(_))));
    }

    #[test]
    fn keys_are_shown_only_where_they_stay() {
        let check = |texts: &[&str]| Outputs::new(parsed(texts)).expect("good").check_showing_secrets();
        assert!(check(&[]).is_ok());
        assert!(check(&["json", "csv=a.csv", "jsonl=a.jsonl", "table=a.txt"]).is_ok());
        for format in ["sarif", "gitlab", "gitlab-secret", "junit", "markdown", "github", "intoto"] {
            assert!(check(&[format]).is_err(), "{format}");
            let error = check(&["json", &format!("{format}=a")]).expect_err("refused").to_string();
            assert!(error.contains(format) && error.contains("table, json, jsonl, csv"), "{error}");
        }
    }

    #[test]
    fn a_file_that_fails_does_not_keep_another_from_being_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let lost = folder.path().join("lost");
        std::fs::create_dir(&lost).expect("made");
        let (bad, good) = (lost.join("a.json"), folder.path().join("b.json"));
        let outputs = [&bad, &good].map(|path| format!("json={}", path.display()));
        let outputs = Outputs::new(parsed(&outputs.each_ref().map(String::as_str))).expect("good");
        std::fs::remove_dir(&lost).expect("removed");
        let mut shown = Vec::new();
        let errors = outputs.write(&fixture::nothing(), &Style::plain(Threshold::default()), &mut shown);
        assert_eq!(errors.len(), 1);
        assert!(!shown.is_empty());
        assert!(good.exists() && !bad.exists());
    }

    /// Fails at once.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is_one() {
        let outputs = Outputs::new(Vec::new()).expect("good");
        let style = Style::plain(Threshold::default());
        let errors = |kind| outputs.write(&fixture::rich(), &style, &mut Failing(kind)).len();
        assert_eq!(errors(io::ErrorKind::BrokenPipe), 0);
        assert_eq!(errors(io::ErrorKind::StorageFull), 1);
    }
}
