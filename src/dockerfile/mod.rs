//! Dockerfiles: their instructions with the lines that they stand on, and which of them made the steps of an
//! image's history. The form is that of the Dockerfile reference (`dockerfile.v0`): parser directives,
//! comments, continued lines, flags, here-documents, stages.
//!
//! ```text
//! text  --Dockerfile::parse-->  instructions, in stages  --Dockerfile::chain-->  those that made an image
//!                                                          steps::lines of an image's history
//! ```
//!
//! A Dockerfile is read leniently: what no builder would take is an instruction with a keyword that nobody
//! knows, never an error.

pub mod advice;
pub mod ignore;
mod lines;
mod pairs;
pub mod rewrite;
mod source;
pub mod steps;

use std::ops::RangeInclusive;

pub use lines::Heredoc;
use lines::Logical;
use source::Source;

/// A Dockerfile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// As it stands.
    pub text: String,
    /// In the order of the file.
    pub instructions: Vec<Instruction>,
}

/// An instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// In capitals.
    pub keyword: String,
    /// `--name=value`, in order; the value is empty where there is none.
    pub flags: Vec<(String, String)>,
    /// What follows, in one line.
    pub arguments: String,
    /// The here-documents behind it.
    pub heredocs: Vec<Heredoc>,
    /// Its lines in the file, from 1.
    pub lines: RangeInclusive<usize>,
    source: Source,
}

/// A stage: a FROM and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage<'a> {
    /// What it is built from: an image, an earlier stage, or `scratch`.
    pub from: &'a str,
    /// Its name, where it has one.
    pub name: Option<&'a str>,
    /// What is done in it.
    pub instructions: &'a [Instruction],
}

/// Instructions that take flags.
const FLAGGED: [&str; 5] = ["FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"];

impl Dockerfile {
    /// Reads a Dockerfile. Bytes that are no UTF-8 are read as the replacement character.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let instructions = lines::logical(&text).into_iter().filter_map(Instruction::of).collect();
        Self { text, instructions }
    }

    /// Its stages.
    pub fn stages(&self) -> Vec<Stage<'_>> {
        stages_of(&self.instructions)
    }

    /// The instructions that make the image of a stage, in order: those of the stages that it is built from
    /// first. `target` is a stage's name or number, as of `docker build --target`; the last one without. None where
    /// there is no such stage.
    pub fn chain(&self, target: Option<&str>) -> Option<Vec<&Instruction>> {
        let stages = self.stages();
        let last = stages.len().checked_sub(1)?;
        let mut next = match target {
            Some(name) => Some(position(&stages, last + 1, name)?),
            None => Some(last),
        };
        let mut chain = Vec::new();
        while let Some(at) = next {
            let stage = stages.get(at)?;
            chain.push(stage.instructions);
            // A stage is built from an earlier one only, so this ends.
            next = position(&stages, at, stage.from);
        }
        Some(chain.into_iter().rev().flatten().collect())
    }
}

/// The stages of instructions.
fn stages_of(instructions: &[Instruction]) -> Vec<Stage<'_>> {
    let starts: Vec<usize> = (0..instructions.len())
        .filter(|at| instructions.get(*at).is_some_and(|one| one.keyword == "FROM"))
        .collect();
    let ends = starts.iter().copied().skip(1).chain([instructions.len()]);
    let stage = |(start, end): (usize, usize)| {
        let (from, instructions) = instructions.get(start..end)?.split_first()?;
        let mut words = from.arguments.split_whitespace();
        let image = words.next().unwrap_or_default();
        let name = words.next().filter(|word| word.eq_ignore_ascii_case("as")).and_then(|_| words.next());
        Some(Stage { from: image, name, instructions })
    };
    starts.iter().copied().zip(ends).filter_map(stage).collect()
}

