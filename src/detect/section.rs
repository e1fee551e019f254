//! Values of everyday names below a brand: `messagebird:` and, a line further down, `access_key: …`.

use std::ops::Range;

use super::context::Context;
use super::names::{VariableName, full_name, starts_word};
use crate::limits;

/// What a block of configuration calls that which it sets, besides one or two letters.
const RECEIVERS: [&str; 10] =
    ["cfg", "client", "conf", "config", "configuration", "options", "opt", "opts", "settings", "setup"];

/// The places of `keys` in the section that the brand at `brand` opens.
pub(super) fn keys_below(
    context: &Context<'_>,
    brand: &Range<usize>,
    keys: &[VariableName],
    lines: usize,
) -> Vec<Range<usize>> {
    if !is_brand(context, brand) {
        return Vec::new();
    }
    let most = end_of_lines(context, brand, lines);
    let mut firsts = keys.iter().flat_map(VariableName::first_letters);
    let text = context.slice(brand.end..most);
    context.take(text.len() / 4);
    let is_named = |at: &usize| {
        if !starts_word(context.bytes, *at) {
            return false;
        }
        context.take(4 * keys.len());
        keys.iter().any(|key| key.locate(context.bytes, *at, 0).is_some())
    };
    let places: Vec<usize> = match (firsts.next(), firsts.next()) {
        (Some(a), Some(b)) if firsts.all(|first| first == a || first == b) => {
            memchr::memchr2_iter(a, b, text).map(|at| brand.end + at).filter(is_named).collect()
        }
        _ => {
            let mut is_first = [false; 256];
            for first in keys.iter().flat_map(VariableName::first_letters) {
                is_first.get_mut(usize::from(first)).into_iter().for_each(|known| *known = true);
            }
            let is_first = |byte: &u8| is_first.get(usize::from(*byte)).copied().unwrap_or(false);
            let begun = text.iter().enumerate().filter(|(_, byte)| is_first(byte));
            begun.map(|(at, _)| brand.end + at).filter(is_named).collect()
        }
    };
    let mut found = Vec::new();
    if places.is_empty() {
        return found;
    }
    // Where the section ends is asked last, because it is looked for byte by byte.
    context.take(limits::SECTION);
    let end = end_of_section(context, brand, lines);
    for at in places.into_iter().take_while(|at| *at < end) {
        context.take(4 * keys.len());
        let spelled = keys.iter().filter_map(|key| key.locate(context.bytes, at, 0));
        let whole = spelled.filter_map(|core| whole_name(context, brand, &core));
        if let Some(name) = whole.filter(|name| name.end <= end).max_by_key(|name| name.end) {
            found.push(name);
        }
    }
    found
}

/// Whether the brand is a word of its own and not the front of a longer one.
pub(super) fn is_brand(context: &Context<'_>, brand: &Range<usize>) -> bool {
    let last_is_lower = context.slice(brand.clone()).last().is_some_and(u8::is_ascii_lowercase);
    starts_word(context.bytes, brand.start)
        && match context.byte(brand.end) {
            Some(next) if next.is_ascii_uppercase() => last_is_lower,
            Some(next) => !next.is_ascii_alphanumeric(),
            None => true,
        }
}

/// The name at `core`, if nothing but the brand stands in front of it.
fn whole_name(context: &Context<'_>, brand: &Range<usize>, core: &Range<usize>) -> Option<Range<usize>> {
    let gap = context.slice(brand.end..core.start);
    if gap.len() <= 2 && gap.iter().all(|byte| b"_-.:".contains(byte)) {
        // `messagebird_key`, `messagebirdKey`: the brand is the front of the name.
        return full_name(context.bytes, core, false).map(|found| core.start..found.full.end);
    }
    if let Some(found) = full_name(context.bytes, core, true) {
        return Some(found.full);
    }
    // `config.api_key`, `setApiKey`: what a block calls its configuration, or a setter.
    let found = full_name(context.bytes, core, false)?.full;
    let front = context.slice(found.start..core.start);
    (found.end == core.end && is_receiver(front)).then(|| core.clone())
}

/// Whether `front` is a setter's first word, or a dot behind what a block of configuration is called.
fn is_receiver(front: &[u8]) -> bool {
    let path = front.strip_suffix(b".");
    let name = path.unwrap_or(front).rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    if path.is_none() {
        return matches!(name, b"set" | b"Set" | b"with" | b"With");
    }
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    !name.is_empty() && (name.len() <= 2 || RECEIVERS.into_iter().any(is))
}

/// Where so many lines behind the brand end, or what is looked at does. No section goes further.
fn end_of_lines(context: &Context<'_>, brand: &Range<usize>, lines: usize) -> usize {
    let limit = brand.end.saturating_add(limits::SECTION).min(context.bytes.len());
    let feeds = memchr::memchr_iter(b'\n', context.slice(brand.end..limit));
    feeds.into_iter().nth(lines).map_or(limit, |at| brand.end + at)
}

/// Where the section ends: at the limits, at the end of its braces, tag or indented block, or where the
/// next `[section]` begins.
fn end_of_section(context: &Context<'_>, brand: &Range<usize>, lines: usize) -> usize {
    let limit = brand.end.saturating_add(limits::SECTION).min(context.bytes.len());
    let text = context.slice(brand.end..limit);
    let indent = block_indent(context, brand, text);
    // A list that is not the section itself is a value in it.
    let is_list = opens_list(text);
    let mut braces = 0_i32;
    let mut brackets = 0_i32;
    let mut line = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'{' => braces += 1,
            b'}' => braces -= 1,
            b'[' => brackets += 1,
            b']' if brackets == 1 && is_list => return brand.end + at,
            b']' => brackets = (brackets - 1).max(0),
            b'<' if closes_tag(context, brand, text.get(at..).unwrap_or_default()) => return brand.end + at,
            b'\n' => {
                line += 1;
                let next = text.get(at + 1..).unwrap_or_default();
                if line > lines
                    || opens_section(next)
                    || ends_block(next)
                    || indent.is_some_and(|indent| leaves_block(next, indent))
                {
                    return brand.end + at;
                }
            }
            _ => {}
        }
        if braces < 0 || (*byte == b'}' && braces == 0) {
            return brand.end + at;
        }
    }
    limit
}

