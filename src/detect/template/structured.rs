//! Keys that hold a structure: JSON in base64, a macaroon, the parts of a JSON web token.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bip0039::English;
use sha2::{Digest, Sha256};

use super::checksummed::{crc32, hex, url_safe};
use super::{BASE62, DIGITS, Seed, private_keys};

/// The key called `name`; nothing when there is none of that name or `argument` does not fit.
pub(super) fn generate(name: &str, argument: &str, seed: &mut Seed) -> Option<String> {
    Some(match name {
        "base64of" => STANDARD.encode(argument),
        "base64urlof" => URL_SAFE_NO_PAD.encode(argument),
        "jwt" => jwt(argument, seed),
        "pypi" => pypi(seed),
        "gcp-service-account" => gcp_service_account(seed),
        "grafana-cloud" => grafana_cloud(seed),
        "grafana-legacy" => grafana_legacy(seed),
        "sentry-org" => sentry_org(seed),
        "mapbox" => mapbox(argument, seed),
        "intercom" => intercom(seed),
        "discord" => discord(seed),
        "telegram" => telegram(seed),
        "sendgrid" => sendgrid(seed),
        "artifactory-reference" => artifactory_reference(seed),
        "aws-bedrock" => aws_bedrock(seed),
        "elastic-cloud" => elastic_cloud(seed),
        "ansible-vault" => ansible_vault(seed),
        "bip39" => return bip39(argument, seed),
        _ => return None,
    })
}

/// A token with `claims`, a JSON object, and a signature of random bytes.
fn jwt(claims: &str, seed: &mut Seed) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = if claims.is_empty() {
        format!(r#"{{"sub":"{}"}}"#, seed.pick(BASE62, 12))
    } else {
        claims.to_owned()
    };
    let signature = URL_SAFE_NO_PAD.encode(seed.bytes::<32>());
    format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims))
}

fn uuid(seed: &mut Seed) -> String {
    let mut part = |length| hex(seed, length);
    let parts = (part(8), part(4), part(3), part(3), part(12));
    format!("{}-{}-4{}-8{}-{}", parts.0, parts.1, parts.2, parts.3, parts.4)
}

/// A macaroon of version 2: location, identifier, one caveat, signature.
fn pypi(seed: &mut Seed) -> String {
    fn packet(bytes: &mut Vec<u8>, field: u8, data: &[u8]) {
        bytes.extend_from_slice(&[field, data.len() as u8]);
        bytes.extend_from_slice(data);
    }
    let mut bytes = vec![2];
    packet(&mut bytes, 1, ["pypi", ".org"].concat().as_bytes());
    packet(&mut bytes, 2, uuid(seed).as_bytes());
    bytes.push(0);
    packet(&mut bytes, 2, format!("[3, \"{}\"]", uuid(seed)).as_bytes());
    bytes.extend_from_slice(&[0, 0]);
    packet(&mut bytes, 6, &seed.bytes::<32>());
    format!("pypi-{}", URL_SAFE_NO_PAD.encode(bytes))
}

fn gcp_service_account(seed: &mut Seed) -> String {
    let project = format!("app-{}", seed.pick(DIGITS, 6));
    let pem = private_keys::rsa_pkcs8(seed).replace('\n', "\\n");
    let (key_id, client_id) = (hex(seed, 40), seed.pick(DIGITS, 21));
    format!(
        "{{\n  \"type\": \"service_account\",\n  \"project_id\": \"{project}\",\n  \"private_key_id\": \"{key_id}\",\n  \
         \"private_key\": \"{pem}\",\n  \"client_email\": \"builder@{project}.iam.gserviceaccount.com\",\n  \
         \"client_id\": \"{client_id}\",\n  \"token_uri\": \"https://oauth2.googleapis.com/token\"\n}}"
    )
}

