//! What a 429 means for people: whose limit it is, how large, and how to get a larger one.

use std::time::Duration;

use reqwest::header::HeaderMap;

/// One line. Docker Hub tells its limit in `ratelimit-limit: 100;w=21600`.
pub(super) fn message(
    registry: &str,
    headers: &HeaderMap,
    wait: Option<Duration>,
    with_credentials: bool,
    said: &str,
) -> String {
    let limit = headers.get("ratelimit-limit").and_then(|value| value.to_str().ok()).and_then(limit);
    let limit =
        limit.map_or_else(String::new, |(pulls, window)| format!(", {pulls} pulls in {}", span(window)));
    let wait = wait.map_or_else(String::new, |wait| format!("; it asks to wait {} s", wait.as_secs()));
    let login = if with_credentials {
        String::new()
    } else {
        format!("; {} may raise it", super::login_command(registry))
    };
    format!("{registry} has reached its limit of requests{limit} (429{said}){wait}{login}")
}

fn limit(text: &str) -> Option<(u64, Duration)> {
    let (pulls, rest) = text.split_once(';')?;
    let window = rest.split(';').find_map(|part| part.trim().strip_prefix("w="))?;
    Some((pulls.trim().parse().ok()?, Duration::from_secs(window.parse().ok()?)))
}

fn span(window: Duration) -> String {
    match window.as_secs() {
        seconds if seconds >= 3600 && seconds.is_multiple_of(3600) => format!("{} hours", seconds / 3600),
        seconds => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn names_the_limit_and_how_to_raise_it() {
        let headers = [("ratelimit-limit", "100;w=21600")].map(|(name, value)| {
            (reqwest::header::HeaderName::from_static(name), HeaderValue::from_static(value))
        });
        let headers = HeaderMap::from_iter(headers);
        let line = message("docker.io", &headers, None, false, ": slow down");
        assert_eq!(
            line,
            "docker.io has reached its limit of requests, 100 pulls in 6 hours (429: slow down); \
             docker login may raise it"
        );
        let line = message("r.example", &HeaderMap::new(), Some(Duration::from_secs(900)), true, "");
        assert_eq!(line, "r.example has reached its limit of requests (429); it asks to wait 900 s");
    }
}
