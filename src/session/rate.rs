//! How many messages a client may send: a bucket that fills at a steady rate and holds a burst, or so many in a time.
//!
//! Source of the bucket: Binance documents 5 messages a second, pings and pongs included, and does not say how it counts; its own
//! SDK sends 14 at once. So 5 a second are sustained and bursts of 20 are borne.

use std::collections::VecDeque;

/// The size of the bucket and what flows into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Messages a second in the long run; 0 for any number.
    pub per_second: u32,
    /// Messages at once, after a silence.
    pub burst: u32,
}

/// The bucket of one connection. Counted in thousandths of a message, so that no fraction is lost.
#[derive(Debug)]
pub struct Rate {
    limits: RateLimits,
    left_milli: u64,
    at_ms: u64,
}

impl Rate {
    /// A full bucket.
    pub fn new(limits: RateLimits, now_ms: u64) -> Rate {
        Rate { limits, left_milli: u64::from(limits.burst) * 1_000, at_ms: now_ms }
    }

    /// Counts a message; false if it is one too many.
    pub fn take(&mut self, now_ms: u64) -> bool {
        if self.limits.per_second == 0 {
            return true;
        }
        let flown = now_ms.saturating_sub(self.at_ms).saturating_mul(self.limits.per_second.into());
        self.left_milli = self.left_milli.saturating_add(flown).min(u64::from(self.limits.burst) * 1_000);
        self.at_ms = now_ms;
        match self.left_milli.checked_sub(1_000) {
            Some(left) => {
                self.left_milli = left;
                true
            }
            None => false,
        }
    }
}

/// At most so many in any stretch of time of one length.
#[derive(Clone, Debug)]
pub struct Quota {
    max: usize,
    length_ms: u64,
    /// When the last ones were, oldest first; at most `max`.
    times: VecDeque<u64>,
}

impl Quota {
    /// `max` in any `length_ms`; 0 for any number.
    pub fn new(max: u32, length_ms: u64) -> Quota {
        Quota { max: max as usize, length_ms, times: VecDeque::new() }
    }

    /// Counts one; false if it is one too many, which does not count.
    pub fn take(&mut self, now_ms: u64) -> bool {
        if self.max == 0 {
            return true;
        }
        while self.times.front().is_some_and(|&first| now_ms >= first + self.length_ms) {
            self.times.pop_front();
        }
        if self.times.len() == self.max {
            return false;
        }
        self.times.push_back(now_ms);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: RateLimits = RateLimits { per_second: 5, burst: 20 };

    #[test]
    fn a_burst_is_borne_and_the_one_that_exceeds_it_is_not() {
        let mut rate = Rate::new(LIMITS, 0);
        assert!((0..20).all(|_| rate.take(0)));
        assert!(!rate.take(0) && !rate.take(199));
        assert!(rate.take(200) && !rate.take(200));
    }

    #[test]
    fn five_a_second_can_go_on_for_ever_and_no_limit_is_none() {
        let mut rate = Rate::new(LIMITS, 0);
        assert!((0..10_000).all(|n| rate.take(n * 200)));
        let mut rate = Rate::new(RateLimits { per_second: u32::MAX, burst: u32::MAX }, 0);
        assert!(rate.take(0) && rate.take(u64::MAX));
        let mut rate = Rate::new(RateLimits { per_second: 0, burst: 0 }, 0);
        assert!((0..10_000).all(|_| rate.take(0)));
    }

    #[test]
    fn a_quota_holds_in_every_stretch_of_time() {
        let mut quota = Quota::new(3, 1_000);
        assert!([0, 500, 900].into_iter().all(|now| quota.take(now)));
        assert!(!quota.take(999));
        assert!(quota.take(1_000) && !quota.take(1_499) && quota.take(1_500));
        assert!((0..1_000).all(|_| Quota::new(0, 1_000).take(0)));
    }

    proptest! {
        #[test]
        fn in_any_time_no_more_pass_than_the_burst_and_what_flows_in(gaps in proptest::collection::vec(0_u64..600, 1..200)) {
            let mut rate = Rate::new(LIMITS, 0);
            let (mut now, mut passed) = (0, 0);
            for gap in gaps {
                now += gap;
                passed += u64::from(rate.take(now));
                prop_assert!(passed <= 20 + now * 5 / 1_000);
            }
        }
    }
}
