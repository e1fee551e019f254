//! When a request is tried again: how long to wait, how long another side may ask for, and when it is in vain.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::limits::REGISTRY_SILENCE;

/// The first wait, doubled with each attempt.
const FIRST: Duration = Duration::from_millis(200);

/// The longest wait that nobody asked for.
const LONGEST: Duration = Duration::from_secs(10);

/// `Wed, 21 Oct 2015 07:28:00 GMT` (RFC 9110, section 5.6.7).
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// How long to wait before attempt number `attempt`, from 1: half of it by chance, so that clients that
/// failed together do not come back together.
pub(super) fn backoff(attempt: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(LONGEST);
    // Without chance the wait is the longest.
    let chance = getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX));
    full.mul_f64(0.5 + chance / 2.0)
}

/// What `Retry-After` asks for (RFC 9110, section 10.2.3): seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = PrimitiveDateTime::parse(text, HTTP_DATE).ok()?.assume_utc();
    Some(Duration::try_from(date - now).unwrap_or_default())
}

/// Whether a host answers. Where it does not, a request that was given up has made all the attempts that are worth
/// their time: of a sweep, each image would wait again for a host that is not there.
#[derive(Debug, Default)]
pub(super) struct Silence(Mutex<Unanswered>);

#[derive(Debug, Default)]
struct Unanswered {
    /// Attempts of all requests since the last answer.
    attempts: u32,
    /// Until when the next one is expected to have no answer either.
    until: Option<Instant>,
}

impl Silence {
    /// Takes note of an answer, whatever it says.
    pub(super) fn end(&self) {
        self.change(|unanswered| *unanswered = Unanswered::default());
    }

    /// Takes note of an attempt without an answer.
    pub(super) fn go_on(&self) {
        self.change(|unanswered| unanswered.attempts = unanswered.attempts.saturating_add(1));
    }

    /// Takes note that a request was given up after so many attempts.
    pub(super) fn give_up(&self, attempts: u32) {
        self.change(|unanswered| {
            if unanswered.attempts >= attempts {
                unanswered.until = Instant::now().checked_add(REGISTRY_SILENCE);
            }
        });
    }

    /// Whether a request was given up a moment ago, and none had an answer since.
    pub(super) fn is_expected(&self) -> bool {
        self.change(|unanswered| unanswered.until.is_some_and(|until| until > Instant::now()))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Unanswered) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;
    use time::macros::datetime;

    #[test]
    fn reads_seconds_and_dates() {
        let now = datetime!(2015-10-21 07:27:30 UTC);
        let read = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(read("3"), Some(3));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(30));
        assert_eq!(read("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        for text in ["", "soon", "-1", "1.5", "Wed, 21 Oct 2015"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn waits_longer_each_time_within_bounds() {
        for attempt in 1..100 {
            let wait = backoff(attempt);
            assert!(wait >= FIRST / 2 && wait <= LONGEST, "{wait:?}");
        }
        assert!(backoff(5) > backoff(1));
    }

    #[test]
    fn a_host_is_silent_until_it_answers() {
        let silence = Silence::default();
        silence.go_on();
        silence.go_on();
        assert!(!silence.is_expected(), "nobody gave up");
        silence.end();
        silence.give_up(1);
        assert!(!silence.is_expected(), "it answered, with what is no success");
        silence.go_on();
        silence.go_on();
        silence.give_up(2);
        assert!(silence.is_expected());
        silence.end();
        assert!(!silence.is_expected());
        // Another request had an answer in between.
        silence.go_on();
        silence.give_up(2);
        assert!(!silence.is_expected());
    }
}
