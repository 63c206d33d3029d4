//! The trades of one symbol, summed by second for a day, by minute for a week, by quarter of an hour for a year: what
//! rolling windows and lists of candles are read from.
//!
//! Second by second is not an approximation. Timed streams speak on whole seconds only, and a window that closes at the
//! last nanosecond before a whole second and is a whole number of seconds long opens on a whole second, too; so its
//! edges never cut a second in two. What falls out of it and what it still holds are known exactly, at every instant
//! at which it is told. Windows of more than a day open on whole minutes.
//!
//! A window is read by adding up the seconds at its edges, the minutes between those, and the quarters between those:
//!
//! ```text
//!            ├─ ss ─┼─ mmmm ─┼──── qqqqqqqqqqqqqqqqqq ────┼─ mm ─┼ s ┤
//!           from                                                     to
//! ```
//!
//! at most 2 × 59 seconds, 2 × 14 minutes, and 96 quarters for each day, however many trades there were. Sums that roll
//! along instead would cost less to read and more to keep: nearly every window is asked for by nobody.
//!
//! Memory: one [`Bar`], 160 bytes, for each stretch with a trade. In the worst case, a trade in every second, these are
//! 13 MiB of seconds after a day, 1.5 MiB of minutes after a week, and 5.4 MiB of quarters after a year for a symbol, and
//! up to half as much again of the queues' spare room.

use std::collections::VecDeque;

use crate::market::decimal::Decimal;
use crate::market::trading::summary::Bar;

/// A day, and the minute by which a window that opens on a whole minute may be longer.
pub const SECONDS_KEPT: i64 = 86_400 + 60;

/// The lengths of the stretches that are kept, shortest first; each a multiple of the one before.
pub const UNITS: [i64; 3] = [1, 60, 900];

/// For how many seconds stretches of each length are kept: a day, a week, a year, and what a window may be longer.
const KEPT: [i64; UNITS.len()] = [SECONDS_KEPT, 7 * 86_400 + 60, 366 * 86_400];

/// Sums of a symbol's trades by second, minute and quarter of an hour. Times are whole seconds.
#[derive(Debug, Default)]
pub struct History {
    shelves: [Shelf; UNITS.len()],
}

/// Stretches of one length.
#[derive(Debug, Default)]
pub struct Shelf {
    /// In the order of `start`, stretches without trades left out.
    pub bars: VecDeque<Bar>,
    /// From here on nothing has been dropped; `None` where nothing has been at all.
    pub whole_from: Option<i64>,
    /// The price before the first stretch that is kept; `None` where nothing has been dropped.
    pub dropped: Option<Decimal>,
}

impl Shelf {
    fn add(&mut self, more: &Bar, unit: i64) {
        let start = more.summary.start - more.summary.start.rem_euclid(unit);
        if self.whole_from.is_some_and(|whole| start < whole) {
            return;
        }
        let bars = &mut self.bars;
        let place = match bars.back() {
            Some(last) if last.summary.start == start => bars.len() - 1,
            Some(last) if last.summary.start > start => bars.partition_point(|bar| bar.summary.start < start),
            _ => bars.len(),
        };
        match bars.get_mut(place) {
            Some(bar) if bar.summary.start == start => bar.merge(more),
            _ => bars.insert(place, *more),
        }
        bars[place].summary.start = start;
    }

    /// How many stretches begin before `second`.
    pub fn count_before(&self, second: i64) -> usize {
        self.bars.partition_point(|bar| bar.summary.start < second)
    }

    /// The last price before the stretch of this number; `None` where no trade is known before it.
    pub fn price_before(&self, number: usize) -> Option<Decimal> {
        number.checked_sub(1).map_or(self.dropped, |before| self.bars.get(before).map(|bar| bar.summary.close))
    }

    fn drop_before(&mut self, second: i64, unit: i64) {
        while self.bars.front().is_some_and(|bar| bar.summary.start + unit <= second) {
            let bar = self.bars.pop_front().expect("it has a front");
            self.whole_from = Some(bar.summary.start + unit);
            self.dropped = Some(bar.summary.close);
        }
    }
}

impl History {
    /// Adds what was traded in the second `more.summary.start`, which may be an old one; what is older than what a
    /// shelf keeps is left out there. Cost: three additions; a search and a shift of what is newer for a second that
    /// is not the newest.
    pub fn add(&mut self, more: &Bar) {
        self.shelves.iter_mut().zip(UNITS).for_each(|(shelf, unit)| shelf.add(more, unit));
    }

    /// The stretches of the length [`UNITS`]`[size]`.
    pub fn shelf(&self, size: usize) -> &Shelf {
        &self.shelves[size]
    }

    /// What was traded from `from` up to, not including, `to`. `from` must not be older than what is kept: a day, or
    /// seven for a whole minute.
    pub fn sum(&self, from: i64, to: i64) -> Bar {
        let mut sum = Bar::EMPTY;
        self.sum_units(UNITS.len() - 1, from, to, &mut sum);
        sum
    }

