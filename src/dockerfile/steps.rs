//! Which line of a Dockerfile made which step of an image's history. Builders record a step in their own words, and
//! the base image's steps come first: instructions and steps are aligned, in order, by what they have in
//! common. A step that no instruction resembles gets no line.

use std::collections::HashSet;

use super::Instruction;
use crate::image::history::{Step, StepKind};

/// Words of an instruction that are compared. What has more is told by its first ones.
const WORDS: usize = 64;

/// Pairs of instruction and step that are compared. Beyond it no step gets a line.
const PAIRS: usize = 1_000_000;

/// The least part of an instruction's words that its step has.
const LEAST: f32 = 0.5;

/// By step: the line of the instruction that made it. `instructions` are those that made the image, in order.
pub fn lines(instructions: &[&Instruction], steps: &[Step]) -> Vec<Option<usize>> {
    let mut lines = vec![None; steps.len()];
    if instructions.len().saturating_mul(steps.len()) > PAIRS {
        return lines;
    }
    let asked: Vec<Asked<'_>> = instructions.iter().map(|instruction| Asked::of(instruction)).collect();
    let made: Vec<Made> = steps.iter().map(Made::of).collect();
    // By instruction and step: what the best alignment of those up to them is worth.
    let width = made.len() + 1;
    let mut worth = vec![0.0_f32; (asked.len() + 1) * width];
    let mut alike = vec![0.0_f32; asked.len() * made.len()];
    for (row, instruction) in asked.iter().enumerate() {
        for (column, step) in made.iter().enumerate() {
            let score = instruction.likeness(step);
            alike[row * made.len() + column] = score;
            let (left, up) = (worth[(row + 1) * width + column], worth[row * width + column + 1]);
            let both = worth[row * width + column] + score;
            worth[(row + 1) * width + column + 1] = left.max(up).max(if score > 0.0 { both } else { 0.0 });
        }
    }
    let (mut row, mut column) = (asked.len(), made.len());
    while row > 0 && column > 0 {
        let score = alike[(row - 1) * made.len() + column - 1];
        let here = worth[row * width + column];
        // From the end: of steps that are alike, the last ones are this Dockerfile's, the first ones its base's.
        if score > 0.0 && here <= worth[(row - 1) * width + column - 1] + score {
            lines[column - 1] = instructions.get(row - 1).map(|instruction| *instruction.lines.start());
            (row, column) = (row - 1, column - 1);
        } else if here <= worth[(row - 1) * width + column] {
            row -= 1;
        } else {
            column -= 1;
        }
    }
    lines
}

/// What an instruction says.
struct Asked<'a> {
    keyword: &'a str,
    /// Its words but for those that a variable is part of.
    words: Vec<&'a str>,
    /// Where COPY and ADD put what they copy.
    destination: Option<&'a str>,
}

/// What a step says.
struct Made {
    keyword: String,
    words: HashSet<String>,
    /// Whether it names what was copied by a checksum, as the classic builder of Docker does.
    by_checksum: bool,
}

impl<'a> Asked<'a> {
    fn of(instruction: &'a Instruction) -> Self {
        let documents = instruction.heredocs.iter().flat_map(|document| words(&document.text));
        let all: Vec<&str> = words(&instruction.arguments).chain(documents).take(WORDS).collect();
        let is_copy = matches!(instruction.keyword.as_str(), "COPY" | "ADD");
        let destination = words(&instruction.arguments).last().filter(|_| is_copy);
        let words = all.into_iter().filter(|word| !word.contains('$')).collect();
        Self { keyword: &instruction.keyword, words, destination }
    }

    /// From 0, nothing in common, to 1.
    fn likeness(&self, made: &Made) -> f32 {
        if self.keyword != made.keyword {
            return 0.0;
        }
        if made.by_checksum
            && let Some(destination) = self.destination
        {
            let same = destination.contains('$') || made.words.contains(destination.trim_end_matches('/'));
            return if same { 1.0 } else { 0.0 };
        }
        if self.words.is_empty() {
            return LEAST;
        }
        let found = self.words.iter().filter(|word| made.words.contains(word.trim_end_matches('/'))).count();
        let part = found as f32 / self.words.len() as f32;
        if part < LEAST { 0.0 } else { part }
    }
}

impl Made {
    fn of(step: &Step) -> Self {
        let text = step.created_by.split_once("#(nop)").map_or(step.created_by.as_str(), |(_, rest)| rest);
        let text = text.trim();
        let (keyword, said) = match &step.kind {
            StepKind::Run { command, .. } => ("RUN", command.as_str()),
            _ => text.split_once(char::is_whitespace).unwrap_or((text, "")),
        };
        let by_checksum = ["file:", "dir:", "multi:"].iter().any(|mark| said.trim_start().starts_with(mark));
        let words = words(said).map(|word| word.trim_end_matches('/').to_owned()).collect();
        Self { keyword: keyword.to_ascii_uppercase(), words, by_checksum }
    }
}

