//! Bars: what the trades of equal spans of time came to, for lists of candles that are asked for.
//!
//! A bar exists only where a trade fell into its span. Bars are of four lengths; longer candles are merged of them when
//! they are asked for, exactly: a candle of which a part has been forgotten is not told.

use std::collections::VecDeque;

use crate::market::decimal::Decimal;
use crate::market::quotient::plain;
use crate::market::tick::{Taker, Trade};

/// What the trades of a span of time came to. Numbers are in plain notation without trailing zeros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// First instant of the span.
    pub ts_open: i64,
    /// Time and id of its first trade; trades of one instant are in the order of their ids.
    pub first: (i64, i64),
    /// Time and id of its last trade.
    pub last: (i64, i64),
    /// The event time of the message that told its last trade.
    pub ts_update: i64,
    /// First price.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// Volume in the base currency bought by takers.
    pub bid_volume: Decimal,
    /// Volume in the quote currency.
    pub turnover: Decimal,
    /// Close of the UTC day before, as its last trade says; `None` where trades do not say it.
    pub previous_close: Option<Decimal>,
}

impl Bar {
    /// The bar of a single trade; `None` where price times size is out of range.
    fn of(trade: &Trade, ts_event: i64, ts_open: i64) -> Option<Bar> {
        let (price, size) = (plain(trade.price), plain(trade.size));
        Some(Bar {
            ts_open,
            first: (trade.ts_trade, trade.id),
            last: (trade.ts_trade, trade.id),
            ts_update: ts_event,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: size,
            bid_volume: if trade.taker == Taker::Buyer { size } else { Decimal::ZERO },
            turnover: price.checked_mul(size)?,
            previous_close: trade.day.map(|day| plain(day.previous_close)),
        })
    }

    /// Both in one, with the start of `self`. `None` where a sum is out of range.
    fn with(self, other: &Bar) -> Option<Bar> {
        let first = if other.first < self.first { other } else { &self };
        let last = if other.last >= self.last { other } else { &self };
        Some(Bar {
            ts_open: self.ts_open,
            first: first.first,
            open: first.open,
            high: self.high.max(other.high),
            low: self.low.min(other.low),
            volume: self.volume.checked_add(other.volume)?,
            bid_volume: self.bid_volume.checked_add(other.bid_volume)?,
            turnover: self.turnover.checked_add(other.turnover)?,
            ..*last
        })
    }
}

/// The newest bars of one length.
#[derive(Debug)]
pub struct Bars {
    length_ns: i64,
    most: usize,
    /// Oldest first, each start once.
    list: VecDeque<Bar>,
    /// Start of the newest bar that was forgotten.
    forgotten: Option<i64>,
}

impl Bars {
    /// None yet. `most` is how many are kept; they begin at multiples of `length_ns` since the epoch.
    pub fn new(length_ns: i64, most: usize) -> Bars {
        Bars { length_ns, most, list: VecDeque::new(), forgotten: None }
    }

    /// Adds a trade to the bar of its time, also where that is not the newest. A trade of a time that has been
    /// forgotten is left out, and so is one that would make a sum exceed what a [`Decimal`] holds.
    pub fn add(&mut self, trade: &Trade, ts_event: i64) {
        let start = trade.ts_trade - trade.ts_trade.rem_euclid(self.length_ns);
        let Some(added) = Bar::of(trade, ts_event, start) else { return };
        let at = self.list.iter().rposition(|bar| bar.ts_open <= start).map_or(0, |at| at + 1);
        if let Some(bar) = at.checked_sub(1).map(|at| &mut self.list[at])
            && bar.ts_open == start
        {
            *bar = bar.with(&added).unwrap_or(*bar);
        } else if self.forgotten.is_none_or(|forgotten| start > forgotten) {
            self.list.insert(at, added);
            if self.list.len() > self.most {
                self.forgotten = self.list.pop_front().map(|bar| bar.ts_open);
            }
        }
    }

    /// The newest bar; `None` before the first trade.
    pub fn last(&self) -> Option<&Bar> {
        self.list.back()
    }

    /// The bars that begin at this time or later, newest first.
    pub fn since(&self, ts_open: i64) -> impl Iterator<Item = &Bar> {
        self.list.iter().rev().take_while(move |bar| bar.ts_open >= ts_open)
    }

