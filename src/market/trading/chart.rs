//! Candles of the past for those who ask: of any length, in any time zone, cut from the sums that are kept.
//!
//! Candles are put together from the longest stretches that their beginnings do not cut: quarters of an hour where
//! length and zone allow, minutes otherwise, seconds for candles of one second. So they reach back a year, a week, or
//! a day; a candle whose beginning is no longer kept is left out. The first one of all holds what a tape has of it, the
//! last one is that of the present moment. A candle without trades shows the close before it.
//!
//! Cost: for each candle a look at every stretch in it that saw a trade; at most one of a year's 35,136 quarters for a
//! thousand candles of twelve hours, a week's 10,080 minutes for those of five minutes in a zone of odd minutes.

use crate::market::channel::Interval;
use crate::market::civil::NS_PER_SECOND;
use crate::market::decimal::Decimal;
use crate::market::tick::Kline;
use crate::market::trading::candle::{kline, span_ahead};
use crate::market::trading::statistics::Places;
use crate::market::trading::summary::Bar;
use crate::market::trading::window::{History, Shelf, UNITS};

/// How time is cut into candles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// How long they are.
    pub interval: Interval,
    /// How many seconds the clocks are ahead of UTC where they begin; below zero in the west.
    pub ahead: i64,
}

/// Which candles, by the time they open, in nanoseconds since the epoch, both ends inclusive. From a start it is the
/// oldest there are, otherwise the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first instant; `None` where there is no such bound.
    pub start: Option<i64>,
    /// The last instant; `None` as above.
    pub end: Option<i64>,
    /// The most candles.
    pub limit: usize,
}

impl Cut {
    /// First second of the candle that holds `second`, and of the one after it.
    pub fn span(self, second: i64) -> (i64, i64) {
        span_ahead(self.interval, self.ahead, second)
    }

    /// Which of [`UNITS`] candles are made of.
    fn size(self) -> usize {
        let fits =
            |unit: i64| self.ahead % unit == 0 && self.interval.seconds().is_none_or(|length| length % unit == 0);
        (0..UNITS.len()).rev().find(|&size| fits(UNITS[size])).unwrap_or(0)
    }
}

/// What candles are cut from.
#[derive(Clone, Copy)]
pub struct Chart<'a> {
    /// What was traded.
    pub history: &'a History,
    /// Seconds that are not yet in the history.
    pub fresh: &'a [Bar],
    /// How numbers are spelled.
    pub places: Places,
    /// The present second.
    pub now: i64,
}

