//! A build step as it may be shown: its build arguments and its secret-looking values masked, whether or
//! not a detector knows them.

use std::ops::Range;

use crate::detect::redact::is_secret_name;
use crate::image::history::{Step, StepKind};

/// Where in the text of `step` the values of build arguments stand, and those of variables and labels
/// whose names look secret.
pub fn secret_values(step: &Step) -> Vec<Range<usize>> {
    let mut values = Vec::new();
    match &step.kind {
        StepKind::Run { args, .. } | StepKind::Arg(args) => {
            for (name, value) in args {
                add(&mut values, &step.created_by, name, value);
            }
        }
        StepKind::Env(pairs) | StepKind::Label(pairs) => {
            for (name, value) in pairs.iter().filter(|(name, _)| is_secret_name(name)) {
                add(&mut values, &step.created_by, name, value);
            }
        }
        _ => {}
    }
    values
}

/// Adds what is assigned to `name`. The value may stand there quoted or escaped: where it is not found
/// as it was read, all up to the next space counts.
fn add(values: &mut Vec<Range<usize>>, text: &str, name: &str, value: &str) {
    let mut from = 0;
    while let Some(at) = find_name(text, from, name).filter(|_| !value.is_empty()) {
        let after = &text[at..];
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let inner = quote.map_or(after, |quote| &after[quote.len_utf8()..]);
        let behind = match inner.strip_prefix(value) {
            Some(behind) => quote.and_then(|quote| behind.strip_prefix(quote)).unwrap_or(behind),
            None => after.find(char::is_whitespace).map_or("", |space| &after[space..]),
        };
        let end = text.len() - behind.len();
        values.push(at..end);
        from = end.max(at + 1);
    }
}

/// Where the value assigned to `name` begins, behind `from`: after `name=`, or after `name ` in the old
/// form of ENV.
fn find_name(text: &str, from: usize, name: &str) -> Option<usize> {
    text.get(from..)?.match_indices(name).find_map(|(at, _)| {
        let start = from + at;
        let before = text[..start].chars().next_back();
        let end = start + name.len();
        let separator = text[end..].chars().next()?;
        let apart = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let value = end + separator.len_utf8();
        (apart && matches!(separator, '=' | ' ') && value < text.len()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The step's text without its secret values.
    fn masked(step: &Step) -> String {
        let mut text = step.created_by.clone();
        let mut values = secret_values(step);
        values.sort_by_key(|range| std::cmp::Reverse(range.start));
        for range in values {
            text.replace_range(range, "…");
        }
        text
    }

    fn run(created_by: &str, args: &[(&str, &str)]) -> Step {
        let args = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let kind = StepKind::Run { args, command: String::new() };
        Step { index: 0, layer: None, created_by: created_by.to_owned(), kind }
    }

    #[test]
    fn build_arguments_are_masked_whatever_their_name() {
        let step = run(
            "RUN |2 COLOUR=deep blue TOKEN=abc /bin/sh -c make # buildkit",
            &[("COLOUR", "deep blue"), ("TOKEN", "abc")],
        );
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
        let step =
            Step { index: 0, layer: None, created_by: "ENV DB_PASSWORD=hunter2 PORT=80".to_owned(), kind };
        assert_eq!(masked(&step), "ENV DB_PASSWORD=… PORT=80");
    }
}