    /// Adds up whole units of this size, and smaller ones at both ends.
    fn sum_units(&self, size: usize, from: i64, to: i64, sum: &mut Bar) {
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
        let bars = shelf.bars.range(shelf.count_before(first)..);
        bars.take_while(|bar| bar.summary.start < last).for_each(|bar| sum.merge(bar));
        if last < to {
            self.sum_units(size - 1, last, to, sum);
        }
    }

    /// The first second from `from` on that saw a trade.
    pub fn first_from(&self, from: i64) -> Option<i64> {
        let shelf = &self.shelves[0];
        shelf.bars.get(shelf.count_before(from)).map(|bar| bar.summary.start)
    }

    /// The last price before `second`; `None` where no trade is known before it.
    pub fn price_before(&self, second: i64) -> Option<Decimal> {
        let shelf = &self.shelves[0];
        shelf.price_before(shelf.count_before(second))
    }

    /// Forgets what no window and no list that is told at `now` or later can hold, but for the prices before it.
    pub fn drop_old(&mut self, now: i64) {
        for ((shelf, unit), kept) in self.shelves.iter_mut().zip(UNITS).zip(KEPT) {
            let second = now - kept;
            shelf.drop_before(second - second.rem_euclid(60), unit);
        }
    }

    /// How many stretches are kept.
    pub fn len(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.bars.len()).sum()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::trading::summary::Summary;
    use proptest::prelude::*;

    fn bar(second: i64, id: i64, price: i64, size: i64) -> Bar {
        let [price, size] = [price, size].map(|number| Decimal::new(number.into(), 8).unwrap());
        let summary = Summary {
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
        };
        Bar { summary, taker_volume: size, taker_quote_volume: Decimal::ZERO }
    }

    /// Everything but `start`, which means the second of the first trade or of the stretch it lies in.
    fn text(bar: &Bar) -> String {
        format!("{:?}", Bar { summary: Summary { start: 0, ..bar.summary }, ..*bar })
    }

    proptest! {
        #[test]
        fn a_window_is_the_sum_of_the_trades_in_it(
            trades in proptest::collection::vec((0_i64..20_000, 1_i64..200, 0_i64..50), 0..300),
            windows in proptest::collection::vec((0_i64..20_000, 0_i64..20_000), 1..20),
        ) {
            let mut history = History::default();
            let trades: Vec<Bar> = trades
                .iter()
                .enumerate()
                .map(|(id, &(second, price, size))| bar(second, id as i64, price, size))
                .collect();
            trades.iter().for_each(|trade| history.add(trade));
            for (from, length) in windows {
                let within = |trade: &&Bar| (from..from + length).contains(&trade.summary.start);
                let mut naive = Bar::EMPTY;
                trades.iter().filter(within).for_each(|trade| naive.merge(trade));
                prop_assert_eq!(text(&history.sum(from, from + length)), text(&naive));
                let first = trades.iter().map(|trade| trade.summary.start).filter(|&second| second >= from).min();
                prop_assert_eq!(history.first_from(from), first);
                let before = trades
                    .iter()
                    .map(|trade| trade.summary)
                    .filter(|trade| trade.start < from)
                    .max_by_key(|t| (t.start, t.first_id));
                prop_assert_eq!(history.price_before(from), before.map(|trade| trade.close));
            }
        }
    }

    #[test]
    fn what_is_dropped_leaves_its_price_and_no_memory() {
        let mut history = History::default();
        for second in 0..100_000 {
            history.add(&bar(second, second, 1 + second, 1));
            history.drop_old(second);
            assert!(history.shelf(0).bars.len() as i64 <= SECONDS_KEPT + 60);
        }
        let whole_from = 13_500;
        assert_eq!(history.shelf(0).whole_from, Some(whole_from));
        assert_eq!(history.price_before(whole_from), Some(Decimal::new(whole_from.into(), 8).unwrap()));
        // What comes too late for the seconds is not lost for the minutes.
        history.add(&bar(5, 200_000, 7, 1));
        assert_eq!(history.shelf(0).bars[0].summary.start, whole_from);
        assert_eq!(history.shelf(1).bars[0].summary.trades, 61);
        let day = history.sum(100_000 - 86_400, 100_000).summary;
        assert_eq!((day.first_id, day.last_id, day.trades), (13_600, 99_999, 86_400));
        let all = history.sum(60, i64::MAX).summary;
        assert_eq!((all.first_id, all.last_id, all.trades), (60, 99_999, 99_940));
        history.drop_old(i64::MAX / 2);
        assert!(history.is_empty());
        assert_eq!(history.price_before(0), Some(Decimal::new(100_000, 8).unwrap()));
    }
}
