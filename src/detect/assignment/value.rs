//! What a value is: quoted or bare, in a call, in a block of its own.

use std::ops::Range;

use crate::detect::context::Context;
use crate::limits;

/// The reading of a value at the end of a link.
pub(super) struct Value<'c, 'a> {
    pub(super) context: &'c Context<'a>,
    pub(super) quoted_only: bool,
    pub(super) markup: bool,
}

impl Value<'_, '_> {
    pub(super) fn read(&self, at: usize) -> Vec<Range<usize>> {
        if let Some(quoted) = self.quoted(at) {
            return quoted;
        }
        if self.quoted_only {
            return Vec::new();
        }
        let start =
            self.block_scalar(at).unwrap_or_else(|| self.skip(at, 40, |byte| matches!(byte, b' ' | b'\t')));
        let start = if self.markup { self.behind_cdata(start) } else { start };
        self.bare(start)
    }

    /// Skips up to `most` bytes that `skipped` holds of.
    fn skip(&self, at: usize, most: usize, skipped: impl Fn(u8) -> bool) -> usize {
        let rest = self.context.slice(at..self.context.bytes.len().min(at.saturating_add(most)));
        at + rest.iter().take_while(|byte| skipped(**byte)).count()
    }

    /// A value in quotes, on this line or the next; perhaps in brackets, perhaps the argument of a call.
    fn quoted(&self, at: usize) -> Option<Vec<Range<usize>>> {
        let blank = |byte: u8| byte.is_ascii_whitespace();
        let start = self.skip(at, 80, blank);
        let start = self.skip(start, 8, |byte| byte.is_ascii_whitespace() || b"[({&".contains(&byte));
        let word = self.skip(start, 60, |byte| byte.is_ascii_alphanumeric() || b"_.:!$@".contains(&byte));
        let quote = if self.context.byte(word) == Some(b'(') {
            self.skip(word + 1, 20, blank)
        } else if word - start <= 2 {
            word
        } else {
            start
        };
        self.between_quotes(quote).or_else(|| self.between_quotes(start))
    }

    /// What stands between the quote at `at` and its like: `"`, `'`, a backtick, `"""`, `\"`.
    fn between_quotes(&self, at: usize) -> Option<Vec<Range<usize>>> {
        let slashes = self.skip(at, 8, |byte| byte == b'\\') - at;
        let quote = self.context.byte(at + slashes).filter(|byte| b"\"'`".contains(byte))?;
        let mut open = at + slashes + 1;
        if self.context.slice(open..open + 2) == [quote, quote] {
            open += 2;
        }
        let rest = self.context.slice(open..self.context.bytes.len().min(open + limits::VALUE));
        let mut end = 0;
        let mut escaped = 0;
        for byte in rest {
            if *byte == quote && escaped <= slashes {
                break;
            }
            escaped = if *byte == b'\\' { escaped + 1 } else { 0 };
            end += 1;
        }
        let closed = rest.get(end) == Some(&quote);
        let end = if closed { open + end - slashes.min(escaped) } else { return Some(self.bare(open)) };
        Some(self.trimmed(open..end.max(open)))
    }

    /// A quoted value, without blanks at its ends; and without a second pair of quotes.
    fn trimmed(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let text = self.context.slice(range.clone());
        let front = text.len() - text.trim_ascii_start().len();
        let inner = range.start + front..range.start + front + text.trim_ascii().len();
        let mut found = vec![inner.clone()];
        if let [b'"', .., b'"'] | [b'\'', .., b'\''] = self.context.slice(inner.clone()) {
            found.push(inner.start + 1..inner.end - 1);
        }
        // Gradle's "\"value\"".
        if let [b'\\', b'"', .., b'\\', b'"'] = self.context.slice(inner.clone()) {
            found.push(inner.start + 2..inner.end - 2);
        }
        found
    }

    /// YAML's `name: |` with the value on the line below.
    fn block_scalar(&self, at: usize) -> Option<usize> {
        let at = self.skip(at, 40, |byte| matches!(byte, b' ' | b'\t'));
        self.context.byte(at).filter(|byte| matches!(byte, b'|' | b'>'))?;
        let at = self.skip(at + 1, 4, |byte| matches!(byte, b'-' | b'+' | b' ' | b'0'..=b'9'));
        let at = self.skip(at, 1, |byte| byte == b'\r');
        (self.context.byte(at)? == b'\n').then(|| self.skip(at + 1, 80, |byte| matches!(byte, b' ' | b'\t')))
    }

    fn behind_cdata(&self, at: usize) -> usize {
        let at = self.skip(at, 80, |byte| byte.is_ascii_whitespace());
        let mark = b"<![CDATA[";
        if self.context.slice(at..at + mark.len()) == mark { at + mark.len() } else { at }
    }

    /// A value without quotes: up to a blank or a quote, or cut at one of the marks that may belong to
    /// what is around it; then the line, then, of a single value, all of it.
    fn bare(&self, start: usize) -> Vec<Range<usize>> {
        let text = self.context.slice(start..self.context.bytes.len().min(start + limits::VALUE));
        let line = text.iter().take_while(|byte| !matches!(byte, 0..=8 | 10..=31 | 127)).count();
        let is_end =
            |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control() || b"\"'`".contains(byte);
        let word = text.iter().position(is_end).unwrap_or(text.len());
        let is_mark = |byte: &u8| b",;)}]><&|\\#%:@".contains(byte) || *byte >= 0x80;
        let mut ends = Vec::new();
        if self.context.is_single_value() {
            ends.push(text.len());
        }
        let marks_behind =
            text.get(..word).unwrap_or_default().iter().rev().take_while(|byte| is_mark(byte)).count();
        ends.extend([word - marks_behind, word]);
        ends.extend(text.iter().take(word).enumerate().filter(|(_, b)| is_mark(b)).map(|(at, _)| at).take(4));
        ends.push(line);
        let mut found = Vec::new();
        for end in ends {
            let range = start..start + text.get(..end).unwrap_or_default().trim_ascii_end().len();
            if !range.is_empty() && !found.contains(&range) {
                found.push(range);
            }
        }
        found
    }
}
