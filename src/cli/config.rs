//! `keyseam.toml`: the options of a scan as a file. What the command line and the environment say goes first.
//!
//! The working directory's file is not trusted: a pull request can carry it. It may make a scan stricter, and name a
//! baseline, whose effect every report tells; all else is refused there, and taken from `--config FILE`.
//! `docs/configuration.md` tells users.

mod show;

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use toml::de::{DeTable, DeValue};

use super::args::command;
use super::input::{self, InputError};
use super::messages::without_keys;
use crate::limits;

pub use show::shown;

/// The file that is looked for in the working directory.
const FILE: &str = "keyseam.toml";

/// Options that are no settings: they say where settings come from, which images are scanned, or that keys
/// are sent to their services.
const NO_SETTINGS: [&str; 7] =
    ["config", "no-config", "images-from", "all-tags", "verify", "verify-endpoint", "help"];

/// Settings that the working directory's file may have, with the values that it may give them: all, or these.
const UNTRUSTED: [(&str, &[&str]); 8] = [
    ("fail-on", &["low", "medium"]),
    ("min-confidence", &["low", "medium"]),
    ("strict", &["true"]),
    ("verify-diff-ids", &["true"]),
    ("baseline", &[]),
    ("dockerfile", &[]),
    ("progress", &[]),
    ("color", &[]),
];

/// Why a file's settings cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{0}: {1}")]
    Read(String, InputError),
    /// It is no TOML. The parser's words quote the file, and are not repeated.
    #[error("{0}:{1}: this is not TOML")]
    Form(String, usize),
    /// One of its settings is wrong.
    #[error("{0}:{1}: {2}")]
    Setting(String, usize, String),
}

/// One setting of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    /// The option's name.
    name: String,
    /// Its values as texts.
    values: Vec<String>,
    line: usize,
}

/// A file's settings.
struct File {
    name: String,
    is_trusted: bool,
    settings: Vec<Setting>,
}

/// The line with the settings of the file that it names, or of the working directory's, where neither it nor the
/// environment says something else; none where there is no file. `path` are the words of the command, and `matches` is what clap made of its
/// part of the line.
///
/// # Errors
/// When the file cannot be read, or has a setting that is none, is wrong, or is not its to make.
pub fn complete(
    line: &[OsString],
    path: &[&str],
    matches: &ArgMatches,
) -> Result<Option<Vec<OsString>>, ConfigError> {
    let Some(file) = File::of(matches)? else { return Ok(None) };
    let program = command();
    let found = |path: &[&str]| path.iter().try_fold(&program, |command, word| command.find_subcommand(word));
    let (Some(own), Some(scan)) = (found(path), found(&["scan"])) else { return Ok(None) };
    let mut added: Vec<OsString> = Vec::new();
    for setting in &file.settings {
        let named = |option: &&Arg| option.get_long() == Some(&setting.name);
        let option =
            scan.get_arguments().find(named).filter(|_| !NO_SETTINGS.contains(&setting.name.as_str()));
        let Some(option) = option else {
            return Err(file.wrong(setting, format!("there is no setting '{}'", setting.name)));
        };
        file.may_set(setting)?;
        let words = words(option, setting).map_err(|problem| file.wrong(setting, problem))?;
        let mut alone: Vec<OsString> = vec!["keyseam".into(), "scan".into(), "image".into()];
        alone.extend(words.iter().cloned());
        if let Err(error) = program.clone().try_get_matches_from(alone)
            && error.kind() != clap::error::ErrorKind::MissingRequiredArgument
        {
            return Err(file.wrong(setting, first_line(&error)));
        }
        // One file serves all commands: what another one has an option for is none of this one's business.
        let is_ours = own.get_arguments().any(|option| named(&option));
        if is_ours && !is_given(matches, option) && !has_opposite(matches, setting) {
            added.extend(words);
        }
    }
    // Behind the command's own words: what stands last on a line may be an image.
    let at = (1 + path.len()).min(line.len());
    let (front, back) = line.split_at(at);
    Ok(Some([front, &added, back].concat()))
}

/// Whether the command line or the environment says something of an option.
fn is_given(matches: &ArgMatches, option: &Arg) -> bool {
    let source = matches.value_source(option.get_id().as_str());
    matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

/// Whether the line has an option that the setting cannot stand beside.
fn has_opposite(matches: &ArgMatches, setting: &Setting) -> bool {
    match setting.name.as_str() {
        "quiet" => matches.get_count("verbose") > 0,
        "verbose" => matches.get_flag("quiet"),
        _ => false,
    }
}

/// A setting as words of a command line.
fn words(option: &Arg, setting: &Setting) -> Result<Vec<OsString>, String> {
    let name = &setting.name;
    let word: OsString = format!("--{name}").into();
    let only = || match setting.values.as_slice() {
        [one] => Ok(one.as_str()),
        _ => Err(format!("'{name}' has one value")),
    };
    match option.get_action() {
        ArgAction::SetTrue => match only()? {
            "true" => Ok(vec![word]),
            "false" => Ok(Vec::new()),
            _ => Err(format!("'{name}' is true or false")),
        },
        ArgAction::Count => {
            let count = only()?.parse::<usize>().ok().filter(|count| *count <= 8);
            let count = count.ok_or_else(|| format!("'{name}' is a small number"))?;
            Ok(vec![word; count])
        }
        ArgAction::Append => {
            Ok(setting.values.iter().map(|value| format!("--{name}={value}").into()).collect())
        }
        _ => Ok(vec![format!("--{name}={}", only()?).into()]),
    }
}

/// What clap says of a value, without its hints on usage.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    without_keys(line.strip_prefix("error: ").unwrap_or(line))
}