/// Whether nothing but a link stands between the brand and the bracket of a list.
fn opens_list(text: &[u8]) -> bool {
    let front = text.iter().take_while(|byte| b" \t\"'`:=>,(".contains(byte)).count();
    text.get(front) == Some(&b'[')
}

/// The indentation of the brand's line if a block of YAML begins there.
fn block_indent(context: &Context<'_>, brand: &Range<usize>, behind: &[u8]) -> Option<usize> {
    let rest = behind.split(|byte| *byte == b'\n').next()?;
    let rest = rest.trim_ascii().trim_ascii_start();
    if !matches!(rest, b":" | b"\":" | b"':") {
        return None;
    }
    let from = brand.start.saturating_sub(limits::NAME_AFFIX);
    let front = context.slice(from..brand.start);
    let line = front.rsplit(|byte| *byte == b'\n').next()?;
    Some(line.iter().take_while(|byte| **byte == b' ').count())
}

fn leaves_block(line: &[u8], indent: usize) -> bool {
    let own = line.iter().take_while(|byte| **byte == b' ').count();
    let first = line.get(own).copied().unwrap_or(b'\n');
    own <= indent && !matches!(first, b'\n' | b'\r' | b'#' | b'-')
}

fn opens_section(line: &[u8]) -> bool {
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    matches!(line, [b'[', first, .., b']'] if first.is_ascii_alphabetic())
}

/// Whether a line is the `end` of a block of Ruby's.
fn ends_block(line: &[u8]) -> bool {
    line.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii() == b"end"
}

fn closes_tag(context: &Context<'_>, brand: &Range<usize>, text: &[u8]) -> bool {
    text.strip_prefix(b"</").and_then(|rest| rest.get(..brand.len())) == Some(context.slice(brand.clone()))
}

#[cfg(test)]
mod tests {
    use super::{VariableName, keys_below};
    use crate::detect::context::Context;
    use crate::detect::{Place, Window};

    fn keys_of(text: &str) -> Vec<&str> {
        let bytes = text.as_bytes();
        let window =
            Window { bytes, owned: 0..bytes.len(), starts: true, ends: true, place: Place::File, path: b"" };
        let context = Context::around(&window, 0);
        let at = text.find("brand").expect("valid");
        let keys = ["key", "access_key"].map(|key| VariableName::parse(key).expect("valid"));
        keys_below(&context, &(at..at + 5), &keys, 3).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn names_below_a_brand_are_found() {
        assert_eq!(keys_of("brand:\n  url: x\n  access_key: v\n"), ["access_key"]);
        assert_eq!(keys_of("[brand]\nkey = v"), ["key"]);
        assert_eq!(keys_of("'brand' => ['key' => env('x')]"), ["key"]);
        assert_eq!(keys_of("{\"brand\": {\"accessKey\": \"v\"}}"), ["accessKey"]);
        assert_eq!(keys_of("config['brand']['key'] = 'v'"), ["key"]);
        assert_eq!(keys_of("<brand>\n<key>v</key></brand>"), ["key", "key"]);
        assert_eq!(keys_of("brand:\n  hosts: [\"a\", \"b\"]\n  key: v\n"), ["key"]);
        assert_eq!(keys_of("{\"brand\": {\"hosts\": [\"a\"], \"key\": \"v\"}}"), ["key"]);
        assert_eq!(keys_of("brandKey = v"), ["Key"]);
        assert_eq!(keys_of("brand_key_2 = v"), ["key_2"]);
        assert_eq!(keys_of("brand.configure { |c| c.key = 'v' }"), ["key"]);
        assert_eq!(keys_of("brand.configure do |config|\n  config.access_key = 'v'\nend"), ["access_key"]);
        assert_eq!(keys_of("use.brand(o => o.AccessKey = 'v')"), ["AccessKey"]);
        assert_eq!(keys_of("initializer 'brand' do\n  x.config.key = 'v'\nend"), ["key"]);
        assert_eq!(keys_of("brand.setAccessKey('v')"), ["AccessKey"]);
    }

    #[test]
    fn a_section_ends() {
        for text in [
            "brand:\n  on: 1\nother:\n  key: v\n",
            "[brand]\non=1\n[other]\nkey=v",
            "'brand' => ['on' => 1], 'other' => ['key' => 'v']",
            "{\"brand\": {\"on\": 1}, \"other\": {\"key\": \"v\"}}",
            "{\"provider\": \"brand\"}, {\"key\": 1}",
            "<brand/></brand><key>v</key>",
            "brand\n\n\n\nkey: v",
            "brand.configure do |c|\n  c.on = 1\nend\nc.key = v",
            "brand.configure\nother.key = v",
        ] {
            assert!(keys_of(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn longer_words_are_neither_brand_nor_key() {
        for text in
            ["brandy:\n  key: v", "xbrand:\n  key: v", "brand:\n  public_key: v", "brand:\n  keyring: v"]
        {
            assert!(keys_of(text).is_empty(), "{text}");
        }
    }
}
