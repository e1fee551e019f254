//! How a service is asked whether a key still works, as a definition file says it: the `[[verify]]` tables.
//! One request that only reads, to a host that stands here and nowhere else.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The request that tells whether a key of these detectors works.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Ids of the detectors of the same file whose keys it fits.
    pub detectors: Vec<String>,
    /// How it is asked.
    #[serde(default)]
    pub method: Method,
    /// Where: https, a host without placeholders, a path that may have some, perhaps a query without.
    pub url: String,
    /// Headers by name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// User and password of basic authentication (RFC 7617).
    pub basic: Option<[String; 2]>,
    /// Further parameters of the query.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Fields of a form that is posted.
    #[serde(default)]
    pub form: BTreeMap<String, String>,
    /// A JSON document that is posted; its strings may hold placeholders.
    pub json: Option<String>,
    /// Signs the request in place of sending the key.
    pub sign: Option<Sign>,
    /// Answers that only a working key gets.
    pub live: Vec<Condition>,
    /// Answers that no working key gets, where any is known.
    #[serde(default)]
    pub dead: Vec<Condition>,
    /// What is worth showing of the answer, by name: a JSON pointer (RFC 6901), or `header:NAME`.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// Why a key that its service does not take may work all the same, elsewhere.
    pub caveat: Option<String>,
    /// What the key's owner may notice.
    pub effect: Option<String>,
    /// The service's page on the request.
    pub docs: Option<String>,
}

/// A method that changes nothing, or is documented to change nothing at this address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Method {
    /// GET.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// HEAD.
    #[serde(rename = "HEAD")]
    Head,
    /// POST.
    #[serde(rename = "POST")]
    Post,
}

impl Method {
    /// The word of HTTP.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
        }
    }
}

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// AWS Signature Version 4 for the Security Token Service, with the companion `id`.
    AwsSts,
}

/// What an answer must be like: all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// One of these statuses.
    pub status: Vec<u16>,
    /// JSON pointers to something that is neither null, false nor an empty text; they may hold placeholders.
    pub has: Vec<String>,
    /// JSON pointers to what is not there; likewise.
    pub lacks: Vec<String>,
    /// JSON pointers, each to this very value.
    pub is: BTreeMap<String, Value>,
    /// One of these stands in the body, in whatever case.
    pub text: Vec<String>,
    /// Headers that are there.
    pub header: Vec<String>,
}

/// What stands in place of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text as it is.
    Text(&'a str),
    /// `{{secret}}`: the key; of a pair the secret half.
    Secret,
    /// `{{companion.ROLE}}`.
    Companion(&'a str),
    /// `{{handle.NAME}}`: what an offline check read from the key.
    Handle(&'a str),
}

/// The parts of a template; the error is a placeholder that is none.
pub fn parts(template: &str) -> Result<Vec<Part<'_>>, String> {
    let (mut parts, mut rest) = (Vec::new(), template);
    while let Some((text, behind)) = rest.split_once("{{") {
        let (name, behind) =
            behind.split_once("}}").ok_or_else(|| format!("'{template}' has a placeholder without end"))?;
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        parts.push(match name.split_once('.') {
            None if name == "secret" => Part::Secret,
            Some(("companion", role)) if !role.is_empty() => Part::Companion(role),
            Some(("handle", name)) if !name.is_empty() => Part::Handle(name),
            _ => return Err(format!("'{{{{{name}}}}}' is no placeholder")),
        });
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

impl Verify {
    /// Whether it fits keys of the detector with this id.
    pub fn is_about(&self, id: &str) -> bool {
        self.detectors.iter().any(|own| own == id)
    }

    /// The host that is asked.
    pub fn host(&self) -> &str {
        let rest = self.url.strip_prefix("https://").unwrap_or_default();
        rest.split(['/', '?']).next().unwrap_or_default()
    }

    /// The request in a line, its placeholders unfilled.
    pub fn shown(&self) -> String {
        format!("{} {}", self.method.word(), self.url)
    }

    /// All its texts that may hold placeholders.
    pub fn templates(&self) -> impl Iterator<Item = &str> {
        let maps = self.headers.values().chain(self.query.values()).chain(self.form.values());
        let basic = self.basic.iter().flatten();
        [&self.url].into_iter().chain(maps).chain(basic).chain(&self.json).map(String::as_str)
    }
}

#[cfg(test)]
mod check;
#[cfg(test)]
mod tests;
