//! The last day's trades of one symbol, summed by second, minute and hour: what rolling windows are read from.
//!
//! Second by second is not an approximation. Timed streams speak on whole seconds only, and a window that closes at the
//! last nanosecond before a whole second and is a whole number of seconds long opens on a whole second, too; so its
//! edges never cut a second in two. What falls out of it and what it still holds are known exactly, at every instant
//! at which it is told.
//!
//! A window is read by adding up the seconds at its edges, the minutes between those, and the hours between those:
//!
//! ```text
//!            ├─ ss ─┼─ mmmm ─┼──── hhhhhhhhhhhhhhhhhh ────┼─ mm ─┼ s ┤
//!           from                                                     to
//! ```
//!
//! at most 2 × 59 seconds, 2 × 59 minutes and 24 hours, however many trades there were. Sums that roll along instead
//! would cost less to read and more to keep: nearly every window is asked for by nobody.
//!
//! Memory: one [`Summary`], 128 bytes, for each second with a trade. In the worst case, a trade in every second of a
//! day, these are [`SECONDS_KEPT`] and 1,468 coarser ones, 11 MiB (16 MiB with the queue's spare room) for a symbol.

use std::collections::VecDeque;

use crate::market::decimal::Decimal;
use crate::market::summary::Summary;

/// A day, and the minute by which a window that opens on a whole minute may be longer.
pub const SECONDS_KEPT: i64 = 86_400 + 60;

/// The lengths of the stretches that are kept, shortest first; each a multiple of the one before.
const UNITS: [i64; 3] = [1, 60, 3_600];

/// Sums of a symbol's trades by second, minute and hour. Times are whole seconds.
#[derive(Debug, Default)]
pub struct History {
    /// By unit, each in the order of `start`, stretches without trades left out.
    shelves: [VecDeque<Summary>; UNITS.len()],
    /// The price before the first second that is kept.
    dropped: Option<Decimal>,
}

impl History {
    /// Adds what was traded in the second `more.start`, which may be an old one. Cost: three additions; a search and
    /// a shift of what is newer for a second that is not the newest.
    pub fn add(&mut self, more: &Summary) {
        for (shelf, unit) in self.shelves.iter_mut().zip(UNITS) {
            let start = more.start - more.start.rem_euclid(unit);
            let place = match shelf.back() {
                Some(last) if last.start == start => shelf.len() - 1,
                Some(last) if last.start > start => shelf.partition_point(|summary| summary.start < start),
                _ => shelf.len(),
            };
            match shelf.get_mut(place) {
                Some(summary) if summary.start == start => summary.merge(more),
                _ => shelf.insert(place, *more),
            }
            shelf[place].start = start;
        }
    }

    /// What was traded from `from` up to, not including, `to`. `from` must not be older than what is kept.
    pub fn sum(&self, from: i64, to: i64) -> Summary {
        let mut sum = Summary::EMPTY;
        self.sum_units(UNITS.len() - 1, from, to, &mut sum);
        sum
    }

    /// Adds up whole units of this size, and smaller ones at both ends.
    fn sum_units(&self, size: usize, from: i64, to: i64, sum: &mut Summary) {
        let unit = UNITS[size];
        let (first, last) = (from + (-from).rem_euclid(unit), to - to.rem_euclid(unit));
        if first >= last {
            if size > 0 {
                self.sum_units(size - 1, from, to, sum);
            }
            return;
        }
        if from < first {
            self.sum_units(size - 1, from, first, sum);
        }
        let shelf = &self.shelves[size];
        let begin = shelf.partition_point(|summary| summary.start < first);
        shelf.range(begin..).take_while(|summary| summary.start < last).for_each(|summary| sum.merge(summary));
        if last < to {
            self.sum_units(size - 1, last, to, sum);
        }
    }

    /// The first second from `from` on that saw a trade.
    pub fn first_from(&self, from: i64) -> Option<i64> {
        let shelf = &self.shelves[0];
        shelf.get(shelf.partition_point(|summary| summary.start < from)).map(|summary| summary.start)
    }

    /// The last price before `second`; `None` where no trade is known before it.
    pub fn price_before(&self, second: i64) -> Option<Decimal> {
        let shelf = &self.shelves[0];
        match shelf.partition_point(|summary| summary.start < second) {
            0 => self.dropped,
            after => Some(shelf[after - 1].close),
        }
    }

    /// Forgets what lies before `second`, but for the price.
    pub fn drop_before(&mut self, second: i64) {
        for (shelf, unit) in self.shelves.iter_mut().zip(UNITS) {
            while shelf.front().is_some_and(|summary| summary.start + unit <= second) {
                let summary = shelf.pop_front().expect("it has a front");
                if unit == 1 {
                    self.dropped = Some(summary.close);
                }
            }
        }
    }

    /// How many summaries are kept.
    pub fn len(&self) -> usize {
        self.shelves.iter().map(VecDeque::len).sum()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn summary(second: i64, id: i64, price: i64, size: i64) -> Summary {
        let [price, size] = [price, size].map(|number| Decimal::new(number.into(), 8).unwrap());
        Summary {
            start: second,
            first_id: id,
            last_id: id,
            trades: 1,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: size,
            quote_volume: price.checked_mul(size).unwrap(),
        }
    }

    /// Everything but `start`, which means the second of the first trade or of the stretch it lies in.
    fn text(summary: &Summary) -> String {
        format!("{:?}", Summary { start: 0, ..*summary })
    }

    proptest! {
        #[test]
        fn a_window_is_the_sum_of_the_trades_in_it(
            trades in proptest::collection::vec((0_i64..20_000, 1_i64..200, 0_i64..50), 0..300),
            windows in proptest::collection::vec((0_i64..20_000, 0_i64..20_000), 1..20),
        ) {
            let mut history = History::default();
            let trades: Vec<Summary> = trades
                .iter()
                .enumerate()
                .map(|(id, &(second, price, size))| summary(second, id as i64, price, size))
                .collect();
            trades.iter().for_each(|trade| history.add(trade));
            for (from, length) in windows {
                let within = |trade: &&Summary| (from..from + length).contains(&trade.start);
                let mut naive = Summary::EMPTY;
                trades.iter().filter(within).for_each(|trade| naive.merge(trade));
                prop_assert_eq!(text(&history.sum(from, from + length)), text(&naive));
                let first = trades.iter().map(|trade| trade.start).filter(|&second| second >= from).min();
                prop_assert_eq!(history.first_from(from), first);
                let before = trades.iter().filter(|trade| trade.start < from).max_by_key(|t| (t.start, t.first_id));
                prop_assert_eq!(history.price_before(from), before.map(|trade| trade.close));
            }
        }
    }

    #[test]
    fn what_is_dropped_leaves_its_price_and_no_memory() {
        let mut history = History::default();
        for second in 0..100_000 {
            history.add(&summary(second, second, 1 + second, 1));
            history.drop_before(second - SECONDS_KEPT);
            assert!(history.len() as i64 <= SECONDS_KEPT + 1 + 1_442 + 26);
        }
        assert_eq!(history.price_before(100_000 - SECONDS_KEPT - 1), Some(Decimal::new(100_000 - 86_461, 8).unwrap()));
        let day = history.sum(100_000 - 86_400, 100_000);
        assert_eq!((day.first_id, day.last_id, day.trades), (13_600, 99_999, 86_400));
        history.drop_before(i64::MAX / 2);
        assert!(history.is_empty());
        assert_eq!(history.price_before(0), Some(Decimal::new(100_000, 8).unwrap()));
    }
}
