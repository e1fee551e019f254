//! Names, paths and build steps come from the image's maker, who may be hostile: what a terminal or a
//! spreadsheet would act on is written out as an escape. Keys are redacted long before this.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal acts on `c`, or shows nothing for it, or lets it turn the text around it: C0 and
/// C1 controls, line separators, bidirectional controls, zero-width and tag characters.
pub fn is_hidden_or_active(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// `text` on one line with nothing active in it: `\n`, `\t`, `\u{1b}` and so on are written out.
pub fn inline(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden_or_active)
}

/// The same for a terminal that cannot show more than ASCII.
pub fn inline_ascii(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !c.is_ascii() || c.is_ascii_control())
}

/// A build step on one line, as its author wrote it: each run of white space, line breaks and
/// continuations too, is one space, and what builders put around an instruction is left out.
pub fn step(text: &str) -> String {
    let line = text.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ");
    let line = line.strip_suffix(" # buildkit").unwrap_or(&line);
    if let Some(instruction) = line.strip_prefix("/bin/sh -c #(nop) ") {
        return instruction.trim_start().to_owned();
    }
    match line.strip_prefix("RUN /bin/sh -c ").or_else(|| line.strip_prefix("/bin/sh -c ")) {
        Some(command) => format!("RUN {command}"),
        None => line.to_owned(),
    }
}

/// A cell of a CSV file, quoted where needed. A text that a spreadsheet would take for a formula gets
/// an apostrophe in front, which spreadsheets take for "this is text".
pub fn csv_cell(text: &str) -> String {
    let text = inline(text);
    let formula = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    let guard = if text.trim_start().starts_with(formula) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', ';', '"', '\'']) && text.trim() == text {
        return text.into_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

fn escaped(text: &str, active: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&active) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if active(c) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_bidi_characters_are_written_out() {
        assert_eq!(inline("a\u{1b}[2Jb\nc\td\re"), "a\\u{1b}[2Jb\\nc\\td\\re");
        assert_eq!(inline("x\u{202e}gpj.exe\u{2066}\u{9b}31m"), "x\\u{202e}gpj.exe\\u{2066}\\u{9b}31m");
        assert_eq!(inline("zero\u{200b}width\u{e0041}\u{7f}"), "zero\\u{200b}width\\u{e0041}\\u{7f}");
        assert_eq!(inline("/srv/données/鍵.env"), "/srv/données/鍵.env");
    }

    #[test]
    fn ascii_is_all_that_is_left_for_an_ascii_terminal() {
        assert_eq!(inline_ascii("é/\u{1b}"), "\\u{e9}/\\u{1b}");
    }

    #[test]
    fn a_step_over_several_lines_becomes_one() {
        assert_eq!(step("RUN apt-get update \\\n\t && rm -r /x\n"), "RUN apt-get update && rm -r /x");
    }

    #[test]
    fn a_step_reads_as_in_the_dockerfile() {
        assert_eq!(step("RUN /bin/sh -c rm /x # buildkit"), "RUN rm /x");
        assert_eq!(step("/bin/sh -c #(nop)  CMD [\"sh\"]"), "CMD [\"sh\"]");
        assert_eq!(step("/bin/sh -c apk add curl"), "RUN apk add curl");
        assert_eq!(step("COPY . /app # buildkit"), "COPY . /app");
        assert_eq!(step("RUN |1 A=b /bin/sh -c make"), "RUN |1 A=b /bin/sh -c make");
    }

    #[test]
    fn spreadsheets_see_text_where_a_formula_was_meant() {
        assert_eq!(csv_cell("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        for text in ["+1", "-1", "@SUM(A1)", " =1", "＝1", "\u{a0}=1"] {
            assert!(csv_cell(text).starts_with("\"'"), "{text}");
        }
        assert_eq!(csv_cell("\t=1"), "\\t=1");
        assert_eq!(csv_cell("say \"hi\", you"), "\"say \"\"hi\"\", you\"");
        assert_eq!(csv_cell("/app/.env"), "/app/.env");
    }
}
