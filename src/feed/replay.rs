//! When a message of a tape is due.
//!
//! A replay ties one instant of the tape to one instant of the machine and runs on from there, at the recorded pace or
//! a multiple of it. Being late never shifts the tie, so delays do not add up.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How fast a tape plays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// This many seconds of tape in a second; 1 is the recorded pace.
    Times(f64),
    /// As fast as its readers take it.
    Max,
}

impl Speed {
    /// The slowest and the fastest factor.
    pub const TIMES_RANGE: std::ops::RangeInclusive<f64> = 0.001..=100_000.0;
}

impl FromStr for Speed {
    type Err = String;

    /// Reads `1x`, `0.5x`, `10x` (the `x` may be left out) or `max`.
    fn from_str(text: &str) -> Result<Speed, String> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        match text.strip_suffix('x').unwrap_or(text).parse() {
            Ok(times) if Speed::TIMES_RANGE.contains(&times) => Ok(Speed::Times(times)),
            _ => Err(format!(
                "`{text}` is no speed: give `max` or a factor from 0.001x to 100000x, for instance `1x`, `10x`, `0.5x`"
            )),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speed::Times(times) => write!(f, "{times}x"),
            Speed::Max => f.write_str("max"),
        }
    }
}

/// The tie between a tape's time and the machine's.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    speed: Speed,
    at: Instant,
    tape_ns: i64,
}

impl Replay {
    /// Ties the tape's instant `tape_ns` to the machine's instant `at`.
    pub fn new(speed: Speed, at: Instant, tape_ns: i64) -> Replay {
        Replay { speed, at, tape_ns }
    }

    /// When the tape's instant `tape_ns` is due; at once where it is before the tie, and at speed max.
    #[inline]
    pub fn due_at(&self, tape_ns: i64) -> Instant {
        let Speed::Times(times) = self.speed else { return self.at };
        let ahead_ns = (tape_ns - self.tape_ns).max(0) as f64 / times;
        self.at + Duration::from_nanos(ahead_ns as u64)
    }

    /// Which instant of the tape it is at the machine's instant `at`; that of the tie before it, and at speed max.
    pub fn tape_at(&self, at: Instant) -> i64 {
        let Speed::Times(times) = self.speed else { return self.tape_ns };
        let ahead_ns = at.saturating_duration_since(self.at).as_nanos() as f64 * times;
        self.tape_ns.saturating_add(ahead_ns as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_and_nonsense_is_named() {
        assert_eq!("1x".parse(), Ok(Speed::Times(1.0)));
        assert_eq!("0.5x".parse(), Ok(Speed::Times(0.5)));
        assert_eq!("10".parse(), Ok(Speed::Times(10.0)));
        assert_eq!("max".parse(), Ok(Speed::Max));
        for text in ["", "x", "0x", "-1x", "NaNx", "infx", "fast", "1e9x"] {
            let error = text.parse::<Speed>().unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn messages_are_due_at_their_distance_divided_by_the_speed() {
        let now = Instant::now();
        let replay = Replay::new(Speed::Times(10.0), now, 1_000);
        assert_eq!(replay.due_at(1_000 + 5_000_000_000), now + Duration::from_millis(500));
        assert_eq!(replay.due_at(500), now);
        assert_eq!(replay.tape_at(now + Duration::from_millis(500)), 1_000 + 5_000_000_000);
        assert_eq!(Replay::new(Speed::Max, now, 0).due_at(i64::MAX), now);
    }
}
