//! How a text report is drawn: width, colours, characters, and which findings are shown whole.

use std::borrow::Cow;
use std::fmt::Display;

use anstyle::AnsiColor;

use super::sanitize;
use super::threshold::Threshold;
use crate::detect::Severity;

/// The least width that is drawn for, in columns.
pub const LEAST_WIDTH: usize = 80;

/// The greatest width that is drawn for, in columns: longer lines are hard to read.
pub const GREATEST_WIDTH: usize = 160;

/// How a text report is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns, from [`LEAST_WIDTH`] to [`GREATEST_WIDTH`].
    pub width: usize,
    /// Whether colours may be used.
    pub color: bool,
    /// Whether more than ASCII may be used.
    pub unicode: bool,
    /// Which findings are shown whole.
    pub threshold: Threshold,
}

impl Style {
    /// For a file, or a pipe: no colours, a fixed width.
    pub fn plain(threshold: Threshold) -> Self {
        Self { width: 100, color: false, unicode: true, threshold }
    }

    /// The same with another width, brought into the bounds.
    pub fn with_width(self, width: usize) -> Self {
        Self { width: width.clamp(LEAST_WIDTH, GREATEST_WIDTH), ..self }
    }

    /// `fancy` where more than ASCII may be used, else `ascii`.
    pub fn glyph(&self, fancy: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { fancy } else { ascii }
    }

    /// A text of the image, made safe for this style's output.
    pub fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.unicode {
            return sanitize::inline(text);
        }
        // The mark of a redacted key is ours, and has a plain form.
        match sanitize::inline_ascii(&text.replace('…', "...")) {
            Cow::Borrowed(same) if same == text => Cow::Borrowed(text),
            safe => Cow::Owned(safe.into_owned()),
        }
    }

    /// `text` in a colour, where there are any.
    pub fn paint(&self, color: anstyle::Style, text: impl Display) -> String {
        match self.color {
            true => format!("{color}{text}{color:#}"),
            false => text.to_string(),
        }
    }
}

impl Severity {
    /// Its colour on a terminal.
    pub fn color(self) -> anstyle::Style {
        match self {
            Self::Critical => AnsiColor::BrightRed.on_default().bold(),
            Self::High => AnsiColor::Red.on_default(),
            Self::Medium => AnsiColor::Yellow.on_default(),
            Self::Low => AnsiColor::Cyan.on_default(),
            Self::Info => anstyle::Style::new().dimmed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ascii_style_lets_nothing_else_out() {
        let style = Style { unicode: false, ..Style::plain(Threshold::default()) };
        assert_eq!(style.clean("ghp_…abcd é\u{1b}"), "ghp_...abcd \\u{e9}\\u{1b}");
        assert_eq!(style.clean("plain"), "plain");
    }

    #[test]
    fn the_width_stays_in_its_bounds() {
        let style = Style::plain(Threshold::default());
        assert_eq!(style.with_width(20).width, LEAST_WIDTH);
        assert_eq!(style.with_width(1000).width, GREATEST_WIDTH);
    }
}
