//! How long to wait before the next try.

use std::time::Duration;

/// How often a wait doubles at the most.
const DOUBLINGS_MAX: u32 = 20;

/// Waits that double with each try that fails, shortened by chance, so that many who were cut off together do not come
/// back at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Begins with waits of up to `first`, which grow up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest: longest.max(first), failures: 0 }
    }

    /// The next wait: between a half and the whole of the doubled one.
    pub fn pause(&mut self) -> Duration {
        self.pause_by(getrandom::u32().unwrap_or(u32::MAX))
    }

    /// Tries that have failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// It went well: the next wait is a short one again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The same for what chance has said, from nothing to all.
    fn pause_by(&mut self, chance: u32) -> Duration {
        let whole = self.first.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let half = whole / 2;
        half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for (failures, full) in [100, 200, 400, 800, 1_000, 1_000].into_iter().enumerate() {
            assert_eq!(backoff.failures() as usize, failures);
            let mut same = backoff;
            assert_eq!(same.pause_by(u32::MAX).as_millis(), full);
            same = backoff;
            assert_eq!(same.pause_by(0).as_millis(), full / 2);
            let wait = backoff.pause();
            assert!((full / 2..=full).contains(&wait.as_millis()), "{wait:?} of {full} ms");
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(100));
        backoff.failures = u32::MAX;
        assert!(backoff.pause() >= Duration::from_millis(500));
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).pause(), Duration::ZERO);
        // A longest wait below the first does not shorten it.
        assert!(Backoff::new(Duration::from_secs(1), Duration::ZERO).pause() >= Duration::from_millis(500));
    }
}
