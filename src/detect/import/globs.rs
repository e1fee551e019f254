//! Regular expressions on paths as globs, where globs can say the same.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::anchors::{bytes_of, parse};
use super::dialect::translate;
use crate::detect::paths::compiled;
use crate::limits;

/// A piece of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Start,
    End,
    Byte(u8),
    /// One of these; none of them is a slash.
    Set(Vec<u8>),
    /// One byte that is no slash.
    One,
    /// Any number of bytes that are no slash.
    Name,
    /// Any number of bytes.
    Any,
}

/// The globs that match the paths in which `pattern`, an expression of Go, is found; nothing where no list
/// of globs does. Paths are taken from the root.
pub(super) fn globs(pattern: &str) -> Option<Vec<String>> {
    let hir = parse(translate(pattern).ok()?.plain()).ok()?;
    let mut globs: Vec<String> = Vec::new();
    for path in expand(&hir)? {
        for glob in written(&path)? {
            if !globs.contains(&glob) {
                globs.push(glob);
            }
        }
        if globs.len() > limits::IMPORT_CHOICES {
            return None;
        }
    }
    // What `**/x` matches, `/x` need not say again.
    let all = globs.clone();
    globs.retain(|glob| {
        !glob
            .strip_prefix('/')
            .is_some_and(|rest| all.iter().any(|other| other.strip_prefix("**/") == Some(rest)))
    });
    globs.iter().all(|glob| compiled(glob).is_ok()).then_some(globs)
}

/// All ways through an expression, if they are few.
fn expand(hir: &Hir) -> Option<Vec<Vec<Piece>>> {
    let all = match hir.kind() {
        HirKind::Empty => vec![Vec::new()],
        HirKind::Look(Look::Start) => vec![vec![Piece::Start]],
        HirKind::Look(Look::End) => vec![vec![Piece::End]],
        HirKind::Look(_) => return None,
        HirKind::Literal(literal) => vec![literal.0.iter().map(|byte| Piece::Byte(*byte)).collect()],
        HirKind::Class(class) => vec![vec![one_of(class)?]],
        HirKind::Capture(capture) => expand(&capture.sub)?,
        HirKind::Concat(parts) => {
            let mut all = vec![Vec::new()];
            for part in parts {
                all = product(&all, &expand(part)?)?;
            }
            all
        }
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(expand(branch)?);
                if all.len() > limits::IMPORT_CHOICES {
                    return None;
                }
            }
            all
        }
        HirKind::Repetition(repetition) => {
            if let (HirKind::Class(class), None) = (repetition.sub.kind(), repetition.max) {
                let (one, many) = repeated(class)?;
                let mut path = vec![one; repetition.min as usize];
                // Any bytes, but one at least: a name of one byte and the rest.
                if many == Piece::Any && repetition.min > 0 {
                    path = vec![Piece::One];
                }
                path.push(many);
                return (repetition.min <= 4).then(|| vec![path]);
            }
            let most = repetition.max.filter(|most| *most <= 4)?;
            let sub = expand(&repetition.sub)?;
            let mut power = vec![Vec::new()];
            let mut all = if repetition.min == 0 { power.clone() } else { Vec::new() };
            for count in 1..=most {
                power = product(&power, &sub)?;
                if count >= repetition.min {
                    all.extend(power.iter().cloned());
                }
            }
            all
        }
    };
    (all.len() <= limits::IMPORT_CHOICES).then_some(all)
}

fn product(fronts: &[Vec<Piece>], backs: &[Vec<Piece>]) -> Option<Vec<Vec<Piece>>> {
    if fronts.len().saturating_mul(backs.len()) > limits::IMPORT_CHOICES {
        return None;
    }
    let all = fronts.iter().flat_map(|front| backs.iter().map(move |back| [front.as_slice(), back].concat()));
    Some(all.collect())
}

/// A class as one piece.
fn one_of(class: &Class) -> Option<Piece> {
    let bytes = bytes_of(class)?;
    match bytes.as_slice() {
        [byte] => Some(Piece::Byte(*byte)),
        _ if is_all_but_slash(&bytes) => Some(Piece::One),
        _ if bytes.len() <= 80 && !bytes.contains(&b'/') && bytes.iter().all(u8::is_ascii_graphic) => {
            Some(Piece::Set(bytes))
        }
        _ => None,
    }
}

/// One and any number of a class.
fn repeated(class: &Class) -> Option<(Piece, Piece)> {
    let bytes = bytes_of(class)?;
    // A line feed, which `.` leaves out, is in no path that matters.
    match bytes.len() {
        255.. if bytes.contains(&b'/') => Some((Piece::One, Piece::Any)),
        _ if is_all_but_slash(&bytes) => Some((Piece::One, Piece::Name)),
        _ => None,
    }
}

fn is_all_but_slash(bytes: &[u8]) -> bool {
    bytes.len() >= 254 && !bytes.contains(&b'/')
}

