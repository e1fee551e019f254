//! CMD, ENTRYPOINT and HEALTHCHECK, whose keys come when the container starts; and instructions that go whole.

use std::ops::Range;

use super::diff::Edit;
use super::run::variable_name;
use super::{Draft, shell};
use crate::dockerfile::Instruction;
use crate::report::sanitize::is_hidden_or_active;

impl<'a> Draft<'a, '_> {
    /// Puts a variable that the container has in the place of the key.
    pub(super) fn command(&mut self, index: usize, instruction: &'a Instruction) {
        if !self.is_text_of(index) {
            return;
        }
        let arguments = instruction.arguments.as_str();
        // HEALTHCHECK has a CMD of its own.
        let start = if instruction.keyword == "HEALTHCHECK" && arguments.starts_with("CMD") { 3 } else { 0 };
        let Some(text) = arguments.get(start..) else { return };
        let (lead, text) = (start + text.len() - text.trim_start().len(), text.trim());
        let keys = self.keys_in(text);
        if keys.is_empty() {
            return;
        }
        let name = variable_name(self.leaks.variable);
        let mut says = format!("{name} comes at run time: docker run --env {name} (or --env-file)");
        let mut edits = Vec::new();
        if let Some(list) = json(text) {
            let with = self.without_key(index, instruction, &list, &name, &mut says);
            edits.push((lead..lead + text.len(), with));
        } else {
            for range in keys {
                let behind = text.get(range.end..).unwrap_or_default();
                let with = shell::reference(&name, shell::quoting(text, range.start), behind);
                edits.push((lead + range.start..lead + range.end, with));
            }
        }
        let edit = |(range, with): (Range<usize>, String)| Edit {
            range: instruction.source.of_arguments(&range),
            with,
        };
        let edits: Vec<Edit> = edits.into_iter().map(edit).collect();
        let change = self.change(index);
        change.edits.extend(edits);
        change.comments.push(says);
    }

    /// A list of words with a variable in it, which only a shell expands.
    fn without_key(
        &self,
        index: usize,
        instruction: &Instruction,
        list: &[String],
        name: &str,
        says: &mut String,
    ) -> String {
        let first = list.first().map(String::as_str).unwrap_or_default();
        let is_shell = matches!(first.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash"));
        if let ([program, option, script, rest @ ..], true) = (list, is_shell)
            && option == "-c"
        {
            let script = in_script(script, &self.keys_in(script), name);
            let words = [program.clone(), option.clone(), script].into_iter().chain(rest.iter().cloned());
            return quoted(&words.collect::<Vec<_>>());
        }
        let has_entrypoint = (0..self.of.file.instructions.len()).any(|at| {
            self.of.stages.related(at, index) && self.of.at(at).is_some_and(|one| one.keyword == "ENTRYPOINT")
        });
        if instruction.keyword == "CMD" && has_entrypoint {
            // These are arguments of the entrypoint: whether it has a shell, it alone knows.
            says.push_str(", and the entrypoint puts it in");
            let plain = |word: &String| {
                let mut word = word.clone();
                let keys = self.keys_in(&word);
                keys.into_iter().rev().for_each(|range| word.replace_range(range, &format!("${name}")));
                word
            };
            return quoted(&list.iter().map(plain).collect::<Vec<_>>());
        }
        let words: Vec<String> =
            list.iter().map(|word| shell_word(word, &self.keys_in(word), name)).collect();
        let script = format!("exec {}", words.join(" "));
        if instruction.keyword == "ENTRYPOINT" {
            let words = ["/bin/sh".to_owned(), "-c".to_owned(), format!("{script} \"$@\""), first.to_owned()];
            return quoted(&words);
        }
        script
    }

    /// Leaves out an instruction that holds the key.
    pub(super) fn drop_text(&mut self, index: usize, instruction: &'a Instruction) {
        if self.is_text_of(index) && !self.keys_in(&instruction.arguments).is_empty() {
            let change = self.change(index);
            change.dropped = true;
            if instruction.keyword == "USER" {
                change.comments.push("the user comes at run time: docker run --user".to_owned());
            }
        }
    }
}

/// A script with a variable in the place of the key.
fn in_script(script: &str, keys: &[Range<usize>], name: &str) -> String {
    let mut out = script.to_owned();
    for range in keys.iter().rev() {
        let behind = script.get(range.end..).unwrap_or_default();
        out.replace_range(
            range.clone(),
            &shell::reference(name, shell::quoting(script, range.start), behind),
        );
    }
    out
}

/// A word as a shell reads it, with a variable in the place of the key.
pub(super) fn shell_word(word: &str, keys: &[Range<usize>], name: &str) -> String {
    if keys.is_empty() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
        let is_plain = !word.is_empty() && word.chars().all(plain);
        return if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) };
    }
    let escaped = |text: &str| {
        let mut out = String::new();
        for c in text.chars() {
            if matches!(c, '"' | '\\' | '$' | '`') {
                out.push('\\');
            }
            out.push(c);
        }
        out
    };
    let (mut out, mut at) = (String::from("\""), 0);
    for range in keys {
        out += &escaped(word.get(at..range.start).unwrap_or_default());
        out += &shell::reference(name, shell::Quoting::Double, word.get(range.end..).unwrap_or_default());
        at = range.end;
    }
    out + &escaped(word.get(at..).unwrap_or_default()) + "\""
}

/// The words of the JSON form. None of a list with characters that nobody sees, or that a terminal acts on: such words
/// are not written anew.
pub(super) fn json(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    if !text.starts_with('[') {
        return None;
    }
    let words: Vec<String> = serde_json::from_str(text).ok()?;
    let is_plain = words.iter().all(|word| !word.contains(is_hidden_or_active));
    is_plain.then_some(words)
}

fn quoted(words: &[String]) -> String {
    let words: Vec<String> =
        words.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    format!("[{}]", words.join(", "))
}
