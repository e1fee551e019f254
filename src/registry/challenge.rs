//! What a 401 asks for: `WWW-Authenticate` (RFC 9110, section 11.6.1), all of its lines.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// A way to log in that a registry offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A name and a password with each request.
    Basic,
    /// A token from a service.
    Bearer {
        /// Where the token is.
        realm: String,
        /// For whom it is.
        service: Option<String>,
        /// What it allows, words with spaces between; empty where the registry says nothing.
        scope: String,
    },
}

/// All ways that an answer offers, in its order. Schemes that nobody here speaks are left out.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(parse).filter_map(known).collect()
}

/// A scheme with its parameters.
struct Raw {
    scheme: String,
    parameters: Vec<(String, String)>,
}

fn known(raw: Raw) -> Option<Challenge> {
    let find = |name: &str| {
        let mut values = raw.parameters.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value.clone())
    };
    if raw.scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !raw.scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let realm = find("realm")?;
    Some(Challenge::Bearer { realm, service: find("service"), scope: find("scope").unwrap_or_default() })
}

/// Reads one line, which may hold several challenges: a word that no `=` follows is a scheme.
fn parse(line: &str) -> Vec<Raw> {
    let mut found: Vec<Raw> = Vec::new();
    let mut rest = line.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let value = behind.trim_start_matches([' ', '\t']).strip_prefix('=');
        match (value, found.last_mut()) {
            (Some(value), Some(raw)) => {
                let (value, after) = value_of(value.trim_start_matches([' ', '\t']));
                raw.parameters.push((word.to_owned(), value));
                rest = after;
            }
            // A parameter of no scheme is nothing.
            (Some(value), None) => rest = value_of(value.trim_start_matches([' ', '\t'])).1,
            (None, _) => {
                found.push(Raw { scheme: word.to_owned(), parameters: Vec::new() });
                rest = behind;
            }
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if word.is_empty() && value.is_none() {
            // Neither word nor value: nothing that could be read on.
            break;
        }
    }
    found
}

/// A quoted string or a token, and what is behind it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn read(lines: &[&str]) -> Vec<Challenge> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(line).expect("a value"));
        }
        challenges(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: &str) -> Challenge {
        let service = service.map(str::to_owned);
        Challenge::Bearer { realm: realm.to_owned(), service, scope: scope.to_owned() }
    }

    #[test]
    fn reads_what_registries_send() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull""#;
        let expected = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            "repository:library/alpine:pull",
        );
        assert_eq!(read(&[hub]), [expected]);
        assert_eq!(read(&[r#"Basic realm="Registry Realm""#]), [Challenge::Basic]);
        let spaced = r#"bearer  realm = "https://a/t" , scope="repository:a:pull,push repository:b:pull""#;
        assert_eq!(
            read(&[spaced]),
            [bearer("https://a/t", None, "repository:a:pull,push repository:b:pull")]
        );
    }

    #[test]
    fn reads_every_line_and_every_challenge_of_a_line() {
        let both = [Challenge::Basic, bearer("https://a/t", Some("a"), "")];
        assert_eq!(read(&[r#"Negotiate, Basic realm="x""#, r#"Bearer realm="https://a/t",service=a"#]), both);
        assert_eq!(read(&[r#"Basic realm="x", Bearer realm="https://a/t", service="a""#]), both);
    }

    #[test]
    fn survives_what_no_registry_should_send() {
        for line in
            ["", ",,,", "=", "\"", "Bearer", "Bearer realm=", "Bearer realm=\"", "a=b", "Bearer =\"x\""]
        {
            let read = read(&[line]);
            assert!(read.iter().all(|challenge| *challenge == bearer("", None, "")), "{line}: {read:?}");
        }
        let escaped = read(&[r#"Bearer realm="https://a/\"t", error="invalid_token""#]);
        assert_eq!(escaped, [bearer("https://a/\"t", None, "")]);
    }
    proptest::proptest! {
        #[test]
        fn survives_anything(line in "[ ,=\"\\\\a-zA-Z:/\\t]{0,200}") {
            read(&[&line]);
        }
    }
}