    /// The newest candles, newest first, at most `count`, that begin before `before`. `start_of` tells where the candle
    /// begins that holds a time; candles are made of whole bars.
    ///
    /// Cost: a few sums for each bar that goes into them.
    pub fn candles(&self, count: usize, before: Option<i64>, start_of: impl Fn(i64) -> i64) -> Vec<Bar> {
        let end = self.list.partition_point(|bar| before.is_none_or(|before| start_of(bar.ts_open) < before));
        let mut candles: Vec<Bar> = Vec::new();
        for bar in self.list.range(..end).rev() {
            let start = start_of(bar.ts_open);
            if let Some(candle) = candles.last_mut()
                && candle.ts_open == start
            {
                let Some(both) = candle.with(bar) else {
                    candles.pop();
                    return candles;
                };
                *candle = both;
            } else if candles.len() == count {
                return candles;
            } else {
                candles.push(Bar { ts_open: start, ..*bar });
            }
        }
        if candles.last().is_some_and(|oldest| self.forgotten.is_some_and(|forgotten| forgotten >= oldest.ts_open)) {
            candles.pop();
        }
        candles
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    fn trade(ts_trade: i64, price: &str, size: &str) -> Trade {
        let (price, size) = (decimal(price), decimal(size));
        Trade { id: ts_trade, price, size, ts_trade, taker: Taker::Buyer, day: None, best: None }
    }

    fn told(candles: &[Bar]) -> Vec<String> {
        let told = |bar: &Bar| {
            format!(
                "{} {} {} {} {} {} {}",
                bar.ts_open, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.turnover
            )
        };
        candles.iter().map(told).collect()
    }

    #[test]
    fn trades_go_into_the_bar_of_their_time_whenever_they_come() {
        let mut bars = Bars::new(10, 100);
        for trade in [
            trade(12, "9.8765E7", "5.0E-4"),
            trade(31, "98760000.0", "1"),
            trade(14, "98770000", "0.25"),
            trade(11, "1", "2"),
            trade(25, "7", "1"),
        ] {
            bars.add(&trade, trade.ts_trade + 1_000);
        }
        let candles = bars.candles(9, None, |time| time);
        assert_eq!(
            told(&candles),
            [
                "30 98760000 98760000 98760000 98760000 1 98760000",
                "20 7 7 7 7 1 7",
                "10 1 98770000 1 98770000 2.2505 24741884.5000"
            ]
        );
        assert_eq!((candles[2].first, candles[2].last, candles[2].ts_update), ((11, 11), (14, 14), 1_014));
        assert_eq!(told(&bars.candles(1, Some(30), |time| time)), ["20 7 7 7 7 1 7"]);
        assert_eq!(
            told(&bars.candles(2, None, |time| time / 20 * 20)),
            ["20 7 98760000 7 98760000 2 98760007", "0 1 98770000 1 98770000 2.2505 24741884.5000"]
        );
    }

    #[test]
    fn a_candle_of_which_a_part_is_forgotten_is_not_told() {
        let mut bars = Bars::new(10, 3);
        for time in [0, 10, 20, 30] {
            bars.add(&trade(time, "1", "1"), time);
        }
        // The bar at 0 has gone, and a trade of its time does not bring it back.
        bars.add(&trade(5, "1", "1"), 5);
        assert_eq!(bars.candles(9, None, |time| time).len(), 3);
        assert_eq!(told(&bars.candles(9, None, |time| time / 20 * 20)), ["20 1 1 1 1 2 2"]);
    }

    proptest! {
        #[test]
        fn merged_candles_are_those_of_all_trades(
            trades in proptest::collection::vec((0_i64..100, 1_i64..50, 1_i64..50), 1..60),
            unit in 1_i64..5,
        ) {
            let start_of = |time: i64| time / (unit * 10) * unit * 10;
            let (mut bars, mut twin) = (Bars::new(10, 100), Bars::new(unit * 10, 100));
            for (time, price, size) in trades {
                let trade = trade(time, &price.to_string(), &size.to_string());
                bars.add(&trade, time);
                twin.add(&trade, time);
            }
            prop_assert_eq!(bars.candles(99, None, start_of), twin.candles(99, None, |time| time));
        }
    }
}