/// Which of the first `before` stages has that name or number; the last of that name.
fn position(stages: &[Stage<'_>], before: usize, name: &str) -> Option<usize> {
    let earlier = stages.get(..before)?;
    let named = |stage: &Stage<'_>| stage.name.is_some_and(|own| own.eq_ignore_ascii_case(name));
    let by_number = || name.parse().ok().filter(|number| *number < before);
    earlier.iter().rposition(named).or_else(by_number)
}

impl Instruction {
    fn of(line: Logical) -> Option<Self> {
        Self::within(line, 0)
    }

    /// The instruction that begins at `from` of a text.
    fn within(line: Logical, from: usize) -> Option<Self> {
        let whole = line.text.trim_end();
        let text = whole.get(from..)?.trim_start();
        if text.is_empty() {
            return None;
        }
        let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let keyword = keyword.to_ascii_uppercase();
        let mut rest = rest.trim_start();
        let mut flags = Vec::new();
        while FLAGGED.contains(&keyword.as_str()) && rest.starts_with("--") {
            let (flag, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
            flags.push((name.trim_start_matches("--").to_owned(), value.to_owned()));
            rest = behind.trim_start();
        }
        let keyword_end = whole.len() - text.len() + keyword.len();
        let source = Source { keyword_end, arguments_at: whole.len() - rest.len(), ..line.source };
        let (arguments, heredocs, lines) = (rest.to_owned(), line.heredocs, line.lines);
        Some(Self { keyword, flags, arguments, heredocs, lines, source })
    }

    /// What ONBUILD puts off.
    fn inner(&self) -> Option<Self> {
        let from = self.source.arguments_at;
        let text = format!("{}{}", " ".repeat(from), self.arguments);
        let (heredocs, lines, source) = (self.heredocs.clone(), self.lines.clone(), self.source.clone());
        Self::within(Logical { text, heredocs, lines, source }, from).filter(|_| self.keyword == "ONBUILD")
    }

    /// The value of a flag.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Dockerfile {
        Dockerfile::parse(text.as_bytes())
    }

    fn words(instructions: &[Instruction]) -> Vec<(&str, &str, usize, usize)> {
        let word = |one: &'_ Instruction| (*one.lines.start(), *one.lines.end());
        let parts = instructions.iter().map(|one| (one, word(one)));
        parts.map(|(one, (from, to))| (one.keyword.as_str(), one.arguments.as_str(), from, to)).collect()
    }

    #[test]
    fn instructions_have_their_lines() {
        let file = parse(
            "# syntax=docker/dockerfile:1\n\n# a comment\nfrom debian:12\nRUN apt-get update && \\\n  # in between\n\n    apt-get install -y curl\n\tCOPY --chown=1:1 --link a b /c\nCMD [\"a\",\\\n\"b\"]",
        );
        assert_eq!(
            words(&file.instructions),
            [
                ("FROM", "debian:12", 4, 4),
                ("RUN", "apt-get update &&     apt-get install -y curl", 5, 8),
                ("COPY", "a b /c", 9, 9),
                ("CMD", "[\"a\",\"b\"]", 10, 11),
            ]
        );
        assert_eq!(file.instructions[2].flag("chown"), Some("1:1"));
        assert_eq!(file.instructions[2].flag("link"), Some(""));
        assert_eq!(file.instructions[2].flag("from"), None);
    }

    #[test]
    fn the_escape_can_be_another_character() {
        let file = parse("# escape=`\r\nFROM a\r\nCOPY a C:\\\r\nRUN b `\r\n c\r\n");
        assert_eq!(
            words(&file.instructions),
            [("FROM", "a", 2, 2), ("COPY", "a C:\\", 3, 3), ("RUN", "b  c", 4, 5)]
        );
        // Behind anything else the line is a comment.
        let file = parse("#x\n# escape=`\nRUN a \\\n b");
        assert_eq!(words(&file.instructions), [("RUN", "a  b", 3, 4)]);
    }

    #[test]
    fn here_documents_are_read_to_their_end() {
        let file = parse(
            "FROM a\nRUN <<EOF\necho FROM\nEOF\nCOPY <<-\"A\" <<B /to\n\tone\n\tA\n two\nB\nRUN echo <<<word\nENV X=<<Y\nUSER 1",
        );
        assert_eq!(
            words(&file.instructions),
            [
                ("FROM", "a", 1, 1),
                ("RUN", "<<EOF", 2, 4),
                ("COPY", "<<-\"A\" <<B /to", 5, 9),
                ("RUN", "echo <<<word", 10, 10),
                ("ENV", "X=<<Y", 11, 11),
                ("USER", "1", 12, 12),
            ]
        );
        let of_copy = &file.instructions[2].heredocs;
        assert_eq!((of_copy[0].name.as_str(), of_copy[0].text.as_str()), ("A", "\tone\n"));
        assert_eq!((of_copy[1].name.as_str(), of_copy[1].text.as_str()), ("B", " two\n"));
        // One that never ends takes the rest.
        assert_eq!(words(&parse("RUN <<E\na\nb").instructions), [("RUN", "<<E", 1, 3)]);
    }

    #[test]
    fn an_image_is_made_by_its_stage_and_those_that_it_is_built_from() {
        let file = parse(
            "ARG V=1\nFROM debian:$V AS base\nENV A=1\nFROM golang AS build\nRUN make\nFROM base\nCOPY --from=build /x /x\nFROM 2 as Last\nUSER 1\n",
        );
        let lines = |target: Option<&str>| {
            file.chain(target).map(|all| all.iter().map(|one| *one.lines.start()).collect::<Vec<_>>())
        };
        assert_eq!(lines(None), Some(vec![3, 7, 9]));
        assert_eq!(lines(Some("last")), Some(vec![3, 7, 9]));
        assert_eq!(lines(Some("build")), Some(vec![5]));
        assert_eq!(lines(Some("0")), Some(vec![3]));
        assert_eq!(lines(Some("none")), None);
        assert_eq!(parse("# nothing\n").chain(None), None);
        // A stage that names itself is built from an image of that name.
        assert_eq!(parse("FROM a AS a\nRUN b").chain(None).map(|all| all.len()), Some(1));
    }

    #[test]
    fn no_bytes_are_a_reason_to_stop() {
        for text in [
            "",
            "\\",
            "\\\n",
            "RUN <<",
            "FROM",
            "--",
            "\u{feff}FROM a",
            "FROM a AS",
            "# escape=",
            "RUN --mount",
        ] {
            let _ = parse(text).chain(None);
        }
        assert_eq!(words(&parse("\u{feff}FROM a").instructions), [("FROM", "a", 1, 1)]);
        let _ = Dockerfile::parse(&[0xFF, b'\n', 0]);
    }
}
