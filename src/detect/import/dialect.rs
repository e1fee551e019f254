//! Regular expressions of Go (RE2) as ours: the same language, with a few other spellings.
//!
//! Ours is that of the `regex` crate over bytes with ASCII classes, as Go's are. What differs: a `{` that
//! counts nothing is a character in Go, `[`, `&`, `~` and `-` mean more inside a bracket here, `\<` is an
//! assertion here, and Go has octal numbers and `\Q…\E`.

use std::str::Chars;

/// An expression in our dialect, with its capture groups still open to be named.
#[derive(Debug)]
pub(super) struct Translated {
    text: String,
    /// Where each capture group's `(` stands in `text`.
    groups: Vec<usize>,
}

impl Translated {
    /// How many capture groups it has.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The expression with its groups as they are, counted from 1.
    pub(super) fn plain(&self) -> &str {
        &self.text
    }

    /// The expression whose group number `key` (from 1) is called `key`; no other group captures. With 0,
    /// none does.
    pub(super) fn with_key(&self, key: usize) -> String {
        let mut named = String::with_capacity(self.text.len() + 16);
        let mut from = 0;
        for (number, at) in self.groups.iter().enumerate() {
            named.push_str(self.text.get(from..*at).unwrap_or_default());
            named.push_str(if number + 1 == key { "(?P<key>" } else { "(?:" });
            from = at + 1;
        }
        named.push_str(self.text.get(from..).unwrap_or_default());
        named
    }
}

/// Translates an expression. The error names what has no counterpart here.
pub(super) fn translate(go: &str) -> Result<Translated, String> {
    let mut translator = Translator { rest: go.chars(), text: String::new(), groups: Vec::new() };
    while let Some(char) = translator.rest.next() {
        translator.step(char)?;
    }
    Ok(Translated { text: translator.text, groups: translator.groups })
}

struct Translator<'a> {
    rest: Chars<'a>,
    text: String,
    groups: Vec<usize>,
}

/// A part of a bracket.
enum Item {
    Range(char, char),
    /// A class of its own: as it is written, and as a bracket's inside where it must not be Unicode's.
    Class(String, &'static str),
    /// A class of Unicode.
    Unicode(String),
}

/// What a backslash stands for.
enum Escape {
    Char(char),
    Class(char),
    Unicode(String),
    /// An assertion.
    Look(char),
    Quoted,
}

impl Translator<'_> {
    fn step(&mut self, char: char) -> Result<(), String> {
        match char {
            '\\' => match self.escape()? {
                Escape::Char(char) => self.literal(char),
                Escape::Class(letter) | Escape::Look(letter) => self.text.extend(['\\', letter]),
                Escape::Unicode(class) => self.text.push_str(&format!("(?u:{class})")),
                Escape::Quoted => self.quoted(),
            },
            '[' => self.bracket()?,
            '(' => self.open()?,
            '{' if !counts(self.rest.as_str()) => self.text.push_str(r"\{"),
            '{' | '}' | ')' | '|' | '*' | '+' | '?' | '.' | '^' | '$' => self.text.push(char),
            char => self.literal(char),
        }
        Ok(())
    }

    fn literal(&mut self, char: char) {
        match char {
            '\n' => self.text.push_str(r"\n"),
            '\r' => self.text.push_str(r"\r"),
            '\t' => self.text.push_str(r"\t"),
            char if char.is_ascii_control() => self.text.push_str(&format!(r"\x{:02X}", u32::from(char))),
            char => {
                if r"\.+*?()|[]{}^$".contains(char) {
                    self.text.push('\\');
                }
                self.text.push(char);
            }
        }
    }

    /// A group: what captures is remembered, flags are copied.
    fn open(&mut self) -> Result<(), String> {
        let rest = self.rest.as_str();
        let Some(inside) = rest.strip_prefix('?') else {
            self.groups.push(self.text.len());
            self.text.push('(');
            return Ok(());
        };
        if let Some(name) = inside.strip_prefix("P<").or_else(|| inside.strip_prefix('<')) {
            let (_, behind) = name.split_once('>').ok_or("a group's name has no end")?;
            self.groups.push(self.text.len());
            self.text.push('(');
            self.rest = behind.chars();
            return Ok(());
        }
        let end = inside.find([':', ')']).ok_or("a group has no end")?;
        let (flags, behind) = inside.split_at(end);
        if !flags.chars().all(|flag| "imsU-".contains(flag)) {
            return Err(format!("it has a group '(?{flags}'"));
        }
        let mut behind = behind.chars();
        self.text.push_str("(?");
        self.text.push_str(flags);
        self.text.extend(behind.next());
        self.rest = behind;
        Ok(())
    }

