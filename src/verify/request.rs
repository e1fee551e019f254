//! From a `[[verify]]` table and a key to the request that is sent. What it holds of the key is wiped when it
//! is dropped, as far as it is ours, and its `Debug` shows none of it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use time::OffsetDateTime;
use url::Url;
use zeroize::Zeroizing;

use super::sign;
use super::subject::Subject;
use crate::detect::definition::verify::{self, Part, Sign, Verify};

/// What stands for itself in a query or form (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same of a path, where a colon does too (section 3.3).
const IN_PATH: &AsciiSet = &RESERVED.remove(b':');

/// A request, ready to be sent.
pub(super) struct Request {
    /// The table that it is made from.
    pub(super) verify: Verify,
    pub(super) method: Method,
    /// Holds the key, of some services.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Zeroizing<Vec<u8>>>,
    /// As it may be shown.
    pub(super) shown: String,
}

impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Request({})", self.shown)
    }
}

/// What a template came to; the error says what it lacks.
type Filled = Result<Zeroizing<Vec<u8>>, String>;

/// How a value is written where a placeholder stands.
#[derive(Clone, Copy)]
enum Written {
    AsIs,
    Escaped,
    InJson,
    InPointer,
}

impl Request {
    /// The request of `verify` about a key; the error says what it lacks.
    pub(super) fn new(verify: &Verify, subject: &Subject) -> Result<Self, String> {
        let fill = |template: &str, written| fill(template, subject, written);
        let url = text(fill(&verify.url, Written::Escaped)?)?;
        let mut url = Url::parse(&url).map_err(|_| "no address can be made of it".to_owned())?;
        if url.host_str() != Some(verify.host()) {
            return Err("no address can be made of it".to_owned());
        }
        if !verify.query.is_empty() {
            let pairs = pairs(&verify.query, &fill)?;
            let query = [url.query().unwrap_or_default(), &text(pairs)?].join("&");
            url.set_query(Some(query.trim_start_matches('&')));
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, template) in &verify.headers {
            let name = HeaderName::try_from(name).map_err(|_| format!("'{name}' is no header"))?;
            headers.insert(name, header(&fill(template, Written::AsIs)?)?);
        }
        if let Some([user, password]) = &verify.basic {
            let pair = Zeroizing::new(
                [&fill(user, Written::AsIs)?[..], b":", &fill(password, Written::AsIs)?].concat(),
            );
            let encoded = Zeroizing::new(STANDARD.encode(&*pair));
            headers.insert(AUTHORIZATION, header(format!("Basic {}", *encoded).as_bytes())?);
        }
        let body = if let Some(json) = &verify.json {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            Some(fill(json, Written::InJson)?)
        } else if verify.form.is_empty() {
            None
        } else {
            headers
                .entry(CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/x-www-form-urlencoded"));
            Some(pairs(&verify.form, &fill)?)
        };
        match verify.sign {
            None => {}
            Some(Sign::AwsSts) => {
                let id = subject.companions.get("id").ok_or("its id was not found beside it")?;
                let body = body.as_ref().map_or(&[][..], |body| body);
                let now = OffsetDateTime::now_utc();
                sign::aws_sts(id, subject.key.expose(), verify.host(), body, now, &mut headers)?;
            }
        }
        let method = match verify.method {
            verify::Method::Get => Method::GET,
            verify::Method::Head => Method::HEAD,
            verify::Method::Post => Method::POST,
        };
        let mut verify = verify.clone();
        for condition in verify.live.iter_mut().chain(&mut verify.dead) {
            for pointer in condition.has.iter_mut().chain(&mut condition.lacks) {
                *pointer = text(fill(pointer, Written::InPointer)?)?;
            }
        }
        let shown = verify.shown();
        Ok(Self { verify, method, url, headers, body, shown })
    }
}

/// Names and filled values as queries and forms have them.
fn pairs<'a>(
    templates: impl IntoIterator<Item = (&'a String, &'a String)>,
    fill: &dyn Fn(&str, Written) -> Filled,
) -> Filled {
    let mut out = Zeroizing::new(Vec::new());
    for (name, template) in templates {
        if !out.is_empty() {
            out.push(b'&');
        }
        out.extend_from_slice(percent_encode(name.as_bytes(), RESERVED).to_string().as_bytes());
        out.push(b'=');
        let value = fill(template, Written::AsIs)?;
        let encoded = Zeroizing::new(percent_encode(&value, RESERVED).to_string());
        out.extend_from_slice(encoded.as_bytes());
    }
    Ok(out)
}

fn text(bytes: Zeroizing<Vec<u8>>) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "it is no text".to_owned())
}

fn header(bytes: &[u8]) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_bytes(bytes).map_err(|_| "it holds what no header can".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

fn fill(template: &str, subject: &Subject, written: Written) -> Filled {
    let mut out = Zeroizing::new(Vec::new());
    for part in verify::parts(template)? {
        let value = match part {
            Part::Text(text) => {
                out.extend_from_slice(text.as_bytes());
                continue;
            }
            Part::Secret => subject.key.expose(),
            Part::Companion(role) => {
                let found = subject.companions.get(role);
                found.ok_or_else(|| format!("its {role} was not found beside it"))?.as_bytes()
            }
            Part::Handle(name) => {
                subject.handles.get(name).ok_or_else(|| format!("it does not tell its {name}"))?.as_bytes()
            }
        };
        match written {
            Written::AsIs => out.extend_from_slice(value),
            // A path of two dots would be another path.
            Written::Escaped if matches!(value, b"." | b"..") => return Err("it is no text".to_owned()),
            Written::Escaped => {
                let encoded = Zeroizing::new(percent_encode(value, IN_PATH).to_string());
                out.extend_from_slice(encoded.as_bytes());
            }
            Written::InPointer => {
                let value = String::from_utf8_lossy(value).replace('~', "~0").replace('/', "~1");
                out.extend_from_slice(value.as_bytes());
            }
            Written::InJson => {
                let value = std::str::from_utf8(value).map_err(|_| "it is no text".to_owned())?;
                let quoted = Zeroizing::new(serde_json::Value::from(value).to_string());
                let inside = quoted.get(1..quoted.len().saturating_sub(1));
                out.extend_from_slice(inside.unwrap_or_default().as_bytes());
            }
        }
    }
    Ok(out)
}
