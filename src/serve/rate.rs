//! How often a registry is asked: so many requests in a second, and a second's worth at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits;

/// When each registry may be asked again.
#[derive(Default)]
pub struct Rate(Mutex<HashMap<String, Instant>>);

impl Rate {
    /// How long to wait before the next request to a registry; it counts as made. Time without requests is saved
    /// up for one second.
    pub fn pause(&self, registry: &str, per_second: u32, now: Instant) -> Duration {
        let step = Duration::from_secs(1) / per_second.max(1);
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= limits::SERVE_HOSTS && !next.contains_key(registry) {
            next.retain(|_, at| *at > now);
        }
        let earliest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let at = next.entry(registry.to_owned()).or_insert(earliest);
        let turn = (*at).max(earliest);
        *at = turn + step;
        turn.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seconds_worth_goes_at_once_and_the_rest_in_its_time() {
        let (rate, now) = (Rate::default(), Instant::now() + Duration::from_secs(10));
        let pauses: Vec<u128> = (0..15).map(|_| rate.pause("r", 10, now).as_millis()).collect();
        assert_eq!(pauses[..11], [0; 11]);
        assert_eq!(pauses[11..], [100, 200, 300, 400]);
        assert_eq!(rate.pause("other", 10, now), Duration::ZERO);
        let later = now + Duration::from_secs(60);
        assert_eq!(
            (0..12).map(|_| rate.pause("r", 10, later).as_millis()).max(),
            Some(100),
            "no more is saved up"
        );
    }
}