/// The words of a text, without quotes, brackets and what else only separates.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let separates = |c: char| !(c.is_alphanumeric() || "_./:@%+-$\u{7b}\u{7d}".contains(c));
    text.split(separates).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::Dockerfile;
    use super::*;
    use crate::image::config::ImageConfig;
    use crate::image::history::History;

    /// The lines that the steps of a history get. Each step is what `created_by` says.
    fn lines_of(dockerfile: &str, created_by: &[&str]) -> Vec<Option<usize>> {
        let history: Vec<_> = created_by
            .iter()
            .map(|text| serde_json::json!({ "created_by": text, "empty_layer": true }))
            .collect();
        let config = serde_json::json!({ "history": history }).to_string();
        let history = History::of(&ImageConfig::parse(config.as_bytes()), 0);
        let dockerfile = Dockerfile::parse(dockerfile.as_bytes());
        lines(&dockerfile.chain(None).expect("a stage"), &history.steps)
    }

    /// The lines that the recorded history of a builder gets from the Dockerfile that was built.
    fn lines_of_recorded(config: &str) -> Vec<Option<usize>> {
        let read = |name: &str| {
            let path = format!("{}/testdata/configs/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read(path).expect("a recorded file")
        };
        let dockerfile = Dockerfile::parse(&read("Dockerfile"));
        let history = History::of(&ImageConfig::parse(&read(config)), 0);
        lines(&dockerfile.chain(None).expect("a stage"), &history.steps)
    }

    #[test]
    fn every_step_that_docker_recorded_has_its_line() {
        let expected = (2..=22).filter(|line| *line != 7).map(Some).collect::<Vec<_>>();
        assert_eq!(lines_of_recorded("docker-classic.json"), expected);
    }

    #[test]
    fn every_step_that_buildah_recorded_has_its_line() {
        // One RUN was another one there, and SHELL was left out.
        let front = [2, 3, 4, 5, 6, 8, 9, 10, 11].into_iter().map(Some);
        let expected: Vec<_> = front.chain([None]).chain((14..=22).map(Some)).collect();
        assert_eq!(lines_of_recorded("buildah-layers.json"), expected);
        assert_eq!(lines_of_recorded("buildah-single.json"), expected);
        assert_eq!(lines_of_recorded("buildah-commit.json"), [None]);
    }

    const DOCKERFILE: &str = "\
FROM debian:12
ARG TOKEN
ENV MODE=\"on\" \\
    LEVEL=2
COPY app requirements.txt /srv/
RUN apt-get update \\
 && apt-get install -y curl
RUN [\"/srv/app\", \"--init\"]
CMD [\"/srv/app\"]
";

    #[test]
    fn buildkits_steps_get_the_lines_of_their_instructions() {
        let steps = [
            "# debian.sh --arch 'amd64' out/ 'bookworm'",
            "RUN /bin/sh -c apt-get update  && apt-get install -y curl # buildkit",
            "ARG TOKEN=x",
            "ENV MODE=on LEVEL=2",
            "COPY app requirements.txt /srv/ # buildkit",
            "RUN |1 TOKEN=x /bin/sh -c apt-get update  && apt-get install -y curl # buildkit",
            "RUN |1 TOKEN=x /srv/app --init # buildkit",
            "CMD [\"/srv/app\"]",
        ];
        // The base image's own update, which is the same, has no line here.
        let expected = [None, None, Some(2), Some(3), Some(5), Some(6), Some(8), Some(9)];
        assert_eq!(lines_of(DOCKERFILE, &steps), expected);
    }

    #[test]
    fn the_classic_builders_steps_name_copies_by_where_they_went() {
        let steps = [
            "/bin/sh -c #(nop) ADD file:0f0f0f in / ",
            "/bin/sh -c #(nop)  CMD [\"bash\"]",
            "/bin/sh -c #(nop)  ARG TOKEN",
            "/bin/sh -c #(nop)  ENV MODE=on LEVEL=2",
            "/bin/sh -c #(nop) COPY multi:1a2b in /srv/ ",
            "|1 TOKEN=x /bin/sh -c apt-get update  && apt-get install -y curl",
            "/srv/app --init",
            "/bin/sh -c #(nop)  CMD [\"/srv/app\"]",
        ];
        let lines = lines_of(DOCKERFILE, &steps);
        assert_eq!(lines[..6], [None, None, Some(2), Some(3), Some(5), Some(6)]);
        assert_eq!(lines[7], Some(9));
    }

    #[test]
    fn an_instruction_that_made_no_step_moves_no_other() {
        let file = "FROM a\nRUN one\nRUN two $X\nRUN three\nCOPY $SRC /to\n";
        let steps =
            ["RUN /bin/sh -c one # buildkit", "RUN /bin/sh -c three # buildkit", "COPY files /to # buildkit"];
        assert_eq!(lines_of(file, &steps), [Some(2), Some(4), Some(5)]);
        assert_eq!(lines_of("FROM a\nRUN make\n", &["bazel build ...", ""]), [None, None]);
        assert_eq!(lines_of("FROM a\n", &["RUN x"]), [None]);
        assert_eq!(lines_of("FROM a\nRUN x", &[]), []);
    }

    #[test]
    fn a_here_document_is_told_by_what_is_in_it() {
        let file = "FROM a\nRUN <<EOF\napt-get update\necho done\nEOF\nRUN <<EOF\nmake all\nEOF\n";
        for step in ["RUN /bin/sh -c make all # buildkit", "RUN /bin/sh -c <<EOF (make all...) # buildkit"] {
            assert_eq!(lines_of(file, &[step]), [Some(6)], "{step}");
        }
    }

    #[test]
    fn much_is_not_compared_at_all() {
        let file = format!("FROM a\n{}", "RUN x\n".repeat(2_000));
        let steps = vec!["RUN /bin/sh -c x"; 2_000];
        assert!(lines_of(&file, &steps).iter().all(Option::is_none));
    }
}
