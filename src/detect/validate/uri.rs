//! Connection strings: `scheme://user:password@host`.

use super::{Candidate, Facts, Verdict};

/// Passwords that stand for one.
const PLACEHOLDERS: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "pwd",
    "pw",
    "secret",
    "changeme",
    "change_me",
    "example",
    "xxx",
    "xxxx",
    "xxxxx",
    "xxxxxx",
    "xxxxxxxx",
    "user",
    "username",
    "admin",
    "root",
    "test",
    "foo",
    "bar",
    "mypassword",
    "my_password",
    "yourpassword",
    "your_password",
    "your-password",
    "db_password",
    "dbpassword",
    "mongo",
    "mongodb",
    "mongopassword",
    "postgres",
    "mysql",
    "redis",
    "guest",
    "p4ssw0rd",
    "pass123",
    "password123",
    "redacted",
];

/// Hosts that nobody else reaches, and those of documentation (RFC 2606).
const LOCAL_HOSTS: &[&str] =
    &["localhost", "127.0.0.1", "0.0.0.0", "::1", "host", "hostname", "server", "myhost", "example"];
const SAMPLE_SUFFIXES: &[&str] =
    &[".example", ".example.com", ".example.org", ".example.net", ".test", ".invalid", ".localhost"];

/// A URI with a password that is no placeholder and a host that is no sample. Shows user and host.
pub(super) fn credentials(candidate: Candidate<'_>) -> Verdict {
    // The match still has its percent signs; the key may have lost them, and `/` be a `/` again.
    let matched = std::str::from_utf8(candidate.matched).unwrap_or_default();
    let Some((user, password, host)) = split(matched).or_else(|| split(candidate.text())) else {
        return Verdict::Failed;
    };
    let decoded = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
    if is_placeholder(&decoded) || is_sample_host(host) {
        return Verdict::Failed;
    }
    Verdict::Plausible(Facts::default().with("user", user).with("host", host))
}

/// Names that stand for the user, or for whoever holds the token behind them: another detector's business.
const NOBODY: &[&str] =
    &["user", "username", "usr", "name", "login", "foo", "bar", "anonymous", "ftp", "me", "someone"];

/// A URI of any scheme, of which nothing else says that its password is one: it must look like it.
pub(super) fn any_credentials(candidate: Candidate<'_>) -> Verdict {
    let text = candidate.text();
    let Some((user, password, host)) = split(text) else { return Verdict::Failed };
    let password = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
    let lower = password.to_ascii_lowercase();
    let has = |of: fn(&u8) -> bool| password.bytes().any(|byte| of(&byte));
    let worded =
        ["pass", "word", "secret", "token", "example", "test", "1234", "changeit", "qwerty", "hunter2"];
    let looks_random = password.len() >= 8
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && !worded.iter().any(|word| lower.contains(word));
    let nobody = NOBODY.iter().any(|name| user.eq_ignore_ascii_case(name));
    if !looks_random || nobody || is_made_up(host) {
        return Verdict::Failed;
    }
    credentials(candidate)
}

/// A host of a sample: `example` or `test` among its names, or a single letter.
fn is_made_up(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    let mut labels = lower.split('.');
    let known = [
        "example", "test", "foo", "bar", "baz", "host", "hostname", "domain", "mydomain", "server", "site",
        "website",
    ];
    labels.any(|label| known.contains(&label)) || lower.len() < 3
}

/// A token alone in front of a host, at which git needs no name: as long and as mixed as tokens are.
const LEAST_TOKEN: usize = 20;

/// The address of a git remote with a password, or with a token in the place of the user.
pub(super) fn git_remote(candidate: Candidate<'_>) -> Verdict {
    let text = candidate.text();
    let authority = text.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    let alone =
        authority.and_then(|authority| authority.rsplit_once('@')).filter(|(user, _)| !user.contains(':'));
    let Some((token, host)) = alone else { return credentials(candidate) };
    let has = |of: fn(&u8) -> bool| token.bytes().any(|byte| of(&byte));
    let is_token = token.len() >= LEAST_TOKEN && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    if !is_token || is_placeholder(token) || is_sample_host(host) {
        return Verdict::Failed;
    }
    Verdict::Plausible(Facts::default().with("host", host))
}

