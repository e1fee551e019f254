use super::write;
use crate::report::sanitize::is_hidden_or_active;
use crate::report::{Report, Style, Threshold, fixture};

fn style() -> Style {
    Style::plain(Threshold::default())
}

fn table(report: &Report, style: &Style) -> String {
    let mut out = Vec::new();
    write(report, style, &mut out).expect("a vector takes all");
    String::from_utf8(out).expect("the table is UTF-8")
}

fn widest(text: &str) -> usize {
    text.lines().map(crate::report::text::width).max().unwrap_or_default()
}

#[test]
fn the_table_is_as_it_was_drawn() {
    let drawn = [
        (fixture::rich(), style().with_width(80), include_str!("rich.80.txt")),
        (
            fixture::rich(),
            Style { unicode: false, ..style().with_width(120) },
            include_str!("rich.120.ascii.txt"),
        ),
        (fixture::clean(), style(), include_str!("clean.txt")),
        (fixture::public(), style().with_width(80), include_str!("public.80.txt")),
        (fixture::compared(), style().with_width(80), include_str!("compared.80.txt")),
    ];
    for (report, style, expected) in drawn {
        let drawn = table(&report, &style);
        assert!(drawn == expected, "drawn otherwise now; look at it:\n{drawn}");
    }
}

#[test]
fn no_line_is_wider_than_the_page() {
    for report in fixture::all() {
        for width in [80, 93, 100, 160] {
            for unicode in [true, false] {
                let text = table(&report, &Style { unicode, ..style().with_width(width) });
                assert!(widest(&text) <= width, "a line of {} columns on a page of {width}", widest(&text));
            }
        }
    }
}

#[test]
fn nothing_active_gets_through() {
    let text = table(&fixture::hostile(), &style());
    assert!(!text.chars().any(|c| c != '\n' && is_hidden_or_active(c)));
    let ascii = table(&fixture::hostile(), &Style { unicode: false, ..style() });
    assert!(ascii.is_ascii());
}

#[test]
fn colours_change_nothing_but_colours() {
    let plain = table(&fixture::rich(), &style());
    let painted = table(&fixture::rich(), &Style { color: true, ..style() });
    assert!(painted.contains("\u{1b}["));
    let mut stripped = String::new();
    for (position, part) in painted.split('\u{1b}').enumerate() {
        let rest = if position == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) };
        stripped.push_str(rest);
    }
    let trimmed = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(trimmed(&stripped), trimmed(&plain));
}
