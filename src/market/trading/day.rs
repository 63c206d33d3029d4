//! The UTC day of one symbol, as Upbit's ticker tells it.
//!
//! A trade belongs to the day it was executed on, and the first trade of a day begins it: until then the day before is
//! shown. The market clock is never behind a trade, so that is never before midnight. A trade of an older day that
//! comes late is left out of the day's sums, and counted; it still is the close of its day where no later one is known.
//!
//! The close of the day before is, in this order: what the feed says itself (Upbit's trades and tickers do); the last
//! price before the day that the tape has; the last price before the 24 hours of the first native 24-hour ticker of the
//! day, which is a day old and not of midnight; the first price the tape has. So before a tape's first midnight it is
//! what comes nearest.
//!
//! Known limitations: the day's sums hold what the tape has of it, and the prices of 52 weeks are those of the whole
//! tape. A record reached twice keeps the day it was reached first.

use crate::market::civil::NS_PER_DAY;
use crate::market::decimal::Decimal;
use crate::market::quotient::quotient;
use crate::market::tick::{DayChange, DayTicker, Direction, Level, MarketState, Record};
use crate::market::trading::summary::{Bar, Execution};

/// Decimal places of a change as a share of yesterday's close; rounded to the nearest, a half away from zero.
pub const RATE_PLACES: u8 = 10;

/// The day of a time in nanoseconds, counted from 1970-01-01.
pub fn day_of(ns: i64) -> i64 {
    ns.div_euclid(NS_PER_DAY)
}

/// What was traded on the newest day with a trade.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    day: i64,
    bar: Bar,
    /// The last trade before it: day, id and price.
    close_before: Option<(i64, i64, Decimal)>,
    /// The first price of all.
    first: Decimal,
    highest: Record,
    lowest: Record,
}

/// The close of the day before, as far as a feed tells it.
#[derive(Clone, Copy, Debug)]
pub struct ToldClose {
    /// The day whose day before it is.
    pub day: i64,
    /// The price.
    pub price: Decimal,
    /// Whether it is that close, and not merely a price of a day ago.
    pub is_exact: bool,
}

impl Day {
    /// Begins with a trade.
    pub fn new(execution: &Execution, bar: &Bar) -> Day {
        let day = day_of(execution.ts_trade);
        let record = Record { price: execution.price, day: day as i32 };
        Day { day, bar: *bar, close_before: None, first: execution.price, highest: record, lowest: record }
    }

    /// Adds a trade; whether its day was over.
    pub fn add(&mut self, execution: &Execution, bar: &Bar) -> bool {
        let day = day_of(execution.ts_trade);
        let record = Record { price: execution.price, day: day as i32 };
        if record.price > self.highest.price {
            self.highest = record;
        }
        if record.price < self.lowest.price {
            self.lowest = record;
        }
        if day == self.day {
            self.bar.merge(bar);
        } else if day > self.day {
            self.close_before = Some((self.day, self.bar.summary.last_id, self.bar.summary.close));
            (self.day, self.bar) = (day, *bar);
        } else if self.close_before.is_none_or(|(known, id, _)| (known, id) < (day, execution.last_id)) {
            self.close_before = Some((day, execution.last_id, execution.price));
        }
        day < self.day
    }

    /// The newest day with a trade.
    pub fn day(&self) -> i64 {
        self.day
    }

    /// The close before a trade of this day, by what is known so far.
    pub fn previous_close(&self, day: i64, told: Option<ToldClose>) -> Decimal {
        let told = told.filter(|told| told.day == day);
        let own =
            if day > self.day { Some(self.bar.summary.close) } else { self.close_before.map(|(_, _, price)| price) };
        match (told, own) {
            (Some(told), _) if told.is_exact => told.price,
            (_, Some(own)) => own,
            (Some(told), None) => told.price,
            (None, None) => self.first,
        }
    }

    /// The ticker after the trade `last`. `rolling` are base volume and turnover of 24 hours.
    pub fn ticker(&self, last: &Execution, told: Option<ToldClose>, rolling: (Decimal, Decimal)) -> DayTicker {
        let Bar { summary, taker_volume, .. } = self.bar;
        let previous_close = self.previous_close(self.day, told);
        let day = change(last.price, previous_close);
        let zero = Decimal::new(0, RATE_PLACES).unwrap_or(Decimal::ZERO);
        let rate = |change: Decimal| quotient(change, previous_close, RATE_PLACES).unwrap_or(zero);
        let signed_change = last.price.checked_sub(previous_close).unwrap_or(Decimal::ZERO);
        DayTicker {
            open: summary.open,
            high: summary.high,
            low: summary.low,
            last: Level { price: last.price, size: last.size },
            day,
            signed_change,
            change_rate: rate(day.amount),
            signed_change_rate: rate(signed_change),
            turnover: summary.quote_volume,
            volume: summary.volume,
            ask_volume: summary.volume.checked_sub(taker_volume).unwrap_or(Decimal::ZERO),
            bid_volume: taker_volume,
            turnover_24h: rolling.1,
            volume_24h: rolling.0,
            taker: last.taker,
            ts_trade: last.ts_trade,
            highest_52w: self.highest,
            lowest_52w: self.lowest,
            state: MarketState::Active,
            suspended: false,
            caution: false,
            delisting_day: None,
        }
    }
}

/// A price against the close of the day before.
pub fn change(price: Decimal, previous_close: Decimal) -> DayChange {
    let (direction, from, to) = match price.cmp(&previous_close) {
        std::cmp::Ordering::Greater => (Direction::Rise, previous_close, price),
        std::cmp::Ordering::Equal => (Direction::Even, previous_close, price),
        std::cmp::Ordering::Less => (Direction::Fall, price, previous_close),
    };
    DayChange { previous_close, direction, amount: to.checked_sub(from).unwrap_or(Decimal::ZERO) }
}