impl File {
    /// The file that a command line is completed from, if there is one.
    fn of(matches: &ArgMatches) -> Result<Option<Self>, ConfigError> {
        let named: Option<&PathBuf> = matches.get_one("config");
        let path = match named {
            Some(path) => path.as_path(),
            None if matches.get_flag("no_config") || !Path::new(FILE).exists() => return Ok(None),
            None => Path::new(FILE),
        };
        let name = without_keys(&path.display().to_string());
        let bytes =
            input::file(path, limits::CONFIG_FILE).map_err(|error| ConfigError::Read(name.clone(), error))?;
        Self::parse(name, named.is_some(), &bytes).map(Some)
    }

    fn parse(name: String, is_trusted: bool, bytes: &[u8]) -> Result<Self, ConfigError> {
        let form = |line| ConfigError::Form(name.clone(), line);
        let text = std::str::from_utf8(bytes).map_err(|error| form(line_of(bytes, error.valid_up_to())))?;
        let table = DeTable::parse(text)
            .map_err(|error| form(line_of(bytes, error.span().map_or(0, |span: Range<usize>| span.start))))?;
        let mut settings: Vec<Setting> = Vec::new();
        for (key, value) in table.get_ref() {
            let line = line_of(bytes, key.span().start);
            let key = without_keys(key.get_ref());
            let values = match value.get_ref() {
                DeValue::Array(items) => items.iter().map(|item| scalar(item.get_ref())).collect(),
                one => scalar(one).map(|one| vec![one]),
            };
            let values = values.ok_or_else(|| {
                let problem = format!("'{key}' is no text, number, true or false, or a list of these");
                ConfigError::Setting(name.clone(), line, problem)
            })?;
            settings.push(Setting { name: key, values, line });
        }
        settings.sort_by_key(|setting| setting.line);
        Ok(Self { name, is_trusted, settings })
    }

    fn wrong(&self, setting: &Setting, problem: String) -> ConfigError {
        ConfigError::Setting(self.name.clone(), setting.line, problem)
    }

    fn may_set(&self, setting: &Setting) -> Result<(), ConfigError> {
        let Setting { name, values, .. } = setting;
        let allowed = UNTRUSTED.iter().find(|(known, _)| known == name);
        let problem = match allowed {
            _ if self.is_trusted => return Ok(()),
            None => format!(
                "'{name}' is not the working directory's to set, as a pull request can carry that file"
            ),
            Some((_, given))
                if given.is_empty() || values.iter().all(|value| given.contains(&value.as_str())) =>
            {
                return Ok(());
            }
            Some((_, given)) => format!(
                "the working directory's file, which a pull request can carry, can set '{name}' to {} only",
                given.join(" or ")
            ),
        };
        Err(self.wrong(
            setting,
            format!("{problem}; give it on the command line, or the file with --config {FILE}"),
        ))
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        _ => None,
    }
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<(String, Vec<String>, usize)>, String> {
        let file =
            File::parse("f.toml".to_owned(), true, text.as_bytes()).map_err(|error| error.to_string())?;
        Ok(file.settings.into_iter().map(|one| (one.name, one.values, one.line)).collect())
    }

    #[test]
    fn settings_are_names_with_texts_numbers_and_lists() {
        let settings =
            parse("# ours\nfail-on = \"high\"\n\njobs = 2\nstrict = true\nskip = [\n \"a\", \"b\"]\n");
        let one = |name: &str, values: &[&str], line| {
            (name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect(), line)
        };
        let expected = [
            one("fail-on", &["high"], 2),
            one("jobs", &["2"], 4),
            one("strict", &["true"], 5),
            one("skip", &["a", "b"], 6),
        ];
        assert_eq!(settings, Ok(expected.to_vec()));
    }

    #[test]
    fn what_is_no_setting_is_named_with_its_line_and_not_quoted() {
        for (text, message) in [
            ("a = 1\nb = ]xHiddenx", "f.toml:2: this is not TOML"),
            ("[scan]\nfail-on = \"low\"", "f.toml:1: 'scan' is no text"),
            ("a = 1.5", "f.toml:1: 'a' is no text"),
            ("a = [[1]]", "f.toml:1: 'a' is no text"),
            ("a = 1\na = 2", "f.toml:2: this is not TOML"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(message) && !error.contains("xHiddenx"), "{error}");
        }
        let error = File::parse("f".to_owned(), true, b"a = 1\n\xff").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("f:2: this is not TOML"));
    }

    #[test]
    fn every_setting_of_an_untrusted_file_is_an_option() {
        let program = command();
        let scan = program.find_subcommand("scan").expect("a command");
        for name in UNTRUSTED.iter().map(|(name, _)| *name).chain(NO_SETTINGS) {
            let is_option = scan.get_arguments().any(|option| option.get_long() == Some(name));
            assert!(is_option || name == "help", "{name}");
        }
    }
}
