//! Offline checks by name: checksums and structures that tell a real key from text of its shape.
//! A validator is a function in a file beside this one, and a line in [`VALIDATORS`].
//!
//! A checksum whose formula the vendor states, or that independent samples confirm, fails a key.
//! Where neither is so, a wrong one leaves the key [`Verdict::Plausible`]: no real key may be lost to
//! a formula that somebody guessed.

mod aws;
mod bech32;
mod bignum;
mod connection;
mod crc;
mod crypt;
mod der;
mod encoding;
mod gcp;
mod json;
mod jwt;
mod key_material;
mod keystore;
mod macaroon;
mod marvin;
mod mnemonic;
mod openssh;
mod parts;
mod passwords;
mod pem;
mod pgp;
mod putty;
mod sealed_files;
mod signed_query;
mod uri;
mod vault;

use super::Severity;

/// A key as a pattern cut it out, with what stands around it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The key's bytes.
    pub key: &'a [u8],
    /// The whole match of the pattern, the key in it.
    pub matched: &'a [u8],
}

impl<'a> Candidate<'a> {
    /// The key as text; empty where it is not UTF-8, which no key of these checks is.
    fn text(&self) -> &'a str {
        std::str::from_utf8(self.key).unwrap_or_default()
    }
}

/// What a check learned about a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The canonical secret, where it is not the key as it stands (PEM as DER, say).
    pub canonical: Option<Vec<u8>>,
    /// What may stand in clear: name and value.
    pub handles: Vec<(String, String)>,
    /// A severity that the key itself tells (a private key under a passphrase, an expired token).
    pub severity: Option<Severity>,
}

impl Facts {
    /// Adds a handle.
    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.handles.push((name.to_owned(), value.into()));
        self
    }
}

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A checksum or a full parse proves that it was minted as such a key.
    Proven(Facts),
    /// The structure fits; nothing in it could have failed for a well-made forgery.
    Plausible(Facts),
    /// It is no such key.
    Failed,
}

impl Verdict {
    /// Proven by a check that decides.
    fn hard(right: bool) -> Self {
        if right { Self::Proven(Facts::default()) } else { Self::Failed }
    }

    /// Proven when right; a wrong check proves nothing.
    fn soft(right: bool) -> Self {
        if right { Self::Proven(Facts::default()) } else { Self::Plausible(Facts::default()) }
    }
}