/// User, password and first host.
fn split(uri: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (userinfo, hosts) = authority.rsplit_once('@')?;
    let (user, password) = userinfo.split_once(':')?;
    let host = hosts.split(',').next()?;
    let host = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(host, _)| host);
    (!password.is_empty() && !host.is_empty()).then_some((user, password, host.trim_matches(['[', ']'])))
}

pub(super) fn is_placeholder(password: &str) -> bool {
    let lower = password.to_ascii_lowercase();
    let marks = ["${", "{{", "}}", "<", ">", "%s", "$(", "****", "...", "%(", "{", "["];
    PLACEHOLDERS.contains(&lower.as_str())
        || PLACEHOLDERS.contains(&behind_any(&lower, &["some", "your", "my", "the"]))
        || lower.starts_with('$')
        || marks.iter().any(|mark| lower.contains(mark))
        || lower.bytes().all(|byte| matches!(byte, b'x' | b'*' | b'.' | b'-' | b'_'))
}

/// A word of documentation without what makes it anybody's: `somepassword`, `your-host`.
fn behind_any<'t>(word: &'t str, fronts: &[&str]) -> &'t str {
    let rest = fronts.iter().find_map(|front| word.strip_prefix(front));
    rest.unwrap_or(word).trim_start_matches(['-', '_'])
}

pub(super) fn is_sample_host(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    LOCAL_HOSTS.contains(&behind_any(&lower, &["some", "your"]))
        || SAMPLE_SUFFIXES
            .iter()
            .any(|suffix| lower.ends_with(suffix) || suffix.strip_prefix('.') == Some(lower.as_str()))
        || lower.contains(['<', '$', '{', '%'])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, facts, handle, made};
    use super::*;

    #[test]
    fn user_and_host_may_be_shown() {
        let uri = made("mongodb+srv://app:{{base62:16}}@cluster0.ab1cd.mongodb.net", 1);
        let facts = facts(check("uri-credentials", &uri));
        assert_eq!(handle(&facts, "user").as_deref(), Some("app"));
        assert_eq!(handle(&facts, "host").as_deref(), Some("cluster0.ab1cd.mongodb.net"));
        assert!(matches!(
            check("uri-credentials", &made("db://u:{{base62:9}}@a.b:1,c.d:2/x?y=z", 1)),
            Verdict::Plausible(_)
        ));
    }

    #[test]
    fn samples_and_placeholders_fail() {
        for uri in [
            "mongodb://user:password@db.internal",
            "mongodb://user:<password>@db.internal",
            "mongodb://user:${DB_PASS}@db.internal",
            "mongodb://user:$PASS@db.internal",
            "mongodb://user:xxxxxxxx@db.internal",
            "postgres://someuser:somepassword@somehost:381/somedatabase",
            "postgres://app:some_secret@db.internal",
            "postgres://app:s3cr3t9x@your-host:5432",
            "mongodb://user:s3cr3t9x@localhost:27017",
            "mongodb://user:s3cr3t9x@mongo.example.com",
            "mongodb://user@db.internal",
            "mongodb://db.internal",
            "",
        ] {
            assert_eq!(check("uri-credentials", uri), Verdict::Failed, "{uri}");
        }
    }

    #[test]
    fn a_password_anywhere_must_look_like_one() {
        let right = made("http://proxyuser:{{base62:12}}7a@proxy:3128", 1);
        assert!(matches!(check("uri-any-credentials", &right), Verdict::Plausible(_)));
        for uri in [
            "http://bob:correcthorse@proxy.team.io",
            "http://bob:pa55word1@proxy.team.io",
            "http://user:k7Hq2mXw9@proxy.team.io",
            "http://bob:k7Hq2mXw9@foo.com",
            "http://bob:k7Hq2mXw9@api.test",
            "http://bob:k7Hq2mXw9@h",
            "http://bob:k7Hq2@proxy.team.io",
        ] {
            assert_eq!(check("uri-any-credentials", uri), Verdict::Failed, "{uri}");
        }
    }
}
