//! Passwords in files that have a form: what stands around one tells whose it is, and its own look
//! whether it stands for one.

use super::encoding::base64_any;
use super::uri::{is_placeholder, is_sample_host};
use super::{Candidate, Facts, Verdict};
use crate::detect::Severity;

/// User names under which a password means nothing.
const ANONYMOUS: [&str; 2] = ["anonymous", "ftp"];

/// A password that is not the name of one.
pub(super) fn password(candidate: Candidate<'_>) -> Verdict {
    match std::str::from_utf8(candidate.key) {
        Ok(text) if is_placeholder(text) => Verdict::Failed,
        _ => Verdict::Plausible(Facts::default()),
    }
}

/// Base64 of `user:password`, as HTTP's basic scheme has it.
pub(super) fn basic(candidate: Candidate<'_>) -> Verdict {
    let Some(bytes) = base64_any(candidate.key) else { return Verdict::Failed };
    let Ok(text) = String::from_utf8(bytes) else { return Verdict::Failed };
    let text = text.trim_end_matches(['\n', '\0']);
    let Some((user, password)) = text.split_once(':') else { return Verdict::Failed };
    let is_text = !text.chars().any(char::is_control);
    if !is_text || user.is_empty() || password.len() < 3 || is_placeholder(password) {
        return Verdict::Failed;
    }
    Verdict::Plausible(Facts::default().with("user", user))
}

/// Base64 of a password alone, as npm writes `_password`.
pub(super) fn base64_password(candidate: Candidate<'_>) -> Verdict {
    let text = base64_any(candidate.key).and_then(|bytes| String::from_utf8(bytes).ok());
    match text {
        Some(text) if text.len() >= 3 && !text.chars().any(char::is_control) && !is_placeholder(&text) => {
            Verdict::Plausible(Facts::default())
        }
        _ => Verdict::Failed,
    }
}

/// `machine HOST login USER password PASSWORD` of a host on the internet: one with a dot.
pub(super) fn netrc(candidate: Candidate<'_>) -> Verdict {
    if is_of_words(candidate.key) {
        // Programs and their documentation are full of such entries.
        return Verdict::Failed;
    }
    netrc_entry(candidate, |host| host.contains('.') && !host.ends_with("domain.com"))
}

/// The same of any other host, or with a password of words, which only counts in a file of that kind.
pub(super) fn netrc_local(candidate: Candidate<'_>) -> Verdict {
    if is_of_words(candidate.key) {
        return netrc_entry(candidate, |_| true);
    }
    netrc_entry(candidate, |host| !host.contains('.'))
}

/// Whether a password is made of lowercase letters and hyphens alone.
fn is_of_words(key: &[u8]) -> bool {
    key.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'-')
}

fn netrc_entry(candidate: Candidate<'_>, is_wanted: fn(&str) -> bool) -> Verdict {
    let text = String::from_utf8_lossy(candidate.matched).replace("\\n", " ").replace("\\t", " ");
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let behind = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1).copied()
    };
    let host = behind("machine").unwrap_or("default");
    let user = behind("login").or_else(|| behind("user")).unwrap_or_default();
    if !is_wanted(host)
        || is_sample_host(host)
        || ANONYMOUS.contains(&user)
        || is_placeholder(candidate.text())
    {
        return Verdict::Failed;
    }
    let facts = Facts::default().with("host", host);
    Verdict::Plausible(if user.is_empty() { facts } else { facts.with("user", user) })
}

/// The last field of `host:port:database:user:password`.
pub(super) fn pgpass(candidate: Candidate<'_>) -> Verdict {
    let line = String::from_utf8_lossy(candidate.matched);
    let fields: Vec<&str> = line.splitn(5, ':').collect();
    let [host, port, _, user, _] = fields.as_slice() else { return Verdict::Failed };
    let is_port = *port == "*" || port.parse::<u16>().is_ok();
    if !is_port || is_placeholder(candidate.text()) {
        return Verdict::Failed;
    }
    Verdict::Plausible(Facts::default().with("host", *host).with("user", *user))
}

/// Those of the comments in the settings that come with Maven.
const MAVEN_SAMPLES: [&str; 2] = ["repopwd", "proxypass"];

