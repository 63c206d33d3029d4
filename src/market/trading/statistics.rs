//! Windows as tickers tell them: changes, averages, and how numbers are spelled.
//!
//! Prices keep the spelling of their trades. Volumes have the places that prices and sizes have on the tape; the exact
//! sum is rounded to them only when it is told. Everything that is rounded is rounded to the nearest, a half away from
//! zero. A window without trades shows the last price four times, zero volumes, and -1 for its ids.

use crate::market::decimal::Decimal;
use crate::market::quotient::{quotient, rounded};
use crate::market::tick::{Best, Level, MiniTicker, Ticker, WindowTicker};
use crate::market::trading::summary::{Execution, Summary};

/// Decimal places of a change in per cent.
pub const PERCENT_PLACES: u8 = 3;

/// Decimal places of an average price.
pub const AVERAGE_PLACES: u8 = 8;

/// The decimal places a tape spells a symbol's numbers with: the most it has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    price: u8,
    size: u8,
}

impl Places {
    /// Takes note of a price and a size.
    pub fn observe(&mut self, price: Decimal, size: Decimal) {
        self.price = self.price.max(price.scale().max(0) as u8);
        self.size = self.size.max(size.scale().max(0) as u8);
    }

    /// A base volume.
    pub fn volume(self, sum: Decimal) -> Decimal {
        rounded(sum, self.size).unwrap_or(sum)
    }

    /// A quote volume.
    pub fn quote_volume(self, sum: Decimal) -> Decimal {
        rounded(sum, self.price.max(self.size)).unwrap_or(sum)
    }

    /// A price of zero: none.
    pub fn no_price(self) -> Decimal {
        zero(self.price)
    }

    /// A level that is not there.
    pub fn no_level(self) -> Level {
        Level { price: zero(self.price), size: zero(self.size) }
    }
}

fn zero(places: u8) -> Decimal {
    Decimal::new(0, places).unwrap_or(Decimal::ZERO)
}

/// The numbers of a window that all tickers share.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    summary: Summary,
    change: Decimal,
    change_percent: Decimal,
    average: Decimal,
}

impl Statistics {
    /// Of a window and the price to show where it is empty.
    pub fn new(window: &Summary, last: Decimal, places: Places) -> Statistics {
        let mut summary = *window;
        if summary.trades == 0 {
            (summary.open, summary.high, summary.low, summary.close) = (last, last, last, last);
        }
        let change = summary.close.checked_sub(summary.open).unwrap_or(Decimal::ZERO);
        let hundredfold = change.checked_mul(Decimal::new(100, 0).expect("100 is in range"));
        let percent = hundredfold.and_then(|change| quotient(change, summary.open, PERCENT_PLACES));
        let average = average_price(&summary).unwrap_or(zero(AVERAGE_PLACES));
        summary.volume = places.volume(summary.volume);
        summary.quote_volume = places.quote_volume(summary.quote_volume);
        Statistics { summary, change, change_percent: percent.unwrap_or(zero(PERCENT_PLACES)), average }
    }

    /// The ticker of the last 24 hours. `previous` is the last price before them; where none is known, the first of
    /// them is told instead.
    pub fn ticker(&self, previous: Option<Decimal>, last: &Execution, best: Best, span: (i64, i64)) -> Ticker {
        let Summary { open, high, low, volume, quote_volume, first_id, last_id, trades, .. } = self.summary;
        Ticker {
            change: self.change,
            change_percent: self.change_percent,
            average: self.average,
            previous: previous.unwrap_or(open),
            last: Level { price: self.summary.close, size: last.size },
            best,
            open,
            high,
            low,
            volume,
            quote_volume,
            ts_open: span.0,
            ts_close: span.1,
            first_id,
            last_id,
            trades,
        }
    }

    /// The shorter ticker of the last 24 hours.
    pub fn mini_ticker(&self) -> MiniTicker {
        let Summary { open, high, low, close, volume, quote_volume, .. } = self.summary;
        MiniTicker { close, open, high, low, volume, quote_volume }
    }

    /// The ticker of a window that opens on a whole minute.
    pub fn window_ticker(&self, span: (i64, i64)) -> WindowTicker {
        let Summary { open, high, low, close, volume, quote_volume, first_id, last_id, trades, .. } = self.summary;
        WindowTicker {
            change: self.change,
            change_percent: self.change_percent,
            open,
            high,
            low,
            close,
            average: self.average,
            volume,
            quote_volume,
            ts_open: span.0,
            ts_close: span.1,
            first_id,
            last_id,
            trades,
        }
    }
}

/// Quote volume by base volume; `None` where nothing was traded.
pub fn average_price(window: &Summary) -> Option<Decimal> {
    quotient(window.quote_volume, window.volume, AVERAGE_PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_window_is_told_with_the_places_of_the_tape() {
        let mut places = Places::default();
        places.observe(decimal("65742.10000000"), decimal("0.10000000"));
        let window = Summary {
            start: 0,
            first_id: 5,
            last_id: 6,
            trades: 2,
            open: decimal("65742.10000000"),
            high: decimal("65742.10000000"),
            low: decimal("65432.10000000"),
            close: decimal("65432.10000000"),
            volume: decimal("0.30000000"),
            quote_volume: decimal("19660.6300000050000000"),
        };
        let ticker = Statistics::new(&window, window.close, places).window_ticker((1, 2));
        assert_eq!(ticker.change.to_string(), "-310.00000000");
        assert_eq!(ticker.change_percent.to_string(), "-0.472");
        assert_eq!(ticker.average.to_string(), "65535.43333335");
        assert_eq!(ticker.quote_volume.to_string(), "19660.63000001");
        assert_eq!(ticker.volume.to_string(), "0.30000000");
    }

    #[test]
    fn an_empty_window_shows_the_last_price() {
        let mut places = Places::default();
        places.observe(decimal("5.10"), decimal("7.000"));
        let ticker = Statistics::new(&Summary::EMPTY, decimal("5.10"), places).window_ticker((1, 2));
        assert_eq!([ticker.open, ticker.high, ticker.low, ticker.close].map(|p| p.to_string()), ["5.10"; 4]);
        assert_eq!([ticker.volume, ticker.quote_volume].map(|v| v.to_string()), ["0.000"; 2]);
        assert_eq!((ticker.change.to_string(), ticker.change_percent.to_string()), ("0.00".into(), "0.000".into()));
        assert_eq!((ticker.first_id, ticker.last_id, ticker.trades), (-1, -1, 0));
    }
}