    /// `\Q…\E`, the `\Q` taken.
    fn quoted(&mut self) {
        let rest = self.rest.as_str();
        let (inside, behind) = rest.split_once(r"\E").unwrap_or((rest, ""));
        inside.chars().for_each(|char| self.literal(char));
        self.rest = behind.chars();
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<Escape, String> {
        let char = self.rest.next().ok_or("it ends in a backslash")?;
        Ok(match char {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => Escape::Class(char),
            'A' | 'z' | 'b' | 'B' => Escape::Look(char),
            'Q' => Escape::Quoted,
            'n' => Escape::Char('\n'),
            'r' => Escape::Char('\r'),
            't' => Escape::Char('\t'),
            'f' => Escape::Char('\x0c'),
            'v' => Escape::Char('\x0b'),
            'a' => Escape::Char('\x07'),
            'x' => Escape::Char(self.hexadecimal()?),
            '0'..='7' => Escape::Char(self.octal(char)?),
            'p' | 'P' => Escape::Unicode(self.unicode_class(char)?),
            char if char.is_ascii_alphanumeric() => return Err(format!(r"it has a '\{char}'")),
            char => Escape::Char(char),
        })
    }

    fn hexadecimal(&mut self) -> Result<char, String> {
        let rest = self.rest.as_str();
        let (digits, behind) = match rest.strip_prefix('{') {
            Some(inside) => inside.split_once('}').ok_or(r"a '\x{' has no end")?,
            None => rest.split_at_checked(2).ok_or(r"a '\x' has no two digits")?,
        };
        self.rest = behind.chars();
        let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        code.ok_or_else(|| r"a '\x' is no character".to_owned())
    }

    /// `\0`, `\012`, `\12`; what begins with another digit is a reference, which Go has not.
    fn octal(&mut self, first: char) -> Result<char, String> {
        let rest = self.rest.as_str();
        let more = rest.chars().take(2).take_while(|digit| ('0'..='7').contains(digit)).count();
        if first != '0' && more == 0 {
            return Err(format!(r"it has a '\{first}'"));
        }
        let (digits, behind) = rest.split_at(more);
        self.rest = behind.chars();
        let code = u32::from_str_radix(&format!("{first}{digits}"), 8).ok().and_then(char::from_u32);
        code.ok_or_else(|| "an octal number is no character".to_owned())
    }

    fn unicode_class(&mut self, letter: char) -> Result<String, String> {
        let rest = self.rest.as_str();
        let (name, behind) = match rest.strip_prefix('{') {
            Some(inside) => inside.split_once('}').ok_or(r"a '\p{' has no end")?,
            None => rest.split_at_checked(1).ok_or(r"a '\p' has no class")?,
        };
        self.rest = behind.chars();
        match name.strip_prefix('^') {
            Some(name) if letter == 'p' => Ok(format!(r"\P{{{name}}}")),
            Some(name) => Ok(format!(r"\p{{{name}}}")),
            None => Ok(format!(r"\{letter}{{{name}}}")),
        }
    }

    /// A bracket, its `[` taken.
    fn bracket(&mut self) -> Result<(), String> {
        let negated = self.take("^");
        let mut items = Vec::new();
        loop {
            if self.rest.as_str().starts_with(']') && !items.is_empty() {
                self.rest.next();
                break;
            }
            if let Some(named) = self.posix() {
                items.push(Item::Class(named, ""));
                continue;
            }
            let low = match self.bracket_char()? {
                Item::Range(low, _) => low,
                class => {
                    items.push(class);
                    continue;
                }
            };
            let ranges = self.rest.as_str().starts_with('-') && !self.rest.as_str().starts_with("-]");
            let high = if ranges {
                self.rest.next();
                match self.bracket_char()? {
                    Item::Range(high, _) if high >= low => high,
                    _ => return Err("a range in a bracket runs backwards".to_owned()),
                }
            } else {
                low
            };
            items.push(Item::Range(low, high));
        }
        self.write_bracket(negated, &items);
        Ok(())
    }

    fn take(&mut self, prefix: &str) -> bool {
        let behind = self.rest.as_str().strip_prefix(prefix);
        if let Some(behind) = behind {
            self.rest = behind.chars();
        }
        behind.is_some()
    }

    /// `[:alpha:]`, as it stands.
    fn posix(&mut self) -> Option<String> {
        let rest = self.rest.as_str();
        let (name, behind) = rest.strip_prefix("[:")?.split_once(":]")?;
        let known = name.chars().all(|char| char.is_ascii_lowercase() || char == '^');
        known.then(|| {
            self.rest = behind.chars();
            format!("[:{name}:]")
        })
    }

    fn bracket_char(&mut self) -> Result<Item, String> {
        let char = self.rest.next().ok_or("a bracket has no end")?;
        if char != '\\' {
            return Ok(Item::Range(char, char));
        }
        match self.escape()? {
            Escape::Char(char) => Ok(Item::Range(char, char)),
            Escape::Unicode(class) => Ok(Item::Unicode(class)),
            Escape::Class(letter) => Ok(Item::Class(format!(r"\{letter}"), ascii(letter))),
            Escape::Look(_) | Escape::Quoted => Err("a bracket holds an assertion".to_owned()),
        }
    }

    /// Classes with characters outside ASCII are Unicode's; the others count bytes, as all others do.
    fn write_bracket(&mut self, negated: bool, items: &[Item]) {
        let unicode = items.iter().any(|item| match item {
            Item::Range(_, high) => !high.is_ascii(),
            Item::Unicode(_) => true,
            Item::Class(..) => false,
        });
        self.text.push_str(if unicode { "(?u:[" } else { "[" });
        if negated {
            self.text.push('^');
        }
        for item in items {
            match item {
                Item::Range(low, high) => {
                    self.bracket_literal(*low);
                    if high > low {
                        self.text.push('-');
                        self.bracket_literal(*high);
                    }
                }
                Item::Class(_, inside) if unicode && !inside.is_empty() => self.text.push_str(inside),
                Item::Class(class, _) | Item::Unicode(class) => self.text.push_str(class),
            }
        }
        self.text.push_str(if unicode { "])" } else { "]" });
    }

    fn bracket_literal(&mut self, char: char) {
        match char {
            '\\' | '[' | ']' | '^' | '-' | '&' | '~' => self.text.extend(['\\', char]),
            '\n' => self.text.push_str(r"\n"),
            '\r' => self.text.push_str(r"\r"),
            '\t' => self.text.push_str(r"\t"),
            char if char.is_ascii_control() => self.text.push_str(&format!(r"\x{:02X}", u32::from(char))),
            char => self.text.push(char),
        }
    }
}

/// The ASCII class of a letter, for the inside of a bracket that is Unicode's.
fn ascii(letter: char) -> &'static str {
    match letter {
        'd' => "0-9",
        'D' => "[^0-9]",
        'w' => "0-9A-Za-z_",
        'W' => "[^0-9A-Za-z_]",
        's' => r"\t\n\x0C\r ",
        _ => r"[^\t\n\x0C\r ]",
    }
}

