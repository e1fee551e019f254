//! A build step as it may be shown: its build arguments and its secret-looking values masked, whether or
//! not a detector knows them.

use crate::detect::redact::is_secret_name;
use crate::image::history::{Step, StepKind};

/// What stands for a value that is not shown.
const HIDDEN: &str = "…";

/// The text of `step` without the values of build arguments, and without those of variables and labels
/// whose names look secret.
pub fn masked(step: &Step) -> String {
    let mut text = step.created_by.clone();
    match &step.kind {
        StepKind::Run { args, .. } | StepKind::Arg(args) => {
            for (name, value) in args {
                text = mask(&text, name, value);
            }
        }
        StepKind::Env(pairs) | StepKind::Label(pairs) => {
            for (name, value) in pairs.iter().filter(|(name, _)| is_secret_name(name)) {
                text = mask(&text, name, value);
            }
        }
        _ => {}
    }
    text
}

/// Replaces what is assigned to `name`. The value may stand there quoted or escaped: where it is not
/// found as it was read, all up to the next space goes.
fn mask(text: &str, name: &str, value: &str) -> String {
    if value.is_empty() {
        return text.to_owned();
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find_name(rest, name) {
        let (before, after) = rest.split_at(at);
        masked.push_str(before);
        masked.push_str(HIDDEN);
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let inner = quote.map_or(after, |quote| &after[quote.len_utf8()..]);
        rest = match inner.strip_prefix(value) {
            Some(behind) => quote.and_then(|quote| behind.strip_prefix(quote)).unwrap_or(behind),
            None => after.find(char::is_whitespace).map_or("", |space| &after[space..]),
        };
    }
    masked.push_str(rest);
    masked
}

/// Where the value assigned to `name` begins: behind `name=`, or behind `name ` in the old form of ENV.
fn find_name(text: &str, name: &str) -> Option<usize> {
    text.match_indices(name).find_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        let end = at + name.len();
        let separator = text[end..].chars().next()?;
        let apart = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let value = end + separator.len_utf8();
        let masked = text[value..].starts_with(HIDDEN);
        (apart && matches!(separator, '=' | ' ') && !masked && value < text.len()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(created_by: &str, args: &[(&str, &str)]) -> Step {
        let args = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let kind = StepKind::Run { args, command: String::new() };
        Step { index: 0, layer: None, created_by: created_by.to_owned(), kind }
    }

    #[test]
    fn build_arguments_are_masked_whatever_their_name() {
        let step = run("RUN |2 COLOUR=deep blue TOKEN=abc /bin/sh -c make # buildkit", &[("COLOUR", "deep blue"), ("TOKEN", "abc")]);
        assert_eq!(masked(&step), "RUN |2 COLOUR=… TOKEN=… /bin/sh -c make # buildkit");
    }

    #[test]
    fn a_value_that_was_read_otherwise_than_written_is_masked_up_to_the_space() {
        let step = run("RUN |1 TOKEN=a\\\"b /bin/sh -c make TOKEN=a\\\"b", &[("TOKEN", "a\"b")]);
        assert_eq!(masked(&step), "RUN |1 TOKEN=… /bin/sh -c make TOKEN=…");
    }

    #[test]
    fn variables_are_masked_by_their_names() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let kind = StepKind::Env(vec![pair("DB_PASSWORD", "hunter2"), pair("PORT", "80")]);
        let step = Step { index: 0, layer: None, created_by: "ENV DB_PASSWORD=hunter2 PORT=80".to_owned(), kind };
        assert_eq!(masked(&step), "ENV DB_PASSWORD=… PORT=80");
    }
}
