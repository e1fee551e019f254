//! A page of advice, written as text for a terminal or as Markdown for a ticket.

use std::io::{self, Write};

use crate::report::Style;
use crate::report::guide::{Part, spans};
use crate::report::markdown;
use crate::report::text::wrap;

/// Columns of the names of facts, with the gap behind them.
const NAMES: usize = 7;

/// Columns before an entry of a list.
const INDENT: usize = 2;

/// Code of more columns stands on a line of its own, where it can be copied whole.
const INLINE: usize = 48;

/// A page in the making.
#[derive(Default)]
pub(in crate::cli) struct Page(Vec<Block>);

enum Block {
    Title(String),
    Heading(String),
    Step(usize, String),
    Fact(&'static str, String),
    List { ordered: bool, entries: Vec<String> },
    Code { name: String, fence: String, text: String },
}

impl Page {
    /// A key, or what the page is about.
    pub(in crate::cli) fn title(&mut self, text: &str) {
        self.0.push(Block::Title(text.to_owned()));
    }

    /// The head of a part.
    pub(in crate::cli) fn heading(&mut self, text: &str) {
        self.0.push(Block::Heading(text.to_owned()));
    }

    /// A line with a name in front.
    pub(in crate::cli) fn fact(&mut self, name: &'static str, text: &str) {
        if !text.is_empty() {
            self.0.push(Block::Fact(name, text.to_owned()));
        }
    }

    /// Parts of advice.
    pub(in crate::cli) fn parts(&mut self, parts: impl IntoIterator<Item = Part>) {
        for part in parts {
            self.heading(part.heading);
            self.0.push(Block::List { ordered: part.ordered, entries: part.entries });
        }
    }

    /// A part that lists something.
    pub(in crate::cli) fn list(&mut self, heading: &str, entries: Vec<String>) {
        self.heading(heading);
        self.0.push(Block::List { ordered: false, entries });
    }

    /// A step of several, with its points.
    pub(in crate::cli) fn step(&mut self, number: usize, title: &str, entries: Vec<String>) {
        self.0.push(Block::Step(number, title.to_owned()));
        self.0.push(Block::List { ordered: false, entries });
    }

    /// A file, or a part of one.
    pub(in crate::cli) fn code(&mut self, name: &str, fence: &str, text: &str) {
        self.0.push(Block::Code {
            name: name.to_owned(),
            fence: fence.to_owned(),
            text: text.trim_end().to_owned(),
        });
    }

    /// How to see the code.
    pub(in crate::cli) fn code_hint(&mut self, id: &str) {
        self.heading("Code for the next key");
        self.0.push(Block::List {
            ordered: false,
            entries: vec![format!(
                "With env, aws, vault or conjur, in python, javascript, go, java, ruby or shell: `keyseam explain {id} --with vault --lang go`"
            )],
        });
    }

    /// Writes it for a terminal.
    pub(in crate::cli) fn write_text(&self, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let bold = anstyle::Style::new().bold();
        for (position, block) in self.0.iter().enumerate() {
            match block {
                Block::Title(text) => {
                    if position > 0 {
                        writeln!(out)?;
                    }
                    for line in wrap(&style.clean(text), style.width) {
                        writeln!(out, "{}", style.paint(bold, line))?;
                    }
                }
                Block::Heading(text) => writeln!(out, "\n{}", style.paint(bold, style.clean(text)))?,
                Block::Step(number, text) => {
                    writeln!(out, "\n{}", style.paint(bold, format!("{number}. {}", style.clean(text))))?;
                }
                Block::Fact(name, text) => {
                    let room = style.width.saturating_sub(NAMES);
                    for (number, line) in wrap(&style.clean(text), room).iter().enumerate() {
                        let name = if number == 0 { format!("{name}:") } else { String::new() };
                        writeln!(out, "{name:<NAMES$}{line}")?;
                    }
                }
                Block::List { ordered, entries } => {
                    let width = if *ordered { format!("{}.", entries.len()).len() } else { 1 };
                    for (number, entry) in entries.iter().enumerate() {
                        let mark = if *ordered { format!("{}.", number + 1) } else { "-".to_owned() };
                        write_entry(&format!("{mark:<width$}"), entry, style, out)?;
                    }
                }
                Block::Code { name, text, .. } => {
                    // At the margin, as it is copied.
                    writeln!(out, "\n{}:\n", style.clean(name))?;
                    for line in text.lines() {
                        writeln!(out, "{}", tabs_kept(style, line))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes it as Markdown.
    pub(in crate::cli) fn write_markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        for (position, block) in self.0.iter().enumerate() {
            match block {
                Block::Title(text) => {
                    let gap = if position > 0 { "\n" } else { "" };
                    writeln!(out, "{gap}## {}\n", markdown::prose(text))?;
                }
                Block::Heading(text) => writeln!(out, "\n### {}\n", markdown::prose(text))?,
                Block::Step(number, text) => writeln!(out, "\n### {number}. {}\n", markdown::prose(text))?,
                Block::Fact(name, text) => writeln!(out, "- **{name}:** {}", markdown::rich(text))?,
                Block::List { ordered, entries } => {
                    for (number, entry) in entries.iter().enumerate() {
                        let mark = if *ordered { format!("{}.", number + 1) } else { "-".to_owned() };
                        writeln!(out, "{mark} {}", markdown::rich(entry))?;
                    }
                }
                Block::Code { name, fence, text } => {
                    let name = markdown::code(name, usize::MAX);
                    writeln!(out, "\n{name}\n\n{}", markdown::fenced(fence, text))?;
                }
            }
        }
        Ok(())
    }
}

/// A line of code, safe to show; its tabs stay.
fn tabs_kept(style: &Style, line: &str) -> String {
    line.split('\t').map(|part| style.clean(part).into_owned()).collect::<Vec<_>>().join("\t")
}

/// An entry of a list: its words wrapped, long code on lines of its own.
fn write_entry(mark: &str, entry: &str, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let hang = INDENT + mark.len() + 1;
    let room = style.width.saturating_sub(hang);
    let mut front = format!("{:INDENT$}{mark} ", "");
    let mut words = String::new();
    let flush = |words: &mut String, front: &mut String, out: &mut dyn Write| -> io::Result<()> {
        for line in wrap(&style.clean(words), room) {
            writeln!(out, "{front}{line}")?;
            *front = " ".repeat(hang);
        }
        words.clear();
        Ok(())
    };
    let parts: Vec<_> = spans(entry).collect();
    if let [(true, text)] = parts.as_slice() {
        return writeln!(out, "{front}{}", style.clean(text));
    }
    for (is_code, text) in parts {
        if !is_code {
            // What follows code on a line of its own begins a line too.
            let goes_on = words.is_empty() && front.trim().is_empty();
            let text = if goes_on { text.trim_start_matches(['.', ',', ';', ':', ')', ' ']) } else { text };
            words.push_str(text);
        } else if text.chars().count() > INLINE {
            flush(&mut words, &mut front, out)?;
            writeln!(out, "{:hang$}  {}", "", style.clean(text))?;
        } else {
            words.push_str(&format!("`{text}`"));
        }
    }
    if words.trim().is_empty() { Ok(()) } else { flush(&mut words, &mut front, out) }
}