/// Whether what follows a `{` makes it a repetition.
fn counts(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match inside.split_once(',') {
        Some((least, most)) => digits(least) && (most.is_empty() || digits(most)),
        None => digits(inside),
    }
}

#[cfg(test)]
mod tests {
    use super::translate;

    fn matches(go: &str, text: &str) -> bool {
        let translated = translate(go).expect(go);
        let regex = regex::bytes::RegexBuilder::new(translated.plain()).unicode(false).build();
        regex.expect("an expression").is_match(text.as_bytes())
    }

    #[test]
    fn what_go_spells_in_its_own_way_means_the_same() {
        for (go, yes, no) in [
            (r"^\${[A-Z]+}$", "${NAME}", "$NAME"),
            (r"^a{,2}$", "a{,2}", "aa"),
            (r"^{{x}}$", "{{x}}", "x"),
            (r"^[^[]+$", "abc", "a[c"),
            (r"^[[a]+$", "[a", "b"),
            (r"^[]a]+$", "]a", "["),
            (r"^[^]a]$", "b", "]"),
            (r"^[a&&b]+$", "a&b", "c"),
            (r"^[a~~b-]+$", "a~-b", "c"),
            (r"^[\w-.]+$", "a-.", "+"),
            (r"^[\--\.]?[+--]+$", "+,-", "x"),
            (r"^\<a\>$", "<a>", "a"),
            (r"^\/\'\#\&\_$", "/'#&_", "x"),
            (r"^\060\x41\x{42}$", "0AB", "x"),
            (r"^\Qa.b*\E+$", "a.b**", "axb"),
            (r"^[\Wa]$", "-", "b"),
            (r"^[[:alpha:]_]+$", "a_b", "1"),
            (r"^[é]{2}$", "éé", "é"),
            (r"^[^é\w]$", "è", "a"),
            (r"^\p{Greek}[\p{Greek}\d]$", "λ1", "l1"),
            (r"^(?P<a>x)(?i:Y)(?<b>z)$", "xyz", "xyZ"),
            (r"^(?s:.)\x60$", "\n`", "`"),
            (r"^x{2,3}?$", "xx", "x"),
        ] {
            assert!(matches(go, yes), "{go} on {yes}");
            assert!(!matches(go, no), "{go} on {no}");
        }
    }

    #[test]
    fn one_group_is_the_key_and_the_others_are_none() {
        let translated = translate(r"(a)(?:b)(?P<secret>c\()").expect("valid");
        assert_eq!(translated.groups(), 2);
        assert_eq!(translated.with_key(2), r"(?:a)(?:b)(?P<key>c\()");
        assert_eq!(translated.with_key(0), r"(?:a)(?:b)(?:c\()");
    }

    #[test]
    fn what_has_no_counterpart_is_an_error() {
        for go in [r"(?=a)", r"(?<!a)b", r"\1", r"\C", "[a", r"[z-a]", "a\\", r"(?P<a", r"\x{110000}"] {
            assert!(translate(go).is_err(), "{go}");
        }
    }
}