/// A password of Maven's: in braces it is encrypted under a master password of another file.
pub(super) fn maven(candidate: Candidate<'_>) -> Verdict {
    let inside = candidate.key.strip_prefix(b"{").and_then(|key| key.strip_suffix(b"}"));
    match inside {
        Some(inside) if base64_any(inside).is_some_and(|bytes| bytes.len() >= 32) => {
            let facts = Facts { severity: Some(Severity::Low), ..Facts::default() };
            Verdict::Plausible(facts.with("encrypted", "yes"))
        }
        Some(_) => Verdict::Failed,
        None if MAVEN_SAMPLES.contains(&candidate.text()) => Verdict::Failed,
        None => password(candidate),
    }
}

/// A password as rclone obscures it: 16 bytes to begin with, then the text under a key that is published
/// with the program. Whoever has the file has the password.
pub(super) fn rclone(candidate: Candidate<'_>) -> Verdict {
    let decoded = base64_any(candidate.key).filter(|bytes| bytes.len() > 16);
    decoded.map_or(Verdict::Failed, |_| Verdict::Plausible(Facts::default().with("obscured", "yes")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{facts, handle, made};
    use super::super::{Candidate, Facts, Verdict, find};

    fn in_text(validator: &str, key: &str, matched: &str) -> Verdict {
        find(validator).expect("known")(Candidate { key: key.as_bytes(), matched: matched.as_bytes() })
    }

    fn shown(verdict: Verdict, names: [&str; 2]) -> [Option<String>; 2] {
        let facts: Facts = facts(verdict);
        names.map(|name| handle(&facts, name))
    }

    #[test]
    fn an_entry_of_netrc_says_whose_password_it_is() {
        let key = made("{{base62:16}}", 1);
        let own = [Some("git.team.io".to_owned()), Some("bot".to_owned())];
        for text in [
            format!("machine git.team.io login bot password {key}"),
            format!("machine git.team.io\n\tlogin bot\n\tpassword {key}"),
            format!("machine git.team.io\\nlogin bot\\npassword {key}"),
        ] {
            assert_eq!(shown(in_text("netrc", &key, &text), ["host", "user"]), own);
            assert_eq!(in_text("netrc-local", &key, &text), Verdict::Failed);
        }
        let local = format!("machine nexus login bot password {key}");
        assert_eq!(in_text("netrc", &key, &local), Verdict::Failed);
        assert!(matches!(in_text("netrc-local", &key, &local), Verdict::Plausible(_)));
        for text in [
            "machine foo.domain.com login foo password pa55word1",
            "machine ftp.team.io login anonymous password pa55word1",
            "machine www.example.com login foo password pa55word1",
            "machine git.team.io login foo password password",
        ] {
            let key = text.rsplit(' ').next().unwrap_or_default();
            assert_eq!(in_text("netrc", key, text), Verdict::Failed, "{text}");
        }
    }

    #[test]
    fn basic_credentials_are_a_user_and_a_password() {
        let check = |text: &str| in_text("basic-auth", text, text);
        assert_eq!(
            shown(check(&made("{{base64of:bot:{{base62:12}}}}", 1)), ["user", "none"]),
            [Some("bot".to_owned()), None]
        );
        for text in ["{{base64of:bot}}", "{{base64of:bot:}}", "{{base64of:user:password}}", "{{base64:24}}"] {
            assert_eq!(check(&made(text, 1)), Verdict::Failed, "{text}");
        }
    }

    #[test]
    fn a_line_of_pgpass_has_five_fields() {
        let key = made("{{base62:16}}", 1);
        let check = |front: &str| in_text("pgpass", &key, &format!("{front}{key}"));
        assert_eq!(
            shown(check("db.team.io:5432:*:app:"), ["host", "user"]),
            [Some("db.team.io".to_owned()), Some("app".to_owned())]
        );
        assert!(matches!(check("*:*:*:*:"), Verdict::Plausible(_)));
        assert_eq!(check("db.team.io:port:*:app:"), Verdict::Failed);
        assert_eq!(check("db.team.io:5432:"), Verdict::Failed);
    }
}