fn grafana_cloud(seed: &mut Seed) -> String {
    let (org, key) = (seed.pick(DIGITS, 6), seed.pick(BASE62, 24));
    let json = format!(r#"{{"o":"{org}","n":"ci-push-token","k":"{key}","m":{{"r":"prod-eu-west-0"}}}}"#);
    format!("glc_{}", STANDARD.encode(json))
}

fn grafana_legacy(seed: &mut Seed) -> String {
    STANDARD.encode(format!(r#"{{"k":"{}","n":"deploy-token-01","id":1}}"#, seed.pick(BASE62, 32)))
}

fn sentry_org(seed: &mut Seed) -> String {
    let issued = format!("17{}.{}", seed.pick(DIGITS, 8), seed.pick(DIGITS, 6));
    let json = format!(
        r#"{{"iat":{issued},"url":"https://sentry.io","region_url":"https://us.sentry.io","org":"builders"}}"#
    );
    format!("sntrys_{}_{}", STANDARD.encode(json), STANDARD_NO_PAD.encode(seed.bytes::<32>()))
}

/// `argument` is the kind: `sk`, `tk` or the public `pk`.
fn mapbox(kind: &str, seed: &mut Seed) -> String {
    let lower = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let json = format!(r#"{{"u":"mapmaker","a":"{}"}}"#, seed.pick(lower, 25));
    format!("{kind}.{}.{}", URL_SAFE_NO_PAD.encode(json), url_safe(seed, 22))
}

fn intercom(seed: &mut Seed) -> String {
    let id = uuid(seed).replace('-', "_");
    STANDARD.encode(format!("tok:{id}:1:0"))
}

/// A snowflake of 2021 or so in base64, a time stamp, 38 characters of a MAC.
fn discord(seed: &mut Seed) -> String {
    let id = 800_000_000_000_000_000 + seed.next_u64() % 100_000_000_000_000_000;
    let seconds = 1_620_000_000 + (seed.next_u64() % 50_000_000) as u32;
    let stamp = URL_SAFE_NO_PAD.encode(seconds.to_be_bytes());
    format!("{}.{stamp}.{}", URL_SAFE_NO_PAD.encode(id.to_string()), url_safe(seed, 38))
}

fn telegram(seed: &mut Seed) -> String {
    format!("{}{}:AA{}", 5 + seed.below(3), seed.pick(DIGITS, 9), url_safe(seed, 33))
}

fn sendgrid(seed: &mut Seed) -> String {
    let (id, secret) =
        (URL_SAFE_NO_PAD.encode(seed.bytes::<16>()), URL_SAFE_NO_PAD.encode(seed.bytes::<32>()));
    format!("SG.{id}.{secret}")
}

fn artifactory_reference(seed: &mut Seed) -> String {
    STANDARD_NO_PAD.encode(format!("reftkn:01:17{}:{}", seed.pick(DIGITS, 8), seed.pick(BASE62, 27)))
}

fn aws_bedrock(seed: &mut Seed) -> String {
    let (user, account) = (seed.pick(b"abcdefghijklmnopqrstuvwxyz0123456789", 4), seed.pick(DIGITS, 12));
    let text = format!("BedrockAPIKey-{user}-at-{account}:{}", STANDARD.encode(seed.bytes::<48>()));
    format!("ABSK{}", STANDARD.encode(text))
}

/// An id and a secret in base64, four zero bytes, the CRC of the first.
fn elastic_cloud(seed: &mut Seed) -> String {
    let inner = STANDARD.encode(format!("{}:{}", url_safe(seed, 20), url_safe(seed, 22)));
    let mut bytes = inner.clone().into_bytes();
    bytes.extend([0; 4]);
    bytes.extend(crc32(inner.as_bytes()).to_be_bytes());
    format!("essu_{}", STANDARD.encode(bytes))
}

/// Salt, MAC and two blocks in hex, a line each, that in hex once more, 80 digits a line.
fn ansible_vault(seed: &mut Seed) -> String {
    let inner = [hex(seed, 64), hex(seed, 64), hex(seed, 64)].join("\n");
    let outer: String = inner.bytes().map(|byte| format!("{byte:02x}")).collect();
    let lines = outer.as_bytes().chunks(80).map(|line| String::from_utf8_lossy(line).into_owned());
    ["ANSIBLE_VAULT;1.1;AES256".to_owned()].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

/// A recovery phrase of so many words, as BIP-39 makes them: 11 bits a word, the last of them from SHA-256.
fn bip39(words: &str, seed: &mut Seed) -> Option<String> {
    let words: usize = words.parse().ok().filter(|words| [12, 15, 18, 21, 24].contains(words))?;
    let mut entropy = seed.bytes::<32>().to_vec();
    entropy.truncate(words / 3 * 4);
    let bytes = [entropy.as_slice(), &Sha256::digest(&entropy)].concat();
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    let phrase: Vec<&str> = (0..words)
        .filter_map(|word| {
            English::words().get((0..11).fold(0, |index, at| index << 1 | bit(word * 11 + at)))
        })
        .copied()
        .collect();
    Some(phrase.join(" "))
}
