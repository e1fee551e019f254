//! What standard output can show: width, colours, characters.

use std::io::IsTerminal;

use crate::report::{Style, Threshold};

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to draw on standard output.
pub fn style(choice: ColorChoice, threshold: Threshold) -> Style {
    let terminal = std::io::stdout().is_terminal();
    let plain = Style::plain(threshold);
    let width = terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0));
    Style {
        color: colors(choice, terminal, |name| std::env::var(name).ok()),
        unicode: is_utf8(|name| std::env::var(name).ok()),
        ..plain.with_width(width.unwrap_or(plain.width))
    }
}

/// Whether one person sees both standard output and standard error.
pub fn shows_both_streams() -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether the locale's characters are UTF-8.
pub fn unicode() -> bool {
    is_utf8(|name| std::env::var(name).ok())
}

fn colors(choice: ColorChoice, terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            terminal
                && variable("NO_COLOR").is_none_or(|value| value.is_empty())
                && variable("TERM").is_none_or(|value| value != "dumb")
        }
    }
}

/// The first of the locale's variables that is set decides, as POSIX says.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
        move |asked| (asked == name).then(|| value.to_owned())
    }

    #[test]
    fn colours_need_a_terminal_that_wants_them() {
        let none = |_: &str| None;
        assert!(colors(ColorChoice::Auto, true, none));
        assert!(!colors(ColorChoice::Auto, false, none));
        assert!(!colors(ColorChoice::Auto, true, only("NO_COLOR", "1")));
        assert!(colors(ColorChoice::Auto, true, only("NO_COLOR", "")));
        assert!(!colors(ColorChoice::Auto, true, only("TERM", "dumb")));
        assert!(colors(ColorChoice::Always, false, only("NO_COLOR", "1")));
        assert!(!colors(ColorChoice::Never, true, none));
    }

    #[test]
    fn the_first_locale_variable_decides() {
        assert!(is_utf8(only("LANG", "C.UTF-8")));
        assert!(is_utf8(only("LC_CTYPE", "de_DE.utf8")));
        assert!(!is_utf8(only("LANG", "C")));
        assert!(!is_utf8(|_| None));
        let both = |name: &str| match name {
            "LC_ALL" => Some("POSIX".to_owned()),
            _ => Some("en_US.UTF-8".to_owned()),
        };
        assert!(!is_utf8(both));
    }
}
