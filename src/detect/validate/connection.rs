//! Connection strings of ODBC and ADO.NET: names and values between semicolons.

use super::uri::{is_placeholder, is_sample_host};
use super::{Candidate, Facts, Verdict};

/// Names of the server, of the user, and of what makes a password idle.
const SERVER: &[&str] = &["server", "data source", "host", "addr", "address", "network address", "hostname"];
const USER: &[&str] = &["user id", "uid", "user", "username", "user name"];
const TRUSTED: &[&str] = &["integrated security", "trusted_connection"];

/// A password beside a server that is no sample. With the login of Windows a password means nothing.
pub(super) fn odbc(candidate: Candidate<'_>) -> Verdict {
    let text = std::str::from_utf8(candidate.matched).unwrap_or_default();
    let fields: Vec<(String, &str)> = text
        .split(';')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .collect();
    let get = |names: &[&str]| {
        fields
            .iter()
            .find(|(name, _)| names.contains(&name.as_str()))
            .map(|(_, value)| *value)
            .unwrap_or_default()
    };
    let trusted = matches!(get(TRUSTED).to_ascii_lowercase().as_str(), "true" | "yes" | "sspi");
    // `tcp:name,1433` and `name\INSTANCE`
    let server = get(SERVER);
    let host = server.strip_prefix("tcp:").unwrap_or(server);
    let host = host.split([',', ':', '\\', '/']).next().unwrap_or_default().trim();
    let local = matches!(host, "" | "." | "(local)" | "(localdb)");
    if trusted || local || is_sample_host(host) || is_placeholder(candidate.text()) {
        return Verdict::Failed;
    }
    let facts = Facts::default().with("host", host);
    Verdict::Plausible(match get(USER) {
        "" => facts,
        user => facts.with("user", user),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{facts, handle, made};
    use super::super::{Candidate, Verdict, find};

    fn verdict(text: &str) -> Verdict {
        let key = made("{{base62:12}}", 1);
        let matched = text.replace("KEY", &key);
        find("odbc-connection").expect("known")(Candidate {
            key: key.as_bytes(),
            matched: matched.as_bytes(),
        })
    }

    #[test]
    fn server_and_user_may_be_shown() {
        let facts = facts(verdict("Server=tcp:sql-1.team.io,1433;Database=shop;User ID=app;Password=KEY"));
        assert_eq!(handle(&facts, "host").as_deref(), Some("sql-1.team.io"));
        assert_eq!(handle(&facts, "user").as_deref(), Some("app"));
        assert!(matches!(verdict("Data Source=SQL1\\\\PROD;Uid=app;Pwd=KEY"), Verdict::Plausible(_)));
    }

    #[test]
    fn samples_and_logins_of_windows_fail() {
        for text in [
            "Server=localhost;User ID=app;Password=KEY",
            "Server=.\\\\SQLEXPRESS;User ID=app;Password=KEY",
            "Server=(localdb)\\\\v11;User ID=app;Password=KEY",
            "Server=sql.team.io;Integrated Security=SSPI;Password=KEY",
            "Server=sql.team.io;Trusted_Connection=Yes;Password=KEY",
            "User ID=app;Password=KEY",
        ] {
            assert_eq!(verdict(text), Verdict::Failed, "{text}");
        }
        let placeholder =
            Candidate { key: b"your_password", matched: b"Server=sql.team.io;Password=your_password" };
        assert_eq!(find("odbc-connection").expect("known")(placeholder), Verdict::Failed);
    }
}