/// A check.
pub type Validator = fn(Candidate<'_>) -> Verdict;

/// Every check, by the name that definitions use, sorted.
pub const VALIDATORS: &[(&str, Validator)] = &[
    ("age-identity", bech32::age_identity),
    ("ansible-vault", sealed_files::ansible_vault),
    ("artifactory-reference", parts::artifactory_reference),
    ("atlassian-dc", parts::atlassian_data_center),
    ("aws-access-key-id", aws::access_key_id),
    ("aws-bedrock", aws::bedrock_key),
    ("azure-annotated", marvin::annotated),
    ("azure-app-config", marvin::app_configuration),
    ("azure-his32", marvin::his32),
    ("azure-his39", marvin::his39),
    ("azure-his40", marvin::his40),
    ("azure-his64", marvin::his64),
    ("azure-legacy64", marvin::legacy64),
    ("azure-sas", signed_query::azure_sas),
    ("base64-key", key_material::base64_key),
    ("base64-password", passwords::base64_password),
    ("base64-private-key", key_material::base64_pem),
    ("basic-auth", passwords::basic),
    ("bip39-mnemonic", mnemonic::bip39),
    ("cloudflare-crc32", crc::cloudflare),
    ("confluent-crc32", crc::confluent),
    ("crypt-hash", crypt::crypt),
    ("discord-bot", parts::discord_bot),
    ("django-secret-key", key_material::django),
    ("elastic-cloud", crc::elastic_cloud),
    ("elasticsearch-key", parts::elasticsearch),
    ("entra-secret", marvin::entra_secret),
    ("fly-macaroon", macaroon::fly),
    ("gcp-service-account", gcp::service_account),
    ("git-remote", uri::git_remote),
    ("github-crc32", crc::github),
    ("github-crc32-soft", crc::github_soft),
    ("github-fine-grained", crc::github_fine_grained),
    ("github-stateless", jwt::github_stateless),
    ("gitlab-job-jwt", jwt::gitlab_job),
    ("gitlab-routable", crc::gitlab_routable),
    ("grafana-cloud", json::grafana_cloud),
    ("grafana-crc32", crc::grafana),
    ("grafana-legacy", json::grafana_legacy),
    ("htpasswd-hash", crypt::htpasswd),
    ("intercom", parts::intercom),
    ("java-key-entry", keystore::java_entry),
    ("jwt", jwt::jwt),
    ("kerberos-keytab", sealed_files::keytab),
    ("kubernetes-token", jwt::kubernetes),
    ("laravel-key", key_material::laravel),
    ("mapbox", json::mapbox),
    ("maven-password", passwords::maven),
    ("netrc", passwords::netrc),
    ("netrc-local", passwords::netrc_local),
    ("npm-crc32", crc::npm),
    ("odbc-connection", connection::odbc),
    ("onepassword-account", json::onepassword),
    ("password", passwords::password),
    ("pgp-private-key", pgp::private_key),
    ("pgpass", passwords::pgpass),
    ("pkcs12-bag", keystore::pkcs12_bag),
    ("polar-crc32", crc::polar),
    ("private-key", pem::private_key),
    ("pubnub-secret", parts::pubnub),
    ("putty-private-key", putty::private_key),
    ("pypi-macaroon", macaroon::pypi),
    ("rclone-obscured", passwords::rclone),
    ("salesforce-session", parts::salesforce_session),
    ("sendgrid", parts::sendgrid),
    ("sentry-org", json::sentry_org),
    ("snyk-pat", json::snyk),
    ("supabase-service-role", jwt::supabase_service_role),
    ("symfony-default", key_material::symfony_default),
    ("telegram-bot", parts::telegram_bot),
    ("uri-any-credentials", uri::any_credentials),
    ("uri-credentials", uri::credentials),
    ("vault-token", vault::token),
    ("vercel-crc32", crc::vercel),
    ("wireguard-key", key_material::wireguard),
    ("zuplo-crc32", crc::zuplo),
];

/// Who is told when a key is used, by the id that belongs to it.
pub fn canary(id: &str) -> Option<String> {
    aws::canary_of(id).map(str::to_owned)
}

/// The check called `name`.
pub fn find(name: &str) -> Option<Validator> {
    VALIDATORS.iter().find(|(known, _)| *known == name).map(|(_, validator)| *validator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::template::{Seed, expand};

    /// The verdict of `validator` on `key`.
    pub(super) fn check(validator: &str, key: &str) -> Verdict {
        let candidate = Candidate { key: key.as_bytes(), matched: key.as_bytes() };
        find(validator).expect("a known check")(candidate)
    }

    /// A key made from a template.
    pub(super) fn made(template: &str, seed: u64) -> String {
        expand(template, "", &mut Seed(seed)).expect("a template")
    }

    /// The facts of a verdict that is not `Failed`.
    pub(super) fn facts(verdict: Verdict) -> Facts {
        match verdict {
            Verdict::Proven(facts) | Verdict::Plausible(facts) => facts,
            Verdict::Failed => Facts::default().with("failed", "yes"),
        }
    }

    /// The handle called `name`.
    pub(super) fn handle(facts: &Facts, name: &str) -> Option<String> {
        facts.handles.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn the_table_is_sorted_and_has_no_doubles() {
        assert!(VALIDATORS.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0)));
    }

    /// Templates whose keys the check must prove.
    const PROVEN: &[(&str, &str)] = &[
        ("age-identity", "{{age}}"),
        ("artifactory-reference", "{{artifactory-reference}}"),
        ("aws-access-key-id", "{{aws-id:AKIA}}"),
        ("aws-bedrock", "{{aws-bedrock}}"),
        ("azure-annotated", "{{azure-annotated:ACOG}}"),
        ("azure-his32", "{{azure-his32:AzCa}}"),
        ("azure-his32", "{{azure-his32:AIoT}}"),
        ("azure-his32", "{{azure-his32:+ASb}}"),
        ("azure-app-config", "{{azure-annotated:AZAC}}"),
        ("azure-his39", "{{azure-his39:+ACR}}"),
        ("azure-his39", "{{azure-his39:AzSe}}"),
        ("azure-his40", "{{azure-his40:AzFu}}"),
        ("azure-his64", "{{azure-his64:+ASt}}"),
        ("azure-his64", "{{azure-his64:ACDb}}"),
        ("cloudflare-crc32", "{{cloudflare:cfut_}}"),
        ("confluent-crc32", "{{confluent}}"),
        ("discord-bot", "{{discord}}"),
        ("elasticsearch-key", "{{base64of:{{base64url:20}}:{{base64url:22}}}}"),
        ("entra-secret", "{{entra}}"),
        ("gcp-service-account", "{{gcp-service-account}}"),
        ("github-crc32", "{{github:ghp_}}"),
        ("github-crc32-soft", "{{github-refresh}}"),
        ("github-fine-grained", "{{github-pat}}"),
        ("gitlab-routable", "{{gitlab-routable:glpat-}}"),
        ("gitlab-routable", "{{gitlab-routable-v1:glrt-t1_}}"),
        ("grafana-cloud", "{{grafana-cloud}}"),
        ("grafana-crc32", "{{grafana}}"),
        ("grafana-legacy", "{{grafana-legacy}}"),
        ("intercom", "{{intercom}}"),
        ("mapbox", "{{mapbox:sk}}"),
        ("npm-crc32", "{{npm:npm_}}"),
        ("pgp-private-key", "{{pgp:private}}"),
        ("private-key", "{{pem:rsa}}"),
        ("private-key", "{{pem:pkcs8}}"),
        ("private-key", "{{pem:ec}}"),
        ("private-key", "{{pem:ed25519}}"),
        ("private-key", "{{pem:encrypted}}"),
        ("private-key", "{{openssh:ed25519}}"),
        ("private-key", "{{openssh:passphrase}}"),
        ("polar-crc32", "{{polar:polar_oat_}}"),
        ("pubnub-secret", "sec-c-{{base64of:{{uuid}}}}"),
        ("putty-private-key", "{{putty}}"),
        ("pypi-macaroon", "{{pypi}}"),
        ("sendgrid", "{{sendgrid}}"),
        ("sentry-org", "{{sentry-org}}"),
        ("vercel-crc32", "{{vercel:vcp_}}"),
        ("zuplo-crc32", "{{zuplo}}"),
    ];

    #[test]
    fn keys_made_from_templates_are_proven() {
        for (validator, template) in PROVEN {
            for seed in 0..8 {
                let verdict = check(validator, &made(template, seed));
                assert!(matches!(verdict, Verdict::Proven(_)), "{validator} on {template}, seed {seed}");
            }
        }
    }

    /// Checks that must fail, or at least not prove, a key with one character of its middle changed.
    /// The others have no checksum: a changed key of theirs is another right key.
    const SELF_CHECKING: &[(&str, &str)] = &[
        ("age-identity", "{{age}}"),
        ("azure-annotated", "{{azure-annotated:ACOG}}"),
        ("azure-his32", "{{azure-his32:AzCa}}"),
        ("azure-his39", "{{azure-his39:+ACR}}"),
        ("azure-his40", "{{azure-his40:AzFu}}"),
        ("azure-his64", "{{azure-his64:+ASt}}"),
        ("cloudflare-crc32", "{{cloudflare:cfut_}}"),
        ("confluent-crc32", "{{confluent}}"),
        ("entra-secret", "{{entra}}"),
        ("github-crc32", "{{github:ghp_}}"),
        ("github-fine-grained", "{{github-pat}}"),
        ("gitlab-routable", "{{gitlab-routable:glpat-}}"),
        ("grafana-crc32", "{{grafana}}"),
        ("npm-crc32", "{{npm:npm_}}"),
        ("pgp-private-key", "{{pgp:private}}"),
        ("polar-crc32", "{{polar:polar_oat_}}"),
        ("vercel-crc32", "{{vercel:vcp_}}"),
        ("zuplo-crc32", "{{zuplo}}"),
    ];

    #[test]
    fn a_changed_character_is_noticed() {
        for (validator, template) in SELF_CHECKING {
            for seed in 0..8 {
                let key = made(template, seed).into_bytes();
                let changed = replaced(&key, key.len() * 2 / 5);
                let key = String::from_utf8(changed).expect("text");
                let verdict = check(validator, &key);
                assert!(!matches!(verdict, Verdict::Proven(_)), "{validator} on {template}, seed {seed}");
            }
        }
    }

    /// `key` with another character of the same class at `at`.
    fn replaced(key: &[u8], at: usize) -> Vec<u8> {
        let mut changed = key.to_vec();
        changed[at] = match key[at] {
            b'2' => b'3',
            byte if byte.is_ascii_digit() => b'2',
            b'A' => b'C',
            byte if byte.is_ascii_uppercase() => b'A',
            b'a' => b'c',
            _ => b'a',
        };
        changed
    }

    #[test]
    fn no_check_panics_on_any_bytes() {
        let mut seed = Seed(99);
        for (name, validator) in VALIDATORS {
            for length in 0..200usize {
                let noise: Vec<u8> = (0..length).map(|_| seed.bytes::<1>()[0]).collect();
                let text = seed.pick(b"ABCDEFGHIJabcdefghij0123456789+/=-_.\n\\\":{}", length);
                for bytes in [noise.as_slice(), text.as_bytes()] {
                    let verdict = validator(Candidate { key: bytes, matched: bytes });
                    assert!(!matches!(verdict, Verdict::Proven(_)), "{name} proves noise of {length} bytes");
                }
            }
        }
    }

    #[test]
    fn no_check_panics_on_cut_or_altered_keys() {
        for (validator, template) in PROVEN {
            let key = made(template, 1).into_bytes();
            let step = (key.len() / 60).max(1);
            for at in (0..key.len()).step_by(step) {
                let cut = Candidate { key: &key[..at], matched: &key[..at] };
                let _ = find(validator).expect("a known check")(cut);
                let mut altered = key.clone();
                altered[at] ^= 0x15;
                let _ =
                    find(validator).expect("a known check")(Candidate { key: &altered, matched: &altered });
            }
        }
    }
}
