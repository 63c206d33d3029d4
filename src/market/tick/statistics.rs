//! Kinds of ticks that sum up a time: candles, and statistics of windows and days.

use crate::market::decimal::Decimal;
use crate::market::tick::Level;
use crate::market::tick::book::Best;
use crate::market::tick::trade::{DayChange, Taker};

/// A candle.
#[derive(Clone, Copy, Debug)]
pub struct Kline {
    /// First instant.
    pub ts_open: i64,
    /// Last instant, in the unit of the feed: next open less one millisecond or microsecond.
    pub ts_close: i64,
    /// First trade's id, -1 without trades.
    pub first_id: i64,
    /// Last trade's id, -1 without trades.
    pub last_id: i64,
    /// Opening price.
    pub open: Decimal,
    /// Closing price, or the last so far.
    pub close: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// How many trades.
    pub trades: i64,
    /// Whether nothing more can be added to it.
    pub closed: bool,
    /// Volume in the quote currency.
    pub quote_volume: Decimal,
    /// Base volume bought by takers.
    pub taker_volume: Decimal,
    /// Quote volume spent by buying takers.
    pub taker_quote_volume: Decimal,
}

/// Statistics of the last 24 hours.
#[derive(Clone, Copy, Debug)]
pub struct Ticker {
    /// Last price less opening price.
    pub change: Decimal,
    /// The same in per cent of the opening price, three places.
    pub change_percent: Decimal,
    /// Quote volume by base volume.
    pub average: Decimal,
    /// Last price before the window.
    pub previous: Decimal,
    /// Last price.
    pub last: Level,
    /// Best bid and ask.
    pub best: Best,
    /// First price of the window.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// Volume in the quote currency.
    pub quote_volume: Decimal,
    /// The window's first instant.
    pub ts_open: i64,
    /// The window's last instant.
    pub ts_close: i64,
    /// First trade's id.
    pub first_id: i64,
    /// Last trade's id.
    pub last_id: i64,
    /// How many trades.
    pub trades: i64,
}

/// The shorter statistics of the last 24 hours.
#[derive(Clone, Copy, Debug)]
pub struct MiniTicker {
    /// Last price.
    pub close: Decimal,
    /// First price of the window.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// Volume in the quote currency.
    pub quote_volume: Decimal,
}

/// Statistics of a window that opens on a whole minute; which one, the channel says.
#[derive(Clone, Copy, Debug)]
pub struct WindowTicker {
    /// Last price less opening price.
    pub change: Decimal,
    /// The same in per cent of the opening price, three places.
    pub change_percent: Decimal,
    /// First price of the window.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Quote volume by base volume.
    pub average: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// Volume in the quote currency.
    pub quote_volume: Decimal,
    /// The window's first instant, a whole minute.
    pub ts_open: i64,
    /// The window's last instant.
    pub ts_close: i64,
    /// First trade's id, -1 without trades.
    pub first_id: i64,
    /// Last trade's id, -1 without trades.
    pub last_id: i64,
    /// How many trades.
    pub trades: i64,
}

/// A candle as it grows: what was traded from `ts_open` on. It exists from its first trade on.
#[derive(Clone, Copy, Debug)]
pub struct Candle {
    /// First instant, a multiple of its unit.
    pub ts_open: i64,
    /// First price.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price so far.
    pub close: Decimal,
    /// Volume in the base currency.
    pub volume: Decimal,
    /// Turnover in the quote currency.
    pub turnover: Decimal,
}

/// A price and the day it was reached.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// The price.
    pub price: Decimal,
    /// The day, counted from 1970-01-01 in UTC.
    pub day: i32,
}

/// Whether a market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum MarketState {
    Preview,
    Active,
    Delisted,
}

/// Statistics of the UTC day, with the last trade and the rolling 24 hours. All of it is Upbit's `ticker`.
#[derive(Clone, Copy, Debug)]
pub struct DayTicker {
    /// First price of the day.
    pub open: Decimal,
    /// Highest price of the day.
    pub high: Decimal,
    /// Lowest price of the day.
    pub low: Decimal,
    /// Last price.
    pub last: Level,
    /// Against yesterday.
    pub day: DayChange,
    /// The change with its sign.
    pub signed_change: Decimal,
    /// The change as a share of yesterday's close, ten places.
    pub change_rate: Decimal,
    /// The same with its sign.
    pub signed_change_rate: Decimal,
    /// Turnover of the day in the quote currency.
    pub turnover: Decimal,
    /// Volume of the day in the base currency.
    pub volume: Decimal,
    /// Volume sold by takers on the day.
    pub ask_volume: Decimal,
    /// Volume bought by takers on the day.
    pub bid_volume: Decimal,
    /// Rolling 24-hour turnover.
    pub turnover_24h: Decimal,
    /// Rolling 24-hour volume.
    pub volume_24h: Decimal,
    /// Who crossed the spread in the last trade.
    pub taker: Taker,
    /// When the last trade was executed.
    pub ts_trade: i64,
    /// Highest price of 52 weeks.
    pub highest_52w: Record,
    /// Lowest price of 52 weeks.
    pub lowest_52w: Record,
    /// Whether the market trades.
    pub state: MarketState,
    /// Upbit's deprecated `is_trading_suspended`.
    pub suspended: bool,
    /// Upbit's deprecated `market_warning`: true for `CAUTION`.
    pub caution: bool,
    /// The day it leaves the exchange; `None` for a market that stays.
    pub delisting_day: Option<i32>,
}
