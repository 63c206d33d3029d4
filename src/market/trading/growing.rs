//! Candles as they grow: Upbit's, in nine units, from what was traded second by second.
//!
//! Another thing than the [`candle`](crate::market::trading::candle)s of Binance: a candle exists from its first trade on, it has
//! no end, and where nothing is traded nothing is told. Of each unit the newest one is told on a whole second, where it
//! has changed since the last, and once at most.
//!
//! On a whole second, the seconds that were traded in are added in their order. What belongs to a candle older than
//! the newest is late and left out. A candle that has changed when the next one begins is told first and the next one
//! a second later, so that what came in just after the second it belongs to is not lost:
//!
//! ```text
//!  trades of second      10 ··   11 ·   10·11 ···    12 ··     13 ·
//!  told on second           11       12           13       14       15
//!  candle.1s              10        10 ¹         11       12       13        ¹ a trade of 10 came after 11 had struck
//! ```
//!
//! Known limitation: two candles may wait, no more. Where trades of three candles come within a second, which takes
//! trades that come a second late, what has changed in the oldest is not told.

use crate::market::channel::{Channel, Unit};
use crate::market::civil::NS_PER_SECOND;
use crate::market::engine::wire::Wire;
use crate::market::tick::{Candle, Kind};
use crate::market::trading::summary::Summary;

/// A candle and when it was last traded in, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Grown {
    /// The candle.
    pub candle: Candle,
    /// The latest time of its trades.
    pub ts_last: i64,
}

/// The newest candles of one symbol in all units; 4 KiB.
#[derive(Debug)]
pub struct Growing {
    units: [Series; Unit::ALL.len()],
    is_changed: bool,
}

/// The candles of one unit.
#[derive(Clone, Copy, Debug)]
struct Series {
    /// What was traded in the newest candle; nothing before the first trade.
    sum: Summary,
    ts_last: i64,
    is_changed: bool,
    /// The one before it, where it has yet to be told.
    before: Option<Grown>,
    /// What was told last, or would have been.
    told: Option<Grown>,
}

impl Default for Growing {
    fn default() -> Self {
        let empty = Series { sum: Summary::EMPTY, ts_last: 0, is_changed: false, before: None, told: None };
        Growing { units: [empty; Unit::ALL.len()], is_changed: false }
    }
}

impl Growing {
    /// Adds what was traded in the second `second.start`, at `ts_last` the latest; whether it was late for a candle.
    pub fn add(&mut self, second: &Summary, ts_last: i64) -> bool {
        self.is_changed = true;
        let mut is_late = false;
        for (series, unit) in self.units.iter_mut().zip(Unit::ALL) {
            let open = second.start - second.start.rem_euclid(unit.seconds());
            if series.sum.trades == 0 || open > series.sum.start {
                if series.is_changed {
                    series.before = Some(series.grown());
                }
                (series.sum, series.ts_last, series.is_changed) = (*second, ts_last, true);
            } else if open == series.sum.start {
                series.sum.merge(second);
                (series.ts_last, series.is_changed) = (series.ts_last.max(ts_last), true);
            } else {
                is_late = true;
                continue;
            }
            series.sum.start = open;
        }
        is_late
    }

    /// Tells on a whole second what has changed since the last.
    pub fn on_second(&mut self, wire: &mut Wire) {
        if !std::mem::take(&mut self.is_changed) {
            return;
        }
        for (series, unit) in self.units.iter_mut().zip(Unit::ALL) {
            let grown = match series.before.take() {
                Some(before) => before,
                None if std::mem::take(&mut series.is_changed) => series.grown(),
                None => continue,
            };
            self.is_changed |= series.is_changed;
            series.told = Some(grown);
            wire.send(Channel::Candle(unit), grown.ts_last, Kind::Candle(grown.candle), &[]);
        }
    }

    /// The candle that was told last, or would have been had anybody wanted it; `None` before the first.
    pub fn told(&self, unit: Unit) -> Option<Grown> {
        self.units[unit as usize].told
    }
}

impl Series {
    fn grown(&self) -> Grown {
        let Summary { start, open, high, low, close, volume, quote_volume, .. } = self.sum;
        let candle = Candle { ts_open: start * NS_PER_SECOND, open, high, low, close, volume, turnover: quote_volume };
        Grown { candle, ts_last: self.ts_last }
    }
}
