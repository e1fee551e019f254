use super::*;
use crate::report::Style;
use crate::report::text::width;

fn written(page: &Page) -> String {
    let mut out = Vec::new();
    page.write_text(&Style::plain(Threshold::default()), &mut out).expect("memory");
    String::from_utf8(out).expect("UTF-8")
}

fn markdown(page: &Page) -> String {
    let mut out = Vec::new();
    page.write_markdown(&mut out).expect("memory");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn every_detector_is_explained_and_the_next_thing_stands_in_the_first_three_lines() {
    let catalogue = Catalogue::embedded().expect("the embedded catalogue");
    for definition in catalogue.definitions() {
        let mut page = Page::default();
        page.title(&definition.name);
        of_key(Some(definition), &mut page);
        let text = written(&page);
        let first: Vec<&str> = text.lines().take(3).collect();
        let next = advice::next(Some(definition));
        let words: Vec<&str> = next.split_whitespace().take(5).collect();
        assert!(first.join(" ").contains(&words.join(" ")), "{}: {first:?}", definition.id);
        for heading in ["What it is", "Was it misused?", "Replace it, in this order", "What stops working"] {
            assert!(text.lines().any(|line| line == heading), "{}: {heading}", definition.id);
        }
        // Long code alone may be wider, so that it can be copied.
        let is_wide = |line: &&str| width(line) > 100 && !line.trim_start().starts_with(char::is_alphabetic);
        assert_eq!(text.lines().find(is_wide), None, "{}", definition.id);
        assert!(!text.contains('{') || !text.contains("{service}"), "{}", definition.id);
        assert!(markdown(&page).contains("### Replace it, in this order"), "{}", definition.id);
    }
}

#[test]
fn code_is_at_the_margin_and_long_code_in_a_sentence_on_a_line_of_its_own() {
    let mut page = Page::default();
    let long = "skopeo delete docker://registry.example/team/shop@sha256:0123456789abcdef";
    page.parts([guide::Part {
        heading: "Steps",
        ordered: true,
        entries: vec![format!("Delete it: `{long}`. Then `collect`, at night.")],
    }]);
    page.code("Dockerfile", "diff", "-a\n+\tb\n");
    assert_eq!(
        written(&page),
        format!(
            "\nSteps\n  1. Delete it:\n       {long}\n     Then `collect`, at night.\n\nDockerfile:\n\n-a\n+\tb\n"
        )
    );
    assert_eq!(
        markdown(&page),
        format!(
            "\n### Steps\n\n1. Delete it: `{long}`. Then `collect`, at night.\n\n`Dockerfile`\n\n```diff\n-a\n+\tb\n```\n"
        )
    );
}

#[test]
fn texts_of_others_stay_texts() {
    let mut page = Page::default();
    let evil = "a\u{1b}[2J\u{202e}b\u{7}";
    page.title(evil);
    page.fact("Next", evil);
    page.code(evil, "diff", &format!("+{evil}\n```\n"));
    for text in [written(&page), markdown(&page)] {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{text:?}");
    }
    assert!(markdown(&page).contains("````diff"), "a fence that the text does not end");
}
