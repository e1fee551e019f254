//! GitHub's commands, read as its runner reads a line of a step's output.

use std::collections::BTreeMap;

use super::{TRICKS, archive, hostile, plain, report};

/// A command as the runner takes it from a line.
#[derive(Debug)]
struct Command {
    name: String,
    properties: BTreeMap<String, String>,
    data: String,
}

/// The runner's reading: `::name key=value,key=value::data`, with blanks in front allowed; names without
/// regard to case, properties split at commas and at the first `=`.
fn parse(line: &str) -> Option<Command> {
    let rest = line.trim_start().strip_prefix("::")?;
    let (head, data) = rest.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let properties = properties.trim().split(',').filter_map(|pair| pair.split_once('='));
    let properties = properties
        .map(|(name, value)| (name.to_owned(), unescaped(value, &[("%3A", ":"), ("%2C", ",")])))
        .collect();
    Some(Command { name: name.to_ascii_lowercase(), properties, data: unescaped(data, &[]) })
}

fn unescaped(text: &str, more: &[(&str, &str)]) -> String {
    let mut text = text.replace("%0D", "\r").replace("%0A", "\n");
    for (escape, plain) in more {
        text = text.replace(escape, plain);
    }
    text.replace("%25", "%")
}

#[test]
fn every_line_is_an_annotation_of_ours() {
    let text = report("github", archive(&[&hostile()])).text();
    let commands: Vec<Command> =
        text.lines().map(|line| parse(line).unwrap_or_else(|| panic!("no command: {line}"))).collect();
    assert!(commands.len() >= 11, "{text}");
    for command in &commands {
        assert!(["error", "warning", "notice"].contains(&command.name.as_str()), "{command:?}");
        let known = |name: &String| ["file", "line", "title"].contains(&name.as_str());
        assert!(command.properties.keys().all(known), "{command:?}");
        assert!(command.properties["title"].starts_with("keyseam"), "{command:?}");
        assert!(!command.data.contains(['\r', '\n', '\u{1b}', '\u{202e}']), "{command:?}");
    }
    // A carriage return alone ends a line for some readers too.
    assert!(!text.contains('\r'));
    // What the maker wrote arrives as text, percent signs too.
    let percent = TRICKS[10].replace('/', "%");
    let all: String = commands.iter().map(|command| command.data.as_str()).collect();
    let seen = TRICKS.iter().filter(|trick| all.contains(&trick.replace('/', "%"))).count();
    assert!(seen >= 3, "of {percent} and the others only {seen} arrived: {all}");
}

#[test]
fn a_key_is_an_error_with_its_place() {
    let text = report("github", archive(&[&plain()])).text();
    let first = parse(text.lines().next().expect("a line")).expect("a command");
    assert_eq!(first.name, "error");
    assert!(!first.properties.contains_key("file"), "a path of the image is none of the repository");
    assert!(first.data.starts_with("critical in app/.env:2 of docker.io/team/shop:1.4"), "{first:?}");
    let last = parse(text.lines().last().expect("a line")).expect("a command");
    assert_eq!((last.name.as_str(), last.data.as_str()), ("notice", "1 leaked key in 1 image"));
}
