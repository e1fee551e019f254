//! Dockerfiles that try something.

use proptest::prelude::{Strategy, prop};

use super::diff::{Form, Shown, edited, unified};
use super::*;

const KEY: &str = "s3cr3t-0123456789abcdef";

/// Rewrites for every place that any instruction of a Dockerfile can be.
fn rewrites(text: &str) -> Vec<(Dockerfile, Rewrite)> {
    let file = Dockerfile::parse(text.as_bytes());
    let mut all = Vec::new();
    for index in 0..file.instructions.len() {
        let names = ["T", "TOKEN", "", "a b", "\u{1b}[2J"];
        let paths = ["app/.npmrc", ".env", "../x", "", "a\nRUN evil", "\u{202e}x", "root/.ssh/id_rsa"];
        let variables = names.map(Place::Variable).into_iter().chain(names.map(Place::Label));
        for place in variables.chain(paths.map(Place::File)).chain([Place::Text]) {
            let leaks = Leaks {
                places: vec![(index, place), (0, Place::Text)],
                forms: vec![KEY, "production"],
                variable: "a\nb",
            };
            let rewrite = Rewriter::new(&file).rewrite(&leaks);
            all.extend(rewrite.map(|rewrite| (file.clone(), rewrite)));
        }
    }
    all
}

#[track_caller]
fn assert_sound(file: &Dockerfile, rewrite: &Rewrite) {
    let mut end = 0;
    for edit in &rewrite.edits {
        assert!(edit.range.start >= end && edit.range.end >= edit.range.start, "{rewrite:?}");
        assert!(file.text.get(edit.range.clone()).is_some(), "{rewrite:?}");
        end = edit.range.end;
    }
    let said = rewrite.edits.iter().map(|edit| &edit.with).chain(&rewrite.ignored);
    said.for_each(|with| {
        assert!(!with.contains("evil") && !with.contains(['\u{1b}', '\u{202e}']), "{rewrite:?}")
    });
    // All is one key to cover: nothing of it may be seen.
    let covers = [(0..file.text.len(), "…".to_owned())];
    let form = Form { old: "a", new: "b", head: None };
    let diff =
        unified(Shown { text: &file.text, covers: &covers }, &rewrite.edits, &form).unwrap_or_default();
    assert!(
        diff.lines()
            .skip(2)
            .filter(|line| line.starts_with([' ', '-']))
            .all(|line| line[1..].trim() == "…" || line.len() == 1),
        "{diff}"
    );
    // What was written is a Dockerfile again.
    let _ = Dockerfile::parse(edited(&file.text, &rewrite.edits).as_bytes());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    #[test]
    fn no_dockerfile_breaks_the_rewriter(parts in prop::collection::vec(part(), 0..24)) {
        for (file, rewrite) in rewrites(&parts.concat()) {
            assert_sound(&file, &rewrite);
        }
    }
}

/// Pieces that Dockerfiles are made of.
fn part() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "FROM a AS b\n",
        "FROM b\n",
        "ARG T=",
        "ARG TOKEN\n",
        "ENV T $TOKEN\n",
        "ENV TOKEN=",
        "RUN ",
        "COPY ",
        "COPY --from=b /",
        "ADD https://",
        "ONBUILD ",
        "CMD [\"",
        "\"]\n",
        "ENTRYPOINT ",
        "HEALTHCHECK CMD",
        "LABEL \"a b\"=",
        "USER ",
        "WORKDIR /x/..\n",
        KEY,
        "production",
        "\\\n",
        "\\\r\n",
        "\r\n",
        "\n",
        " ",
        "\"",
        "'",
        "$T",
        "${TOKEN}",
        " && ",
        ";",
        "> .npmrc",
        "rm .npmrc",
        "git clone https://u:$TOKEN@h/x",
        "<<EOF\n",
        "EOF\n",
        "<<-'EOF' ",
        "# escape=`\n",
        "`\n",
        ".env",
        " . ",
        "npm ci",
        "ü",
        "\u{1b}[2J",
        "\u{202e}",
        "\u{feff}",
        "=",
        "/run/secrets/x",
        "(",
        "$(",
        "|| ",
        "# syntax=docker/dockerfile:1.2\n",
        "--mount=type=secret,id=t,env=T ",
    ])
    .prop_map(str::to_owned)
}

#[test]
fn ten_thousand_lines_are_read_once() {
    let text = format!("FROM a\nARG T\n{}RUN x $T\n", "RUN make all && echo done\n".repeat(10_000));
    let file = Dockerfile::parse(text.as_bytes());
    let leaks = Leaks { places: vec![(1, Place::Variable("T"))], forms: Vec::new(), variable: "" };
    let rewrite = Rewriter::new(&file).rewrite(&leaks).expect("a rewrite");
    assert_eq!(rewrite.edits.len(), 2);
    assert_sound(&file, &rewrite);
}

#[test]
fn the_escape_of_the_file_joins_lines() {
    let file = Dockerfile::parse(b"# escape=`\nFROM a\nENV A=C:\\x `\n  T=key `\n  B=c\n");
    let leaks = Leaks { places: vec![(1, Place::Variable("T"))], forms: Vec::new(), variable: "" };
    let rewrite = Rewriter::new(&file).rewrite(&leaks).expect("a rewrite");
    assert!(edited(&file.text, &rewrite.edits).ends_with("ENV A=C:\\x `\n  B=c\n"), "{rewrite:?}");
}

#[test]
fn a_word_like_any_other_is_replaced_only_where_it_is_a_value() {
    let file = Dockerfile::parse(b"FROM a\nRUN make production && login --password=production\n");
    let leaks = Leaks { places: vec![(1, Place::Text)], forms: vec!["production"], variable: "PASSWORD" };
    let rewrite = Rewriter::new(&file).rewrite(&leaks).expect("a rewrite");
    assert!(
        edited(&file.text, &rewrite.edits).ends_with("make production && login --password=\"$PASSWORD\"\n")
    );
}

#[test]
fn a_key_on_two_lines_is_covered_on_both() {
    let file = Dockerfile::parse(
        b"FROM a\nRUN x s3cr3t-0123456789\\\nabcdef y\nENV DB_PASSWORD=\"a b\" PORT=1 API_KEY=$X\n",
    );
    let find = |text: &str, hidden: Vec<Range<usize>>| {
        let key = text.match_indices(KEY).map(|(at, hit)| (at..at + hit.len(), "…".to_owned()));
        key.chain(hidden.into_iter().map(|range| (range, "…".to_owned()))).collect()
    };
    let found: Vec<&str> =
        covers(&file, secret_values(&file), &find).into_iter().map(|(range, _)| &file.text[range]).collect();
    assert_eq!(found, ["\"a b\"", "s3cr3t-0123456789\\\nabcdef"]);
}
