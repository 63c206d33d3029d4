//! Kinds of ticks about executions and prices.

use crate::market::decimal::Decimal;
use crate::market::tick::book::Best;

/// Who crossed the spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taker {
    /// The buyer; the seller was the maker. Upbit's `BID`, Binance's `"m":false`.
    Buyer,
    /// The seller; the buyer was the maker. Upbit's `ASK`, Binance's `"m":true`.
    Seller,
}

/// Which way the price went since yesterday's close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Direction {
    Rise,
    Even,
    Fall,
}

/// The price against the close of the previous UTC day.
#[derive(Clone, Copy, Debug)]
pub struct DayChange {
    /// Close of the previous UTC day.
    pub previous_close: Decimal,
    /// Which way the price went.
    pub direction: Direction,
    /// By how much, never negative.
    pub amount: Decimal,
}

/// One execution.
#[derive(Clone, Copy, Debug)]
pub struct Trade {
    /// Unique for its symbol. Binance counts by one; Upbit's has 16 or 17 digits and is no counter.
    pub id: i64,
    /// Price.
    pub price: Decimal,
    /// Executed size in the base currency.
    pub size: Decimal,
    /// When it was executed.
    pub ts_trade: i64,
    /// Who crossed the spread.
    pub taker: Taker,
    /// Comparison with yesterday, where the feed says it (Upbit).
    pub day: Option<DayChange>,
    /// Best bid and ask after it, where the feed says them (Upbit since 2024-11).
    pub best: Option<Best>,
}

/// Executions of one taker order at one price.
#[derive(Clone, Copy, Debug)]
pub struct AggTrade {
    /// Counts by one for its symbol.
    pub id: i64,
    /// Price.
    pub price: Decimal,
    /// Size of all of them.
    pub size: Decimal,
    /// First trade's id.
    pub first_id: i64,
    /// Last trade's id.
    pub last_id: i64,
    /// When they were executed.
    pub ts_trade: i64,
    /// Who crossed the spread.
    pub taker: Taker,
}

/// The average price of five minutes.
#[derive(Clone, Copy, Debug)]
pub struct AvgPrice {
    /// Quote volume by base volume; the last price where nothing was traded.
    pub average: Decimal,
    /// When the last trade was executed.
    pub ts_trade: i64,
}

/// An execution agreed on outside of the book. It is part of no candle and no statistics.
#[derive(Clone, Copy, Debug)]
pub struct BlockTrade {
    /// Unique for its symbol; a numbering apart from that of [`Trade::id`].
    pub id: i64,
    /// Price.
    pub price: Decimal,
    /// Executed size in the base currency.
    pub size: Decimal,
    /// When it was executed.
    pub ts_trade: i64,
    /// Who counts as having crossed the spread.
    pub taker: Taker,
}

/// The price an exchange takes a market to be worth.
#[derive(Clone, Copy, Debug)]
pub struct ReferencePrice {
    /// In the quote currency; `None` while the market has no reference price.
    pub price: Option<Decimal>,
    /// When it was valid, by the exchange's clock. The message carries no other time.
    pub ts_valid: i64,
}
