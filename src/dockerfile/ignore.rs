//! `.dockerignore`: which files of a build context no COPY can see. Patterns are those of moby's `patternmatcher`,
//! which Docker, BuildKit, buildah and podman share: a pattern fits a path, or any folder that it lies in; the last
//! pattern that fits decides, and `!` turns it round.

use regex::bytes::{Regex, RegexBuilder};

use crate::limits;

/// The patterns of a file.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    regex: Regex,
    takes_back: bool,
    line: usize,
}

/// A line that no builder takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {0}: this is no pattern")]
pub struct IgnoreError(pub usize);

impl Ignore {
    /// Reads a file.
    ///
    /// # Errors
    /// A line that is no pattern: builders refuse the whole file.
    pub fn parse(bytes: &[u8]) -> Result<Self, IgnoreError> {
        let text = String::from_utf8_lossy(bytes);
        let mut patterns = Vec::new();
        for (line, text) in (1..).zip(text.strip_prefix('\u{feff}').unwrap_or(&text).lines()) {
            if text.starts_with('#') || text.trim().is_empty() {
                continue;
            }
            let text = text.trim();
            let (text, takes_back) = text.strip_prefix('!').map_or((text, false), |rest| (rest.trim(), true));
            let cleaned = cleaned(text);
            if text.is_empty() || patterns.len() == limits::DOCKERIGNORE_PATTERNS {
                return Err(IgnoreError(line));
            }
            // The root fits nothing: a context is never left out whole by it.
            if cleaned == "." {
                continue;
            }
            let regex = RegexBuilder::new(&expression(&cleaned))
                .size_limit(limits::DOCKERIGNORE_PROGRAM)
                .build()
                .map_err(|_| IgnoreError(line))?;
            patterns.push(Pattern { regex, takes_back, line });
        }
        Ok(Self { patterns })
    }

    /// Whether the file at `path`, relative to the context and with `/` between its parts, is left out.
    pub fn leaves_out(&self, path: &[u8]) -> bool {
        self.decides(path).is_some()
    }

    /// The line of the pattern that leaves out the file at `path`.
    pub fn decides(&self, path: &[u8]) -> Option<usize> {
        let mut out = None;
        for pattern in &self.patterns {
            // What changes nothing is not asked.
            if pattern.takes_back == out.is_some() && pattern.fits(path) {
                out = (!pattern.takes_back).then_some(pattern.line);
            }
        }
        out
    }

    /// Whether a folder that is left out may hold files that are not.
    pub fn takes_back(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.takes_back)
    }
}

impl Pattern {
    /// Whether it fits a path, or a folder that this lies in.
    fn fits(&self, path: &[u8]) -> bool {
        let folders = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        folders.chain([path.len()]).any(|end| self.regex.is_match(path.get(..end).unwrap_or_default()))
    }
}

/// A pattern as Go's `filepath.Clean` leaves it, without the slash in front.
fn cleaned(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(last) if *last != ".." => drop(parts.pop()),
                _ if text.starts_with('/') => {}
                _ => parts.push(part),
            },
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// The expression of a pattern.
fn expression(pattern: &str) -> String {
    let mut out = String::from("^");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                }
                out += if chars.peek().is_none() { "(?s-u:.)*" } else { "(?:(?s-u:.)*/)?" };
            }
            '*' => out += "(?-u:[^/])*",
            '?' => out += "[^/]",
            '[' | ']' => out.push(c),
            '\\' => out += &regex::escape(&chars.next().unwrap_or('\\').to_string()),
            '^' | '-' => out.push(c),
            c => out += &regex::escape(&c.to_string()),
        }
    }
    out.push('$');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(patterns: &str, path: &str) -> bool {
        Ignore::parse(patterns.as_bytes()).expect("patterns").leaves_out(path.as_bytes())
    }

    #[test]
    fn patterns_fit_paths_and_what_lies_below() {
        for (patterns, path, expected) in [
            (".env", ".env", true),
            (".env", "app/.env", false),
            ("**/.env", "app/.env", true),
            ("**/.env", ".env", true),
            ("node_modules", "node_modules/a/b.js", true),
            ("/node_modules/", "node_modules/a", true),
            ("*.pem", "a.pem", true),
            ("*.pem", "b/a.pem", false),
            ("*/*.pem", "b/a.pem", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("a.b", "axb", false),
            ("secret\\*", "secret*", true),
            ("secret\\*", "secrets", false),
            ("# .env", "# .env", false),
            ("**", "any/thing", true),
            ("*", "any/thing", true),
            ("a/../b", "b", true),
            ("./b", "b", true),
            (".", "b", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**", "a/x", true),
            ("a/**", "a", false),
            ("b $", "b $", true),
            ("schl?ssel", "schl\u{fc}ssel", true),
        ] {
            assert_eq!(left_out(patterns, path), expected, "{patterns} on {path}");
        }
    }

    #[test]
    fn the_last_pattern_that_fits_decides() {
        let patterns = "*\n!src\n# comment\nsrc/secret\n\n!src/secret/public.pem\n";
        for (path, expected) in [
            ("README", true),
            ("src/a", false),
            ("src/secret/key.pem", true),
            ("src/secret/public.pem", false),
        ] {
            assert_eq!(left_out(patterns, path), expected, "{path}");
        }
        let ignore = Ignore::parse(patterns.as_bytes()).expect("patterns");
        assert!(ignore.takes_back());
        assert_eq!(ignore.decides(b"src/secret/key.pem"), Some(4));
    }

    #[test]
    fn a_line_that_is_no_pattern_is_named() {
        for (text, line) in [("a\n!\n", 2), ("[a", 1), ("ok\n[z-a]x\n", 2)] {
            assert_eq!(Ignore::parse(text.as_bytes()).err(), Some(IgnoreError(line)), "{text}");
        }
        let many = "a\n".repeat(limits::DOCKERIGNORE_PATTERNS + 1);
        assert!(Ignore::parse(many.as_bytes()).is_err());
    }
}
