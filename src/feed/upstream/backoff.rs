//! How long to wait before the next try.

use std::time::Duration;

/// Waits that double, shortened by chance, so that many clients do not come back at the same moment.
pub(in crate::feed) struct Backoff {
    min: Duration,
    max: Duration,
    tries: u32,
}

impl Backoff {
    pub(in crate::feed) fn new(min: Duration, max: Duration) -> Backoff {
        Backoff { min, max: max.max(min), tries: 0 }
    }

    /// The next wait: between half of it and all.
    pub(in crate::feed) fn next(&mut self) -> Duration {
        let full = self.min.saturating_mul(1 << self.tries.min(20)).min(self.max);
        self.tries += 1;
        let chance = getrandom::u32().unwrap_or(u32::MAX);
        let half = full / 2;
        half + Duration::from_nanos((half.as_nanos() * u128::from(chance) / u128::from(u32::MAX)) as u64)
    }

    /// It went well for a while.
    pub(in crate::feed) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for full in [100, 200, 400, 800, 1_000, 1_000] {
            let wait = backoff.next();
            assert!((full / 2..=full).contains(&(wait.as_millis() as u64)), "{wait:?} of {full} ms");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }
}
