//! Progress on a terminal: a bar for each layer being read, and a total. Elsewhere only notes are shown.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::interrupt;
use super::messages::Messages;
use crate::report::sanitize;
use crate::scan::progress::{LayerProgress, Progress, Silent};

/// When bars are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressChoice {
    /// On a terminal, outside of CI.
    #[default]
    Auto,
    /// Never.
    Never,
}

/// Whether bars can be drawn: somebody looks, and the terminal can redraw a line.
pub fn is_wanted(choice: ProgressChoice, messages: &Messages) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    choice == ProgressChoice::Auto
        && !messages.is_quiet()
        && !set("CI")
        && !dumb
        && std::io::stderr().is_terminal()
}

/// The bars of one scan. They disappear when this is dropped.
pub struct Bars<'a> {
    messages: &'a Messages,
    bars: MultiProgress,
    total: ProgressBar,
}

impl<'a> Bars<'a> {
    /// Bars on standard error, with characters beyond ASCII where `unicode` says so.
    pub fn new(messages: &'a Messages, unicode: bool) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = bars.add(ProgressBar::new(0).with_style(total_style(unicode)));
        total.enable_steady_tick(Duration::from_millis(200));
        interrupt::show(&bars);
        Self { messages, bars, total }
    }
}

impl Drop for Bars<'_> {
    fn drop(&mut self) {
        self.total.finish_and_clear();
        // A terminal that is gone needs no clearing.
        let _ = self.bars.clear();
        interrupt::hide();
    }
}

impl Progress for Bars<'_> {
    fn total(&self, _blobs: usize, bytes: u64) {
        self.total.inc_length(bytes);
    }

    fn layer(&self, name: &str, bytes: Option<u64>) -> Box<dyn LayerProgress + '_> {
        let bar = bytes.map_or_else(ProgressBar::no_length, ProgressBar::new).with_style(layer_style());
        let bar = self.bars.insert_before(&self.total, bar);
        bar.set_message(sanitize::inline(name).into_owned());
        Box::new(LayerBar { bar, total: &self.total })
    }

    fn note(&self, line: &str) {
        self.bars.suspend(|| self.messages.note(line));
    }
}

struct LayerBar<'a> {
    bar: ProgressBar,
    total: &'a ProgressBar,
}

impl LayerProgress for LayerBar<'_> {
    fn advanced(&self, stored: u64) {
        self.total.inc(stored.saturating_sub(self.bar.position()));
        self.bar.set_position(stored);
    }
}

impl Drop for LayerBar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Notes without bars.
pub struct Notes<'a>(pub &'a Messages);

impl Progress for Notes<'_> {
    fn total(&self, _blobs: usize, _bytes: u64) {}

    fn layer(&self, _name: &str, _bytes: Option<u64>) -> Box<dyn LayerProgress + '_> {
        Box::new(Silent)
    }

    fn note(&self, line: &str) {
        self.0.note(line);
    }
}

/// A bar for one blob, its name behind it.
const LAYER: &str = "  {bar:24} {decimal_bytes:>10} of {decimal_total_bytes:<10} {wide_msg}";

/// The total, with the time and the speed.
const TOTAL: &str =
    "  {bar:24} {decimal_bytes:>10} of {decimal_total_bytes:<10} {elapsed}, {decimal_bytes_per_sec}";

fn layer_style() -> ProgressStyle {
    style(LAYER, "-> ")
}

fn total_style(unicode: bool) -> ProgressStyle {
    style(TOTAL, if unicode { "━╸ " } else { "=> " })
}

fn style(template: &str, chars: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars(chars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_are_valid() {
        for template in [LAYER, TOTAL] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn layers_add_up_in_the_total() {
        let messages = Messages::new(true, 0);
        let bars = Bars::new(&messages, true);
        bars.bars.set_draw_target(ProgressDrawTarget::hidden());
        bars.total(2, 100);
        bars.total(1, 50);
        let first = bars.layer("one", Some(100));
        let second = bars.layer("two", None);
        first.advanced(40);
        first.advanced(60);
        second.advanced(30);
        assert_eq!((bars.total.position(), bars.total.length()), (90, Some(150)));
    }
}
