//! Pauses between attempts: twice as long each time, and by chance a little shorter.

use std::time::Duration;

/// The pauses of one client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    /// Attempts that have failed in a row.
    pub(super) failures: u32,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, failures: 0 }
    }

    /// The next pause: between a half and the whole of the doubled one. `chance` is any number.
    pub(super) fn pause(&mut self, chance: u64) -> Duration {
        let factor = 1_u32 << self.failures.min(20);
        self.failures = self.failures.saturating_add(1);
        let whole = self.first.saturating_mul(factor).min(self.longest);
        let half_us = whole.as_micros() as u64 / 2;
        Duration::from_micros(half_us + chance % (half_us + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ_by_chance() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let most: Vec<u128> = (0..6).map(|_| backoff.pause(50_000).as_millis()).collect();
        assert_eq!(most[0], 100);
        assert!(most.windows(2).all(|pair| pair[0] <= pair[1]) && most[5] <= 1_000, "{most:?}");
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for chance in [0, 7, u64::MAX, 1 << 40] {
            backoff.failures = 63;
            let pause = backoff.pause(chance).as_millis();
            assert!((500..=1_000).contains(&pause), "{pause}");
        }
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).pause(3), Duration::ZERO);
    }
}
