//! What was traded in a stretch of time, and how stretches add up.
//!
//! Trades of a symbol are in the order of their ids, whichever way they are put together: the opening price is that of
//! the smallest id, the closing price that of the largest. So stretches can be merged in any order, and a trade that
//! comes late finds its place.
//!
//! Sums are exact; quote volumes have the places of prices and sizes together. A sum that would leave the range of a
//! [`Decimal`], 35 digits, stays where it was; no market comes near.

use crate::market::decimal::Decimal;
use crate::market::tick::{AggTrade, Taker, Trade};

/// One trade, or several at one price that came as one.
#[derive(Clone, Copy, Debug)]
pub struct Execution {
    /// First trade's id.
    pub first_id: i64,
    /// Last trade's id.
    pub last_id: i64,
    /// Price, above zero.
    pub price: Decimal,
    /// Size in the base currency, not below zero.
    pub size: Decimal,
    /// Price × size.
    pub quote: Decimal,
    /// When it was executed.
    pub ts_trade: i64,
    /// Who crossed the spread.
    pub taker: Taker,
}

impl Execution {
    /// A single trade; `None` where its price is not above zero, its size below zero, or their product out of range.
    pub fn of_trade(trade: &Trade) -> Option<Execution> {
        Self::new(trade.id, trade.id, trade.price, trade.size, trade.ts_trade, trade.taker)
    }

    /// Several trades; `None` as above, and where the last id is before the first.
    pub fn of_agg_trade(trade: &AggTrade) -> Option<Execution> {
        Self::new(trade.first_id, trade.last_id, trade.price, trade.size, trade.ts_trade, trade.taker)
    }

    fn new(first_id: i64, last_id: i64, price: Decimal, size: Decimal, ts_trade: i64, taker: Taker) -> Option<Self> {
        if price.mantissa() <= 0 || size.is_negative() || first_id < 0 || last_id < first_id {
            return None;
        }
        let quote = price.checked_mul(size)?;
        Some(Execution { first_id, last_id, price, size, quote, ts_trade, taker })
    }
}

/// What was traded in a stretch of time; with `trades` 0 nothing, and everything else means nothing.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// The second it begins with.
    pub start: i64,
    /// First trade's id.
    pub first_id: i64,
    /// Last trade's id.
    pub last_id: i64,
    /// How many trades.
    pub trades: i64,
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
    /// Volume in the quote currency, with all its places.
    pub quote_volume: Decimal,
}

impl Summary {
    /// Nothing.
    pub const EMPTY: Summary = Summary {
        start: i64::MAX,
        first_id: -1,
        last_id: -1,
        trades: 0,
        open: Decimal::ZERO,
        high: Decimal::ZERO,
        low: Decimal::ZERO,
        close: Decimal::ZERO,
        volume: Decimal::ZERO,
        quote_volume: Decimal::ZERO,
    };

    /// One execution, in the stretch that begins with the second `start`.
    pub fn of(execution: &Execution, start: i64) -> Summary {
        let price = execution.price;
        Summary {
            start,
            first_id: execution.first_id,
            last_id: execution.last_id,
            trades: (execution.last_id - execution.first_id).saturating_add(1),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: execution.size,
            quote_volume: execution.quote,
        }
    }

    /// Adds another stretch, before, after or within this one.
    pub fn merge(&mut self, other: &Summary) {
        if self.trades == 0 {
            *self = *other;
        } else if other.trades > 0 {
            self.start = self.start.min(other.start);
            if other.first_id < self.first_id {
                (self.first_id, self.open) = (other.first_id, other.open);
            }
            if other.last_id > self.last_id {
                (self.last_id, self.close) = (other.last_id, other.close);
            }
            self.trades = self.trades.saturating_add(other.trades);
            self.high = self.high.max(other.high);
            self.low = self.low.min(other.low);
            self.volume = plus(self.volume, other.volume);
            self.quote_volume = plus(self.quote_volume, other.quote_volume);
        }
    }
}

/// A summary that also knows what takers bought: what a candle shows.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// Everything traded.
    pub summary: Summary,
    /// Base volume bought by takers.
    pub taker_volume: Decimal,
    /// Quote volume spent by buying takers.
    pub taker_quote_volume: Decimal,
}

/// One for each second that saw a trade is kept for a day.
const _: () = assert!(size_of::<Bar>() == 160);

impl Bar {
    /// Nothing.
    pub const EMPTY: Bar =
        Bar { summary: Summary::EMPTY, taker_volume: Decimal::ZERO, taker_quote_volume: Decimal::ZERO };

    /// One execution, in the stretch that begins with the second `start`.
    pub fn of(execution: &Execution, start: i64) -> Bar {
        let (taker_volume, taker_quote_volume) = match execution.taker {
            Taker::Buyer => (execution.size, execution.quote),
            Taker::Seller => (Decimal::ZERO, Decimal::ZERO),
        };
        Bar { summary: Summary::of(execution, start), taker_volume, taker_quote_volume }
    }

    /// Adds another stretch.
    pub fn merge(&mut self, other: &Bar) {
        self.summary.merge(&other.summary);
        self.taker_volume = plus(self.taker_volume, other.taker_volume);
        self.taker_quote_volume = plus(self.taker_quote_volume, other.taker_quote_volume);
    }
}

#[inline]
fn plus(sum: Decimal, more: Decimal) -> Decimal {
    sum.checked_add(more).unwrap_or(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(id: i64, price: i64) -> Execution {
        let trade = Trade {
            id,
            price: Decimal::new(price.into(), 2).unwrap(),
            size: Decimal::new(2, 1).unwrap(),
            ts_trade: 0,
            taker: if id % 2 == 0 { Taker::Buyer } else { Taker::Seller },
            day: None,
            best: None,
        };
        Execution::of_trade(&trade).unwrap()
    }

    #[test]
    fn the_order_of_merging_does_not_matter() {
        let ids = [(4, 100), (5, 90), (6, 130), (7, 110)];
        let merged = |order: [usize; 4]| {
            let mut bar = Bar::EMPTY;
            order.iter().for_each(|&n| bar.merge(&Bar::of(&execution(ids[n].0, ids[n].1), n as i64)));
            bar
        };
        let expected = format!("{:?}", merged([0, 1, 2, 3]));
        for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
            assert_eq!(format!("{:?}", merged(order)), expected);
        }
        let bar = merged([2, 0, 3, 1]);
        assert_eq!((bar.summary.first_id, bar.summary.last_id, bar.summary.trades), (4, 7, 4));
        assert_eq!([bar.summary.open, bar.summary.close].map(|price| price.to_string()), ["1.00", "1.10"]);
        assert_eq!(bar.summary.quote_volume.to_string(), "0.860");
        assert_eq!(bar.taker_quote_volume.to_string(), "0.460");
    }

    #[test]
    fn what_cannot_be_summed_is_no_execution() {
        let good = Trade {
            id: 1,
            price: Decimal::new(1, 0).unwrap(),
            size: Decimal::new(1, 0).unwrap(),
            ts_trade: 0,
            taker: Taker::Buyer,
            day: None,
            best: None,
        };
        assert!(Execution::of_trade(&good).is_some());
        let huge = Decimal::new(1 << 100, 0).unwrap();
        for bad in [
            Trade { price: Decimal::ZERO, ..good },
            Trade { size: Decimal::new(-1, 0).unwrap(), ..good },
            Trade { price: huge, size: huge, ..good },
            Trade { id: -1, ..good },
        ] {
            assert!(Execution::of_trade(&bad).is_none());
        }
    }
}
