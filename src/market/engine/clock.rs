//! The market clock: what time it is at the exchange, as far as a feed tells.
//!
//! Timed streams run on the exchange's time, and the receive clock of a recording may stand seconds away from it. So
//! the market clock shows the largest event time seen, and where no events come it goes on with the receive time that
//! has passed since:
//!
//! ```text
//!  event times     10.02   10.11               (silence)                    10.74
//!  receive times   13.50   13.60   13.70   13.80   13.90   14.00   14.10    14.20
//!  market clock    10.02   10.11   10.21   10.31   10.41   10.51   10.61    10.74
//! ```
//!
//! It never goes back. Time passes by messages alone, so the same messages give the same times.
//!
//! Timed streams speak on the boundaries of two grids, 100 ms and whole seconds. A boundary is reached by the first
//! message at or after it, before anything else is done with that message; where a message leaps over several, the last
//! one stands for all.

use crate::market::civil::{NS_PER_MS, NS_PER_SECOND};

/// The finer grid.
pub const NS_PER_HUNDRED_MS: i64 = 100 * NS_PER_MS;

/// How far an event time may lie from its receive time to be believed: without a limit, one damaged number would
/// stop the clock for years.
pub const SKEW_NS_MAX: i64 = 3_600 * NS_PER_SECOND;

/// The last instant there is, in the year 2223; keeps sums of times in range.
const TIME_NS_MAX: i64 = 7_999_999_999 * NS_PER_SECOND;

/// The clock and the grids.
#[derive(Clone, Copy, Debug, Default)]
pub struct MarketClock {
    now: i64,
    /// The largest event time, and when it was received.
    event_max: Option<i64>,
    recv_at_max: i64,
    hundred: i64,
    second: i64,
}

/// The last boundaries that were reached since the time before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossed {
    /// A whole 100 ms, in nanoseconds.
    pub hundred: i64,
    /// A whole second, in seconds; `None` where only the finer grid was touched.
    pub second: Option<i64>,
}

/// Whether an event time can be what it says.
pub fn is_believable(ts_event: i64, ts_recv: i64) -> bool {
    (0..=TIME_NS_MAX).contains(&ts_event) && ts_event.abs_diff(ts_recv) <= SKEW_NS_MAX.unsigned_abs()
}

impl MarketClock {
    /// The time; 0 before the first event.
    #[inline]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Takes note of an event, whose time must be believable.
    #[inline]
    pub fn on_event(&mut self, ts_event: i64, ts_recv: i64) -> Option<Crossed> {
        if self.event_max.is_some_and(|max| ts_event <= max) {
            return None;
        }
        let is_first = self.event_max.is_none();
        (self.event_max, self.recv_at_max) = (Some(ts_event), ts_recv);
        if is_first {
            self.now = ts_event;
            self.hundred = ts_event - ts_event % NS_PER_HUNDRED_MS;
            self.second = ts_event / NS_PER_SECOND;
            return None;
        }
        self.advance(ts_event)
    }

    /// Takes note of time passing in silence.
    pub fn on_silence(&mut self, ts_recv: i64) -> Option<Crossed> {
        let elapsed = ts_recv.saturating_sub(self.recv_at_max).max(0);
        self.advance(self.event_max?.saturating_add(elapsed).min(TIME_NS_MAX))
    }

    #[inline]
    fn advance(&mut self, to: i64) -> Option<Crossed> {
        self.now = self.now.max(to);
        if self.now - self.hundred < NS_PER_HUNDRED_MS {
            return None;
        }
        self.hundred = self.now - self.now % NS_PER_HUNDRED_MS;
        let second = self.now / NS_PER_SECOND;
        let is_new = second > self.second;
        self.second = second;
        Some(Crossed { hundred: self.hundred, second: is_new.then_some(second) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: i64 = 1_600_000_000 * NS_PER_SECOND;

    fn ms(ms: i64) -> i64 {
        BASE + ms * NS_PER_MS
    }

    #[test]
    fn events_set_it_and_silence_carries_it_on() {
        let mut clock = MarketClock::default();
        assert_eq!(clock.on_silence(ms(0)), None);
        assert_eq!(clock.on_event(ms(20), ms(3_500)), None);
        assert_eq!(clock.on_event(ms(110), ms(3_600)), Some(Crossed { hundred: ms(100), second: None }));
        assert_eq!(clock.on_silence(ms(3_680)), None);
        assert_eq!(clock.on_silence(ms(3_700)), Some(Crossed { hundred: ms(200), second: None }));
        assert_eq!(clock.now(), ms(210));
        // It had been ahead: an event from before changes nothing.
        assert_eq!(clock.on_event(ms(205), ms(3_705)), None);
        assert_eq!(clock.now(), ms(210));
        let crossed = Crossed { hundred: ms(2_300), second: Some(1_600_000_002) };
        assert_eq!(clock.on_event(ms(2_345), ms(6_000)), Some(crossed));
    }

    #[test]
    fn a_boundary_is_reached_by_a_message_at_it() {
        let mut clock = MarketClock::default();
        clock.on_event(ms(0), ms(0));
        assert_eq!(clock.on_event(ms(99), ms(99)), None);
        assert_eq!(clock.on_event(ms(100), ms(100)), Some(Crossed { hundred: ms(100), second: None }));
    }

    #[test]
    fn times_far_from_the_receive_clock_are_not_believed() {
        assert!(is_believable(ms(0), ms(60_000)));
        assert!(!is_believable(ms(0), ms(3_600_001)));
        assert!(!is_believable(-1, 0) && !is_believable(i64::MAX, i64::MAX) && !is_believable(i64::MAX, i64::MIN));
    }
}