/// The globs of one way.
fn written(path: &[Piece]) -> Option<Vec<String>> {
    let (starts, path) = match path {
        [Piece::Start, rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (ends, path) = match path {
        [rest @ .., Piece::End] => (true, rest),
        rest => (false, rest),
    };
    let path = match path {
        [Piece::Any, rest @ ..] if !starts => rest,
        rest => rest,
    };
    let mut fronts = match path {
        [Piece::Byte(b'/'), ..] => vec![if starts { String::new() } else { "**".to_owned() }],
        _ if starts => vec!["/".to_owned()],
        _ => vec!["**/*".to_owned()],
    };
    let tail: Vec<Piece> = if ends { path.to_vec() } else { [path, &[Piece::Any]].concat() };
    for (at, piece) in tail.iter().enumerate() {
        let last = at + 1 == tail.len();
        fronts = match piece {
            Piece::Any if last && fronts.iter().all(|front| front.ends_with('/')) => {
                fronts.into_iter().map(|front| front + "**").collect()
            }
            Piece::Any if last => {
                let deeper = fronts.iter().map(|front| format!("{front}*/**"));
                let deeper: Vec<String> = deeper.collect();
                fronts.into_iter().map(|front| front + "*").chain(deeper).collect()
            }
            Piece::Any => {
                let deeper = fronts.iter().map(|front| format!("{front}*/**/*"));
                let deeper: Vec<String> = deeper.collect();
                fronts.into_iter().map(|front| front + "*").chain(deeper).collect()
            }
            piece => {
                let piece = text_of(piece)?;
                fronts.into_iter().map(|front| front + &piece).collect()
            }
        };
        if fronts.len() > 4 {
            return None;
        }
    }
    Some(fronts.into_iter().map(|glob| shorter(&glob)).collect())
}

/// The same in fewer stars.
fn shorter(glob: &str) -> String {
    let mut glob = glob.replace("**/**/", "**/");
    while glob.contains("***") {
        glob = glob.replace("***", "**");
    }
    if let Some(name) = glob.strip_prefix("**/").filter(|name| !name.contains('/')) {
        glob = name.to_owned();
    }
    glob
}

fn text_of(piece: &Piece) -> Option<String> {
    let plain = |byte: u8| match byte {
        b'*' | b'?' | b'[' | b']' | b'{' | b'}' | b'!' | b'\\' => {
            Some(format!("[{}]", char::from(byte))).filter(|_| !matches!(byte, b'\\' | b'!' | b']'))
        }
        byte if byte.is_ascii_graphic() || byte == b' ' => Some(char::from(byte).to_string()),
        _ => None,
    };
    match piece {
        Piece::Byte(byte) => plain(*byte),
        Piece::Set(bytes) => {
            let special = |byte: &u8| b"]!^-\\[".contains(byte);
            // A dash stands for itself at the end only.
            let mut inside: String =
                bytes.iter().filter(|byte| **byte != b'-').map(|byte| char::from(*byte)).collect();
            if bytes.iter().any(|byte| special(byte) && *byte != b'-') {
                return None;
            }
            if bytes.contains(&b'-') {
                inside.push('-');
            }
            Some(format!("[{inside}]"))
        }
        Piece::One => Some("?".to_owned()),
        Piece::Name => Some("*".to_owned()),
        Piece::Any | Piece::Start | Piece::End => None,
    }
}

#[cfg(test)]
mod tests {
    use super::globs;
    use crate::detect::definition::Paths;
    use crate::detect::paths::PathRules;

    const PATHS: [&str; 22] = [
        "a.php",
        "src/a.PHP",
        "src/a.php/b",
        "src/a.php5",
        "go.mod",
        "x/go.sum",
        "x/go.sum.txt",
        "vendor/modules.txt",
        "app/vendor/modules.txt",
        "app/xvendor/modules.txt",
        "node_modules",
        "app/node_modules/a/b.js",
        "app/node_modules_old/b.js",
        "a/key.p12",
        "a/.p12",
        "a/my gitleaks.toml",
        "a/gitleaks.toml.d/x",
        "test/x/data.json",
        "testdata.json",
        "test/data.json",
        "deep/test/x/y/data.json",
        "etc/a+b(1).conf",
    ];

    /// The same of every path, the expression asked of it from the root.
    #[test]
    fn globs_say_what_the_expression_says() {
        for pattern in [
            r"(?i)\.php$",
            r"go\.(?:mod|sum|work(?:\.sum)?)$",
            r"(?:^|/)vendor/modules\.txt$",
            r"(?:^|/)node_modules(?:/.*)?$",
            r"(?i)(?:^|\/)[^\/]+\.p(?:12|fx)$",
            r"gitleaks\.toml",
            r"^test/",
            r"^test.*\.json$",
            r"(^|/)test/.+/data\.json$",
            r"\+b\(1\)",
            r"data",
        ] {
            let only = globs(pattern).expect(pattern);
            let rules = PathRules::new(&Paths { only: only.clone(), never: Vec::new() }).expect("valid");
            let regex = regex::Regex::new(pattern).expect("valid");
            for path in PATHS {
                assert_eq!(
                    rules.admit(path.as_bytes()),
                    regex.is_match(path),
                    "{pattern} as {only:?} on {path}"
                );
            }
        }
        assert_eq!(globs(r"(?i)\.ya?ml$").expect("few"), ["*.[Yy][Mm][Ll]", "*.[Yy][Aa][Mm][Ll]"]);
    }

    #[test]
    fn what_globs_cannot_say_is_left() {
        for pattern in [r"/[a-z]+/x$", r"\bkey\b", r"a{1000}b", r"(?:a|b|c){40}", r"["] {
            assert!(globs(pattern).is_none(), "{pattern}");
        }
    }
}
