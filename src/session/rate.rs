//! How many messages a client may send: a bucket that fills at a steady rate and holds a burst.
//!
//! Source: Binance documents 5 messages a second, pings and pongs included, and does not say how it counts; its own
//! SDK sends 14 at once. So 5 a second are sustained and bursts of 20 are borne.

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
        let flown = now_ms.saturating_sub(self.at_ms) * u64::from(self.limits.per_second);
        self.left_milli = (self.left_milli + flown).min(u64::from(self.limits.burst) * 1_000);
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
        let mut rate = Rate::new(RateLimits { per_second: 0, burst: 0 }, 0);
        assert!((0..10_000).all(|_| rate.take(0)));
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
