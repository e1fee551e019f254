//! Signatures in place of keys: AWS Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

use hmac::Mac as _;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use time::OffsetDateTime;
use time::macros::format_description;
use zeroize::Zeroizing;

use crate::finding::fingerprint::hex_prefix;
use crate::image::digest::Digest;

type Hmac = hmac::Hmac<Sha256>;

/// Where the Security Token Service answers at its global host.
const REGION: &str = "us-east-1";

/// Signs a POST of `body` to the Security Token Service at `host`, path `/`, with an access key.
pub(super) fn aws_sts(
    id: &str,
    secret: &[u8],
    host: &str,
    body: &[u8],
    now: OffsetDateTime,
    headers: &mut HeaderMap,
) -> Result<(), String> {
    if id.starts_with("ASIA") {
        return Err("it is a session's key, which works only with the session's token".to_owned());
    }
    let wrong = || "it holds what no header can".to_owned();
    let time = now
        .format(format_description!("[year][month][day]T[hour][minute][second]Z"))
        .map_err(|error| error.to_string())?;
    let day = time.get(..8).unwrap_or_default();
    let signed = "content-type;host;x-amz-date";
    let canonical = format!(
        "POST\n/\n\ncontent-type:application/x-www-form-urlencoded\nhost:{host}\nx-amz-date:{time}\n\n{signed}\n{}",
        Digest::sha256_of(body).hex()
    );
    let scope = format!("{day}/{REGION}/sts/aws4_request");
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", Digest::sha256_of(canonical.as_bytes()).hex());
    let mut key = Zeroizing::new([b"AWS4", secret].concat());
    for part in [day, REGION, "sts", "aws4_request"] {
        key = Zeroizing::new(hmac(&key, part.as_bytes()));
    }
    let signature = hmac(&key, to_sign.as_bytes());
    let signature = hex_prefix(&signature, signature.len());
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}");
    let mut value = HeaderValue::from_str(&authorization).map_err(|_| wrong())?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    headers.insert(HeaderName::from_static("x-amz-date"), HeaderValue::from_str(&time).map_err(|_| wrong())?);
    Ok(())
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key may have any length.
    let Ok(mut mac) = <Hmac as hmac::KeyInit>::new_from_slice(key) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}
