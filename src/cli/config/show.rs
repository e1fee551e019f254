//! `keyseam config show`: every setting of a scan, and where it came from, in the form of the file.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

use super::{File, NO_SETTINGS, is_given};
use crate::cli::args::command;
use crate::cli::messages::without_keys;

/// Settings whose values may hold a password.
const HIDDEN: [&str; 1] = ["proxy"];

/// What `keyseam config show` says. `given` is what clap made of the line alone, and `matches` of the line with the
/// file's settings.
pub fn shown(given: &ArgMatches, matches: &ArgMatches) -> String {
    let program = command();
    let show = program.find_subcommand("config").and_then(|config| config.find_subcommand("show"));
    let options = show.into_iter().flat_map(|show| show.get_arguments());
    let mut text = String::new();
    // It was read a moment ago, and without a fault.
    let file = File::of(given).ok().flatten();
    for option in options.filter(|option| option.get_long().is_some_and(|name| !NO_SETTINGS.contains(&name)))
    {
        let name = option.get_long().unwrap_or_default();
        let value = value(option, matches);
        let source = source(option, given, file.as_ref());
        // What is not set has no value that could be written down.
        let line = match value {
            Some(value) => format!("{name} = {value}"),
            None => format!("# {name} is not set"),
        };
        let line = without_keys(&line);
        text += &if source.is_empty() { format!("{line}\n") } else { format!("{line:<40} # {source}\n") };
    }
    text
}

/// An option's value as TOML.
fn value(option: &Arg, matches: &ArgMatches) -> Option<String> {
    let id = option.get_id().as_str();
    match option.get_action() {
        ArgAction::SetTrue => return Some(matches.get_flag(id).to_string()),
        ArgAction::Count => return Some(matches.get_count(id).to_string()),
        _ => {}
    }
    let values: Vec<OsString> =
        matches.get_raw(id).into_iter().flatten().map(std::ffi::OsStr::to_owned).collect();
    let is_hidden = HIDDEN.contains(&option.get_long().unwrap_or_default());
    let text = |value: &OsString| match value.to_string_lossy() {
        _ if is_hidden => "\"…\"".to_owned(),
        number if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            number.into_owned()
        }
        text => toml::Value::from(text.as_ref()).to_string(),
    };
    let texts: Vec<String> = values.iter().map(text).collect();
    match (option.get_action(), texts.as_slice()) {
        (_, []) => None,
        (ArgAction::Append, all) => Some(format!("[{}]", all.join(", "))),
        (_, [one, ..]) => Some(one.clone()),
    }
}

/// Where an option's value came from; empty where it has none.
fn source(option: &Arg, given: &ArgMatches, file: Option<&File>) -> String {
    let name = option.get_long().unwrap_or_default();
    if is_given(given, option) {
        return match given.value_source(option.get_id().as_str()) {
            Some(ValueSource::EnvVariable) => {
                option.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
            _ => "command line".to_owned(),
        };
    }
    let of_file = file.and_then(|file| {
        let setting = file.settings.iter().find(|setting| setting.name == name)?;
        Some(format!("{}:{}", file.name, setting.line))
    });
    match of_file {
        Some(place) => place,
        None if given.value_source(option.get_id().as_str()).is_some() => "default".to_owned(),
        None => String::new(),
    }
}
