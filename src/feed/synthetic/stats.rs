//! What a venue tells about the trades so far: the candle of the minute, the rolling day, the calendar day.
//!
//! Prices are in ticks and sizes in lots. Money is in units of a tick times a lot, so every sum is exact.

use super::book::Side;
use super::catalog::Listing;
use super::line::DAY_MS;
use super::market::Fill;

/// Prices and volume of some stretch of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar {
    pub(super) open: i64,
    pub(super) high: i64,
    pub(super) low: i64,
    pub(super) close: i64,
    /// Lots.
    pub(super) volume: i128,
    /// Ticks times lots.
    pub(super) money: i128,
    /// Lots that takers bought.
    pub(super) bought: i128,
    /// What they paid for it.
    pub(super) bought_money: i128,
}

impl Bar {
    /// A stretch without trades after a price.
    pub(super) fn flat(price: i64) -> Self {
        Self { open: price, high: price, low: price, close: price, volume: 0, money: 0, bought: 0, bought_money: 0 }
    }

    /// A day that has been going on for a while: `lots` were traded within the listing's range of the day.
    pub(super) fn day(listing: &Listing, lots: i64) -> Self {
        let [open, high, low] = listing.day_range.map(|shift| listing.price + listing.price * shift / 10_000);
        let close = listing.price;
        // As if every lot had been paid at the mean of the four prices, and a little more, so that the mean is no round number.
        let (volume, mean4) = (i128::from(lots), i128::from(open + high + low + close));
        let bought = volume * 513 / 1000;
        Self {
            open,
            high: high.max(open).max(close),
            low: low.min(open).min(close),
            close,
            volume,
            money: volume * mean4 / 4 + volume * 37 / 100,
            bought,
            bought_money: bought * mean4 / 4,
        }
    }

    /// Adds a trade.
    pub(super) fn add(&mut self, fill: &Fill) {
        if self.volume == 0 {
            *self = Self::flat(fill.price);
        }
        self.high = self.high.max(fill.price);
        self.low = self.low.min(fill.price);
        self.close = fill.price;
        let (size, money) = (i128::from(fill.size), i128::from(fill.price) * i128::from(fill.size));
        self.volume += size;
        self.money += money;
        if fill.taker == Side::Bid {
            self.bought += size;
            self.bought_money += money;
        }
    }
}

/// The candle of one minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candle {
    /// First millisecond.
    pub(super) start_ms: i64,
    /// Trade ids; -1 without trades.
    pub(super) first_id: i64,
    /// See `first_id`.
    pub(super) last_id: i64,
    pub(super) bar: Bar,
}

impl Candle {
    /// A minute without trades so far.
    pub(super) fn new(start_ms: i64, price: i64) -> Self {
        Self { start_ms, first_id: -1, last_id: -1, bar: Bar::flat(price) }
    }

    /// The minute after this one.
    pub(super) fn next(&self) -> Self {
        Self::new(self.start_ms + MINUTE_MS, self.bar.close)
    }

    /// The first millisecond after it.
    pub(super) fn end_ms(&self) -> i64 {
        self.start_ms + MINUTE_MS
    }

    /// How many trades it has.
    pub(super) fn trades(&self) -> i64 {
        if self.first_id < 0 { 0 } else { self.last_id - self.first_id + 1 }
    }

    /// Adds a trade.
    pub(super) fn add(&mut self, id: i64, fill: &Fill) {
        if self.first_id < 0 {
            self.first_id = id;
        }
        self.last_id = id;
        self.bar.add(fill);
    }
}

/// A day of UTC, as Upbit counts it, and the rolling sums beside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct CalendarDay {
    /// Days since 1970.
    pub(super) number: i64,
    /// The last price of the day before.
    pub(super) yesterday: i64,
    pub(super) bar: Bar,
    /// The last 24 hours: lots, and ticks times lots.
    pub(super) rolling: (i128, i128),
}

impl CalendarDay {
    /// The day that `ms` is in, with as much volume as belongs to its hour.
    pub(super) fn new(listing: &Listing, yesterday: i64, ms: i64) -> Self {
        let whole = Bar::day(listing, listing.day_lots);
        let elapsed = i128::from(ms.rem_euclid(DAY_MS));
        let lots = i128::from(listing.day_lots) * elapsed / i128::from(DAY_MS);
        Self {
            number: ms.div_euclid(DAY_MS),
            yesterday,
            bar: Bar::day(listing, lots as i64),
            rolling: (whole.volume, whole.money),
        }
    }

    /// Adds a trade, which may be the first one of a new day.
    pub(super) fn add(&mut self, ms: i64, fill: &Fill) {
        let number = ms.div_euclid(DAY_MS);
        if number != self.number {
            self.number = number;
            self.yesterday = self.bar.close;
            self.bar = Bar::flat(fill.price);
        }
        self.bar.add(fill);
        self.rolling.0 += i128::from(fill.size);
        self.rolling.1 += i128::from(fill.price) * i128::from(fill.size);
    }
}

/// Milliseconds of a minute.
pub(super) const MINUTE_MS: i64 = 60_000;
