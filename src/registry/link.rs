//! Pages: `Link: <…>; rel="next"` (RFC 8288), as the distribution specification has it for lists.

use reqwest::header::{HeaderMap, LINK};
use url::Url;

/// What comes behind a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: it is the last one.
    End,
    /// This one.
    Page(Url),
    /// One that is not on the same host, scheme and port: it is not asked for, and so not read.
    Elsewhere,
}

/// The next page.
pub(super) fn next(headers: &HeaderMap, page: &Url) -> Next {
    let lines = headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    let target = lines.flat_map(links).find(|(_, parameters)| is_next(parameters)).map(|(target, _)| target);
    match target.map(|target| page.join(target)) {
        None => Next::End,
        Some(Ok(next)) if next.origin() == page.origin() => Next::Page(next),
        Some(_) => Next::Elsewhere,
    }
}

/// The links of one line, each with its parameters. Commas stand in targets too.
fn links(line: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((_, behind)) = rest.split_once('<') {
        let Some((target, behind)) = behind.split_once('>') else { break };
        let end = behind.find('<').unwrap_or(behind.len());
        let (parameters, after) = behind.split_at(end);
        found.push((target, parameters));
        rest = after;
    }
    found
}

fn is_next(parameters: &str) -> bool {
    parameters.split(';').any(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else { return false };
        let value = value.trim().trim_matches([',', ' ']).trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel") && value.eq_ignore_ascii_case("next")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn read(line: &str) -> Next {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_str(line).expect("a value"));
        next(&headers, &url("https://r.example/v2/a/tags/list?n=2"))
    }

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    #[test]
    fn follows_the_next_page_on_the_same_host_only() {
        let next = || Next::Page(url("https://r.example/v2/a/tags/list?n=2&last=b,c"));
        assert_eq!(read(r#"</v2/a/tags/list?n=2&last=b,c>; rel="next""#), next());
        assert_eq!(read("<https://r.example/v2/a/tags/list?n=2&last=b,c>;rel=next"), next());
        assert_eq!(read(r#"<x>; rel="prev", </v2/a/tags/list?n=2&last=b,c>; rel="next""#), next());
        for line in [
            r#"<https://evil.example/v2/>; rel="next""#,
            r#"<//evil.example/v2/>; rel="next""#,
            r#"<http://r.example/v2/a/tags/list?last=b>; rel="next""#,
            r#"<https://r.example:8443/x>; rel="next""#,
            r#"<file:///etc/passwd>; rel="next""#,
            r#"<https://[::1>; rel="next""#,
        ] {
            assert_eq!(read(line), Next::Elsewhere, "{line}");
        }
        for line in [r#"</x>; rel="prev""#, "<", "next"] {
            assert_eq!(read(line), Next::End, "{line}");
        }
    }
}