impl Chart<'_> {
    /// The candles of a stretch, oldest first.
    pub fn klines(&self, cut: Cut, stretch: Stretch) -> Vec<Kline> {
        let shelf = self.history.shelf(cut.size());
        let Some((mut open, last)) = self.opens(shelf, cut, stretch) else { return Vec::new() };
        let mut number = shelf.count_before(open);
        let fresh = self.fresh.iter().filter(|bar| bar.summary.start < open).max_by_key(|bar| bar.summary.last_id);
        let mut close = fresh.map(|bar| bar.summary.close).or(shelf.price_before(number));
        let mut klines = Vec::new();
        while open <= last && klines.len() < stretch.limit {
            let (_, end) = cut.span(open);
            let mut bar = Bar::EMPTY;
            while let Some(more) = shelf.bars.get(number).filter(|more| more.summary.start < end) {
                bar.merge(more);
                number += 1;
            }
            let within = |bar: &&Bar| (open..end).contains(&bar.summary.start);
            self.fresh.iter().filter(within).for_each(|more| bar.merge(more));
            if bar.summary.trades > 0 {
                close = Some(bar.summary.close);
            }
            klines.extend(close.map(|close: Decimal| kline((open, end), &bar, close, end <= self.now, self.places)));
            open = end;
        }
        klines
    }

    /// The first second of the first and of the last candle; `None` where there are none.
    fn opens(&self, shelf: &Shelf, cut: Cut, stretch: Stretch) -> Option<(i64, i64)> {
        let seconds = || shelf.bars.front().into_iter().chain(self.fresh).map(|bar| bar.summary.start);
        let oldest = match shelf.whole_from {
            None => cut.span(seconds().min()?).0,
            Some(whole) => match cut.span(whole) {
                (open, _) if open == whole => open,
                (_, next) => next,
            },
        };
        let newest = cut.span(seconds().max().map_or(self.now, |second| second.max(self.now))).0;
        let mut last = newest;
        if let Some(end) = stretch.end {
            let end = end.div_euclid(NS_PER_SECOND);
            if end < oldest {
                return None;
            }
            last = cut.span(end.min(newest)).0;
        }
        let mut first = last;
        if let Some(start) = stretch.start {
            let start = start.div_euclid(NS_PER_SECOND) + i64::from(start.rem_euclid(NS_PER_SECOND) > 0);
            if start > last {
                return None;
            }
            first = match cut.span(start.max(oldest)) {
                (open, next) if open < start => next,
                (open, _) => open,
            };
        } else {
            for _ in 1..stretch.limit {
                first = cut.span(first - 1).0;
                if first < oldest {
                    first = oldest;
                    break;
                }
            }
        }
        (first <= last).then_some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::tick::{Taker, Trade};
    use crate::market::trading::summary::Execution;
    use proptest::prelude::*;

    /// A trade at this second; its price is its id.
    fn bar(id: i64, second: i64) -> Bar {
        let [price, size] = [id, 1].map(|number| Decimal::new(number.into(), 0).unwrap());
        let (ts_trade, taker) = (second * NS_PER_SECOND, Taker::Buyer);
        let trade = Trade { id, price, size, ts_trade, taker, day: None, best: None };
        Bar::of(&Execution::of_trade(&trade).unwrap(), second)
    }

    /// Opening second, trades, opening and closing price.
    type Brief = (i64, i64, i64, i64);

    fn brief(kline: &Kline) -> Brief {
        let whole = |price: Decimal| price.mantissa() as i64;
        (kline.ts_open / NS_PER_SECOND, kline.trades, whole(kline.open), whole(kline.close))
    }

    /// All candles from the first trade's to that of `now`, added up anew.
    fn naive(bars: &[Bar], cut: Cut, now: i64) -> Vec<Brief> {
        let Some(first) = bars.iter().map(|bar| bar.summary.start).min() else { return Vec::new() };
        let (mut open, mut close, mut all) = (cut.span(first).0, 0, Vec::new());
        while open <= now {
            let (_, end) = cut.span(open);
            let ids = || bars.iter().filter(|b| (open..end).contains(&b.summary.start)).map(|b| b.summary.first_id);
            let before = close;
            close = ids().max().unwrap_or(close);
            all.push((open, ids().count() as i64, ids().min().unwrap_or(before), close));
            open = end;
        }
        all
    }

    const NOW: i64 = 1_790_000_000;

    proptest! {
        #[test]
        fn a_list_is_what_the_trades_say(
            ages in proptest::collection::vec(0_i64..400_000, 1..60),
            interval in prop::sample::select(&Interval::ALL[1..]),
            ahead in prop::sample::select(&[0_i64, 480, 345, -60, -721, 7][..]),
            fresh in 0_usize..5,
            start in proptest::option::of(-500_000_i64..1_000),
            length in proptest::option::of(0_i64..600_000),
            limit in 1_usize..50,
        ) {
            let mut seconds: Vec<i64> = ages.iter().map(|age| NOW - age).collect();
            seconds.sort_unstable();
            let bars: Vec<Bar> = seconds.iter().enumerate().map(|(n, &second)| bar(n as i64 + 1, second)).collect();
            let mut history = History::default();
            let kept = bars.len() - fresh.min(bars.len());
            bars[..kept].iter().for_each(|bar| history.add(bar));
            history.drop_old(NOW);
            let chart = Chart { history: &history, fresh: &bars[kept..], places: Places::default(), now: NOW };
            let cut = Cut { interval, ahead: ahead * 60 };
            let start = start.map(|start| NOW + start);
            let end = length.map(|length| start.unwrap_or(NOW - 300_000) + length);
            let mut expected = naive(&bars, cut, NOW);
            expected.retain(|k| start.is_none_or(|start| k.0 >= start) && end.is_none_or(|end| k.0 <= end));
            if start.is_none() {
                expected.drain(..expected.len().saturating_sub(limit));
            }
            expected.truncate(limit);
            let stretch = Stretch { start: start.map(|s| s * NS_PER_SECOND), end: end.map(|e| e * NS_PER_SECOND), limit };
            let klines: Vec<Brief> = chart.klines(cut, stretch).iter().map(brief).collect();
            prop_assert_eq!(klines, expected);
        }
    }

    #[test]
    fn what_is_no_longer_kept_is_left_out() {
        let mut history = History::default();
        for (id, age) in [(1, 100_000), (2, 90_000), (3, 80_000)] {
            history.add(&bar(id, NOW - age));
        }
        history.drop_old(NOW);
        let chart = Chart { history: &history, fresh: &[], places: Places::default(), now: NOW };
        let all = Stretch { start: Some(0), end: None, limit: usize::MAX };
        let seconds = chart.klines(Cut { interval: Interval::S1, ahead: 0 }, all);
        assert_eq!(brief(&seconds[0]), (NOW - 90_000 + 1, 0, 2, 2));
        assert_eq!(seconds.len(), 90_000);
        let minutes = chart.klines(Cut { interval: Interval::M1, ahead: 0 }, all);
        assert_eq!(brief(&minutes[0]), ((NOW - 100_000) / 60 * 60, 1, 1, 1));
        let bounds = |start, end| Stretch { start, end, limit: 5 };
        for (start, end) in [(Some(i64::MAX), None), (None, Some(0)), (None, Some(i64::MIN)), (Some(i64::MIN), Some(0))]
        {
            assert!(chart.klines(Cut { interval: Interval::Mo1, ahead: 0 }, bounds(start, end)).is_empty());
        }
        let empty = Chart { history: &History::default(), ..chart };
        assert!(empty.klines(Cut { interval: Interval::Mo1, ahead: 0 }, all).is_empty());
    }
}
